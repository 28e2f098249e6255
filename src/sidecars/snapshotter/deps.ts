// What the snapshotter's reconcilers may touch.
import type { VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Driver } from '#csi/driver.ts';
import type { LiveReads } from '#rules/proofs.ts';

export interface SnapshotterDeps extends LoopDeps {
  readonly driver: Driver;
  /** What proofs read. */
  readonly live: LiveReads;
  /** One call's deadline; after it the outcome is unknown. */
  readonly callTimeoutMs: number;
  /** Add the names of snapshot and content to the parameters, for drivers that want them. */
  readonly extraCreateMetadata: boolean;
  readonly caches: {
    readonly contents: Informer<VolumeSnapshotContent>;
    readonly groupContents: Informer<VolumeGroupSnapshotContent>;
  };
  /**
   * UIDs of contents that this process annotated and whose every call was answered with certainty. Losing it (a crash)
   * only makes recovery more careful.
   */
  readonly answered: Set<string>;
}
