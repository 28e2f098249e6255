// The scheduler's indexes over shared informers; their names carry the part's, since all loops share one cache.
import type { PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { classOfVolume } from '#rules/storage-class.ts';

export const SCHEDULER_NAME = 'default-scheduler';
export const PODS_BY_NODE = 'scheduler/node';
export const PODS_BY_CLAIM = 'scheduler/claim';
export const PENDING_PODS = 'scheduler/pending';
export const VOLUMES_BY_CLAIM = 'scheduler/claim';
export const FREE_VOLUMES_BY_CLASS = 'scheduler/free-class';
export const ATTACHMENTS_BY_NODE = 'scheduler/node';
/** The one value of the index of pending pods. */
export const PENDING = 'pending';

/** True for a pod that this scheduler has to place. */
export function isPending(pod: Pod): boolean {
  if ((pod.spec?.nodeName ?? '') !== '' || isTerminal(pod)) return false;
  return (pod.spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME;
}

export const podIndexes = {
  [PODS_BY_NODE]: (pod: Pod): readonly string[] => {
    const node = pod.spec?.nodeName ?? '';
    return node === '' ? [] : [node];
  },
  [PODS_BY_CLAIM]: claimKeysOfPod,
  [PENDING_PODS]: (pod: Pod): readonly string[] => (isPending(pod) ? [PENDING] : []),
};

export const volumeIndexes = {
  [VOLUMES_BY_CLAIM]: (volume: PersistentVolume): readonly string[] => {
    const key = claimKeyOf(volume);
    return key === undefined ? [] : [key];
  },
  [FREE_VOLUMES_BY_CLASS]: (volume: PersistentVolume): readonly string[] =>
    isFree(volume) ? [classOfVolume(volume)] : [],
};

export const attachmentIndexes = {
  [ATTACHMENTS_BY_NODE]: ({ spec }: VolumeAttachment): readonly string[] => [spec.nodeName],
};

/** True for a volume that belongs to nobody and may be given away. */
export function isFree({ spec, status }: PersistentVolume): boolean {
  return spec?.claimRef === undefined && status?.phase === 'Available';
}
