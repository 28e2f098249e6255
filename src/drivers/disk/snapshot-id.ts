// Ids of snapshots and groups of snapshots: opaque keys made from their names, as volumes' are (volume-id.ts).
import type { Brand } from '#base/brand.ts';
import { sha256Hex } from '#base/sha256.ts';
import type { VolumeId } from './volume-id.ts';

export type SnapshotId = Brand<string, 'SnapshotId'>;
export type GroupId = Brand<string, 'GroupId'>;

const SNAPSHOT_FORM = /^snap-[0-9a-f]{32}$/;
const GROUP_FORM = /^group-[0-9a-f]{32}$/;

export function snapshotIdOf(name: string): SnapshotId {
  return `snap-${sha256Hex(name).slice(0, 32)}` as SnapshotId;
}

export function groupIdOf(name: string): GroupId {
  return `group-${sha256Hex(name).slice(0, 32)}` as GroupId;
}

/** The member of a group that shows this volume. No name can hold a zero byte, so no snapshot has this id. */
export function memberIdOf(group: GroupId, volume: VolumeId): SnapshotId {
  return snapshotIdOf(`${group}\0${volume}`);
}

/** An id from a request; undefined when it has not the form of ours. */
export function parseSnapshotId(text: string): SnapshotId | undefined {
  return SNAPSHOT_FORM.test(text) ? (text as SnapshotId) : undefined;
}

export function parseGroupId(text: string): GroupId | undefined {
  return GROUP_FORM.test(text) ? (text as GroupId) : undefined;
}
