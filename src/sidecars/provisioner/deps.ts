// What the provisioner's reconcilers may touch.
import type { ConfigMap, Node, PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { CSINode, StorageClass } from '#api/generated/storage-v1.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Driver } from '#csi/driver.ts';
import type { LiveReads } from '#rules/proofs.ts';
import type { ProvisionerBehaviour } from './options.ts';

export interface ProvisionerCaches {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly intents: Informer<ConfigMap>;
  readonly nodes: Informer<Node>;
  readonly csiNodes: Informer<CSINode>;
}

export interface ProvisionerDeps extends LoopDeps {
  readonly driver: Driver;
  readonly behaviour: ProvisionerBehaviour;
  readonly caches: ProvisionerCaches;
  /** What proofs read: `api`, with lists shared by proofs made at the same time. */
  readonly live: LiveReads;
  /** One call's deadline; after it the outcome is unknown. */
  readonly callTimeoutMs: number;
  /**
   * Names of intents that this process wrote and for which it has not called the driver. Losing it (a crash) only
   * makes recovery more careful: an intent that is not in here has perhaps been called for.
   */
  readonly freshIntents: Set<string>;
  /** Intents whose every call so far was answered with certainty: nothing exists for them on the driver. */
  readonly answeredIntents: Set<string>;
  /** Volume name to what was last said about a claim that waits, so that a quiet world says nothing (law 10). */
  readonly said: Map<string, string>;
  /** Volume name to the time (monotonic) at which this node tries to take the claim (PRV72). */
  readonly races: Map<string, number>;
}

/** The index of claims by UID. */
export const BY_UID = 'uid';
/** The index of volumes by CSI driver and handle. */
export const BY_HANDLE = 'handle';

/** The index value of a volume's handle; NUL cannot occur in either part. */
export function handleKey(driver: string, handle: string): string {
  return `${driver}\u0000${handle}`;
}
