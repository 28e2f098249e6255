// What the driver remembers of a snapshot, of a group of them, and of a freeze that is under way. Strict like records.ts.
import { damaged, decodeFormat, type FormatRecord, isSize, parseFields } from './records.ts';
import { type GroupId, parseGroupId, parseSnapshotId, type SnapshotId } from './snapshot-id.ts';
import { parseVolumeId, type VolumeId } from './volume-id.ts';

/** `cutting` until the image is whole, `deleting` from the first step of the end. */
export type SnapshotPhase = 'cutting' | 'ready' | 'deleting';

/** What a copied image holds, as the source's format record said at that moment. */
export type CopiedFormat = Pick<FormatRecord, 'state' | 'fsType' | 'filledBytes'>;

/** Written by the controller service alone. */
export interface SnapshotRecord {
  readonly id: SnapshotId;
  readonly name: string;
  readonly phase: SnapshotPhase;
  readonly sourceVolumeId: VolumeId;
  /** The size of the source at the cut; a volume made from it is at least as large. */
  readonly sizeBytes: number;
  /** What is kept for it in the pool, also where it still shares it with its source. */
  readonly heldBytes: number;
  readonly isShared: boolean;
  /** Milliseconds of the wall clock at the cut. */
  readonly createdAt: number;
  readonly format: CopiedFormat;
  /** A member of a group is there only once the group's record says ready. */
  readonly groupId: GroupId | undefined;
}

export interface GroupRecord {
  readonly id: GroupId;
  readonly name: string;
  readonly phase: SnapshotPhase;
  readonly sourceVolumeIds: readonly VolumeId[];
  readonly createdAt: number;
}

/** Written before a file system is frozen, so that a process that follows a killed one can thaw it. */
export interface FreezeRecord {
  readonly volumeId: VolumeId;
  readonly mountPoint: string;
  readonly device: string;
}

export function decodeSnapshotRecord(bytes: Uint8Array, path: string): SnapshotRecord {
  const fields = parseFields(bytes, path);
  const { id, name, sourceVolumeId, sizeBytes, heldBytes, isShared, createdAt, format, groupId } = fields;
  const snapshotId = typeof id === 'string' ? parseSnapshotId(id) : undefined;
  if (snapshotId === undefined || !path.endsWith(`/${snapshotId}.json`))
    throw damaged(path, 'its "id" is not the one of its name');
  if (typeof name !== 'string') throw damaged(path, 'its "name" is no text');
  const group = typeof groupId === 'string' ? parseGroupId(groupId) : undefined;
  if (groupId !== undefined && group === undefined) throw damaged(path, 'its "groupId" is none of ours');
  if (!isSize(sizeBytes) || !isSize(heldBytes)) throw damaged(path, 'one of its sizes is no size');
  if (typeof isShared !== 'boolean') throw damaged(path, 'its "isShared" is no boolean');
  if (!isSize(createdAt)) throw damaged(path, 'its "createdAt" is no time');
  return {
    id: snapshotId,
    name,
    phase: phaseOf(fields['phase'], path),
    sourceVolumeId: volumeIdOf(sourceVolumeId, path),
    sizeBytes,
    heldBytes,
    isShared,
    createdAt,
    format: decodeFormat(typeof format === 'object' && format !== null ? { ...format } : {}, path),
    groupId: group,
  };
}

export function decodeGroupRecord(bytes: Uint8Array, path: string): GroupRecord {
  const fields = parseFields(bytes, path);
  const { id, name, sourceVolumeIds, createdAt } = fields;
  const groupId = typeof id === 'string' ? parseGroupId(id) : undefined;
  if (groupId === undefined || !path.endsWith(`/${groupId}.json`))
    throw damaged(path, 'its "id" is not the one of its name');
  if (typeof name !== 'string') throw damaged(path, 'its "name" is no text');
  if (!Array.isArray(sourceVolumeIds)) throw damaged(path, 'its "sourceVolumeIds" is no list');
  if (!isSize(createdAt)) throw damaged(path, 'its "createdAt" is no time');
  return {
    id: groupId,
    name,
    phase: phaseOf(fields['phase'], path),
    sourceVolumeIds: sourceVolumeIds.map((one: unknown) => volumeIdOf(one, path)),
    createdAt,
  };
}

export function decodeFreezeRecord(bytes: Uint8Array, path: string): FreezeRecord {
  const { volumeId, mountPoint, device } = parseFields(bytes, path);
  if (typeof mountPoint !== 'string' || typeof device !== 'string')
    throw damaged(path, 'it does not say what was frozen');
  return { volumeId: volumeIdOf(volumeId, path), mountPoint, device };
}

function phaseOf(value: unknown, path: string): SnapshotPhase {
  if (value === 'cutting' || value === 'ready' || value === 'deleting') return value;
  throw damaged(path, 'its "phase" is unknown');
}

function volumeIdOf(value: unknown, path: string): VolumeId {
  const id = typeof value === 'string' ? parseVolumeId(value) : undefined;
  if (id === undefined) throw damaged(path, 'a volume in it is none of ours');
  return id;
}
