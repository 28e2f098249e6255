// What the resizer's passes are made from.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment, VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import type { Stored } from '#api/object.ts';
import type { Driver } from '#csi/driver.ts';
import type { DriverFacts } from './view.ts';

/** The index of claims and attachments by the volume they name. */
export const BY_VOLUME = 'volume';
/** The index of pods by `namespace/claim`. */
export const BY_CLAIM = 'claim';

export interface ResizerDeps extends LoopDeps {
  readonly driver: Driver;
  readonly callTimeoutMs: number;
  /** Tell the driver of claim and volume names in ControllerModifyVolume, as `--extra-modify-metadata` does. */
  readonly hasExtraMetadata: boolean;
  /**
   * What this process knows besides the objects: final refusals by claim UID, with the size or class they were for, and
   * claims whose volume was called in use. After a restart each is unknown again, and the recorded target is replayed.
   */
  readonly refusedSizes: Map<string, string>;
  readonly refusedClasses: Map<string, string>;
  readonly inUseAnswers: Set<string>;
  readonly caches: {
    readonly claims: Informer<PersistentVolumeClaim>;
    readonly volumes: Informer<PersistentVolume>;
    readonly pods: Informer<Pod>;
    readonly attachments: Informer<VolumeAttachment>;
    readonly nodes: Informer<Node>;
    readonly classes: Informer<VolumeAttributesClass>;
  };
}

export const SETTLED: Outcome = { kind: 'settled' };

export interface BoundClaim {
  readonly claim: Stored<PersistentVolumeClaim>;
  readonly volume: Stored<PersistentVolume>;
}

/** What the driver can do to volumes that exist (RSZ9). */
export function driverFacts({
  name,
  controllerCapabilities,
  volumeExpansion,
}: Pick<Driver, 'name' | 'controllerCapabilities' | 'volumeExpansion'>): DriverFacts {
  const canExpandOnController = controllerCapabilities.has('EXPAND_VOLUME');
  return {
    name,
    canExpandOnController,
    canExpand: canExpandOnController || volumeExpansion !== undefined,
    canModify: controllerCapabilities.has('MODIFY_VOLUME'),
  };
}
