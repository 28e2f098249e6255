// The status of a snapshot as its content says it. Pure.
import { formatTime } from '#base/clock.ts';
import type {
  VolumeGroupSnapshot,
  VolumeGroupSnapshotContent,
  VolumeGroupSnapshotStatus,
} from '#api/generated/groupsnapshot-v1.ts';
import type {
  VolumeSnapshot,
  VolumeSnapshotContent,
  VolumeSnapshotStatus,
} from '#api/generated/snapshot-v1.ts';
import { formatBytes } from '#api/quantity.ts';
import type { Stored } from '#api/object.ts';

export function snapshotStatus(
  snapshot: VolumeSnapshot,
  { metadata, status }: Stored<VolumeSnapshotContent>,
): VolumeSnapshotStatus {
  const { creationTime, restoreSize, error } = status ?? {};
  const group = groupNameOf(snapshot);
  return {
    boundVolumeSnapshotContentName: metadata.name,
    readyToUse: status?.readyToUse ?? false,
    ...(creationTime === undefined ? {} : { creationTime: formatTime(creationTime / 1_000_000) }),
    ...(restoreSize === undefined ? {} : { restoreSize: formatBytes(BigInt(restoreSize)) }),
    ...(error === undefined ? {} : { error }),
    ...(group === undefined ? {} : { volumeGroupSnapshotName: group }),
  };
}

function groupNameOf({ metadata }: VolumeSnapshot): string | undefined {
  return metadata.ownerReferences?.find(({ kind }) => kind === 'VolumeGroupSnapshot')?.name;
}

export function groupStatus(
  { metadata, status }: Stored<VolumeGroupSnapshotContent>,
  areMembersThere: boolean,
): VolumeGroupSnapshotStatus {
  return {
    boundVolumeGroupSnapshotContentName: metadata.name,
    // A group is ready for use once its members are.
    readyToUse: (status?.readyToUse ?? false) && areMembersThere,
    ...(status?.creationTime === undefined ? {} : { creationTime: status.creationTime }),
    ...(status?.error === undefined ? {} : { error: status.error }),
  };
}

/** Equal whatever the order of fields. */
export function isSameStatus(
  one: VolumeSnapshot['status'] | VolumeGroupSnapshot['status'],
  other: VolumeSnapshot['status'] | VolumeGroupSnapshot['status'],
): boolean {
  return canonical(one ?? {}) === canonical(other ?? {});
}

function canonical(value: object): string {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const inside = entries.map(([key, one]): [string, unknown] => [
    key,
    typeof one === 'object' && one !== null ? canonical(one) : one,
  ]);
  return JSON.stringify(inside.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
