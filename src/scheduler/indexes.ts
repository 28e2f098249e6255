// The scheduler's indexes over shared informers; their names carry the part's, since all loops share one cache.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { classOfVolume } from '#rules/storage-class.ts';

export const SCHEDULER_NAME = 'default-scheduler';
export const PODS_BY_CLAIM = 'scheduler/claim';
/** Claims by the volume they name. */
export const CLAIMS_BY_VOLUME = 'scheduler/volume';
export const VOLUMES_BY_CLAIM = 'scheduler/claim';
export const FREE_VOLUMES_BY_CLASS = 'scheduler/free-class';
export const CAPACITIES_BY_CLASS = 'scheduler/class';
/** Pods without a node for which room is being made on one. */
export const NOMINATED_PODS = 'scheduler/nominated';
/** The one value of the index of nominated pods. */
export const NOMINATED = 'nominated';

/** True for a pod that this scheduler has to place. */
export function isPending(pod: Pod): boolean {
  if ((pod.spec?.nodeName ?? '') !== '' || isTerminal(pod)) return false;
  return (pod.spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME;
}

/** SCH1 to SCH3: ours, without a node, not being deleted, not held by a gate. */
export function isPlaceable(pod: Pod): boolean {
  if (!isPending(pod) || pod.metadata.deletionTimestamp !== undefined) return false; // SCH2
  return (pod.spec?.schedulingGates ?? []).length === 0;
}

export const podIndexes = {
  [PODS_BY_CLAIM]: claimKeysOfPod,
  [NOMINATED_PODS]: (pod: Pod): readonly string[] =>
    (pod.status?.nominatedNodeName ?? '') !== '' && isPending(pod) ? [NOMINATED] : [],
};

export const claimIndexes = {
  [CLAIMS_BY_VOLUME]: ({ spec }: PersistentVolumeClaim): readonly string[] => {
    const volume = spec?.volumeName ?? '';
    return volume === '' ? [] : [volume];
  },
};

export const volumeIndexes = {
  [VOLUMES_BY_CLAIM]: (volume: PersistentVolume): readonly string[] => {
    const key = claimKeyOf(volume);
    return key === undefined ? [] : [key];
  },
  [FREE_VOLUMES_BY_CLASS]: (volume: PersistentVolume): readonly string[] =>
    isFree(volume) ? [classOfVolume(volume)] : [],
};

export const capacityIndexes = {
  [CAPACITIES_BY_CLASS]: ({ storageClassName }: CSIStorageCapacity): readonly string[] => [storageClassName],
};

/** True for a volume that belongs to nobody and may be given away. */
export function isFree({ spec, status }: PersistentVolume): boolean {
  return spec?.claimRef === undefined && status?.phase === 'Available';
}
