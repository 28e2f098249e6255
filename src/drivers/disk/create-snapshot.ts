// CreateSnapshot and DeleteSnapshot. A snapshot is an image of its own: by reflink where the pool's file system has it,
// else a copy of the data. It depends on its source only while it is cut.
//
//   create: record `cutting` → image → record `ready`      delete: record `deleting` → image gone → record gone
//
// A cut that fails leaves nothing; one that was killed is begun again by the same call, since nobody has seen it.
import { CsiError } from '#csi/csi-error.ts';
import type { CreateSnapshotRequest, Snapshot } from '#csi/generated/csi.ts';
import { demandCapacity } from './capacity.ts';
import type { ControllerParts } from './controller.ts';
import { existingVolume } from './ledger.ts';
import { demandParameters } from './parameters.ts';
import type { VolumeRecord } from './records.ts';
import { type SnapshotId, parseSnapshotId, snapshotIdOf } from './snapshot-id.ts';
import type { SnapshotRecord } from './snapshot-records.ts';
import { whileStill } from './still-image.ts';

export interface SnapshotWanted {
  readonly id: SnapshotId;
  readonly name: string;
  readonly sourceVolumeId: string;
}

/** Reads and checks a request. */
export function snapshotWanted({ name, sourceVolumeId, parameters }: CreateSnapshotRequest): SnapshotWanted {
  if (name === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "name"');
  if (sourceVolumeId === '')
    throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "source_volume_id"');
  demandParameters(parameters, 'create the snapshot');
  return { id: snapshotIdOf(name), name, sourceVolumeId };
}

/** Cuts the snapshot or finds it: whatever a call before this one had done. */
export async function createSnapshot(
  parts: ControllerParts,
  wanted: SnapshotWanted,
): Promise<SnapshotRecord> {
  const { ledger } = parts;
  const known = await ledger.snapshots.read(wanted.id);
  if (known !== undefined) {
    if (known.name !== wanted.name || known.sourceVolumeId !== wanted.sourceVolumeId) {
      throw new CsiError(
        'ALREADY_EXISTS',
        `The snapshot ${wanted.id} of this name exists and shows volume ${known.sourceVolumeId}`,
      );
    }
    if (known.phase === 'ready') return known;
    if (known.phase === 'deleting')
      throw new CsiError('ABORTED', `The snapshot ${wanted.id} is being deleted: try again later`);
  }
  const source = await existingVolume(ledger, wanted.sourceVolumeId);
  const begun = await parts.inTurn(() => beginCut(parts, source, wanted, known));
  return orForget(parts, [begun.id], async () => {
    const cut = await whileStill(parts, [source], (signal) => cutImage(parts, begun, signal));
    const ready: SnapshotRecord = { ...cut, phase: 'ready' };
    await ledger.snapshots.write(ready.id, ready);
    return ready;
  });
}

/** Records the cut, and so keeps the space for it. */
export async function beginCut(
  { ledger, host, paths, ...parts }: ControllerParts,
  source: VolumeRecord,
  { id, name, groupId }: { id: SnapshotId; name: string; groupId?: SnapshotRecord['groupId'] },
  known: SnapshotRecord | undefined,
): Promise<SnapshotRecord> {
  if (known !== undefined) return known;
  const image = await host.images.stat(paths.image(source.id));
  const heldBytes = image?.allocatedBytes ?? 0;
  await demandCapacity(
    { ledger, host, paths, limitBytes: parts.limitBytes },
    heldBytes,
    `snapshot volume ${source.id}, which holds ${heldBytes} bytes`,
  );
  const record: SnapshotRecord = {
    id,
    name,
    phase: 'cutting',
    sourceVolumeId: source.id,
    sizeBytes: image?.sizeBytes ?? source.sizeBytes,
    heldBytes,
    isShared: false,
    createdAt: 0,
    format: { state: 'blank', fsType: undefined, filledBytes: 0 },
    groupId,
  };
  await ledger.snapshots.write(id, record);
  return record;
}

/** Makes the image; the source stands still. What a killed cut left is thrown away first. */
export async function cutImage(
  { ledger, host, paths, clock }: ControllerParts,
  begun: SnapshotRecord,
  signal: AbortSignal,
): Promise<SnapshotRecord> {
  const source = await existingVolume(ledger, begun.sourceVolumeId);
  const format = await ledger.readFormat(source.id);
  if (format === undefined)
    throw new CsiError('INTERNAL', `Volume ${source.id} has no record of its format: it is not copied`);
  if (format.state === 'formatting')
    throw new CsiError('ABORTED', `Volume ${source.id} is just being formatted: try again later`);
  const image = paths.snapshotImage(begun.id);
  await host.images.remove(image);
  const createdAt = Math.floor(clock.now());
  const { isShared } = await host.images.copy(paths.image(source.id), image, signal);
  const made = await host.images.stat(image);
  const { state, fsType, filledBytes } = format;
  return {
    ...begun,
    sizeBytes: made?.sizeBytes ?? begun.sizeBytes,
    heldBytes: made?.allocatedBytes ?? begun.heldBytes,
    isShared,
    createdAt,
    format: { state, fsType, filledBytes },
  };
}

/** A failed cut keeps neither space nor a name: its caller may never ask again. */
export async function orForget<T>(
  { ledger, host, paths }: ControllerParts,
  ids: readonly SnapshotId[],
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    for (const id of ids) {
      await host.images.remove(paths.snapshotImage(id));
      await ledger.snapshots.remove(id);
    }
    throw error;
  }
}

/** A snapshot that can be shown or restored; a member of a group only once the whole group is there. */
export async function readySnapshot(
  { ledger }: Pick<ControllerParts, 'ledger'>,
  snapshotId: string,
): Promise<SnapshotRecord | undefined> {
  const id = parseSnapshotId(snapshotId);
  const record = id === undefined ? undefined : await ledger.snapshots.read(id);
  if (record?.phase !== 'ready') return undefined;
  if (record.groupId === undefined) return record;
  return (await ledger.groups.read(record.groupId))?.phase === 'ready' ? record : undefined;
}

export async function existingSnapshot(
  parts: Pick<ControllerParts, 'ledger'>,
  snapshotId: string,
): Promise<SnapshotRecord> {
  if (snapshotId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "snapshot_id"');
  const record = await readySnapshot(parts, snapshotId);
  if (record !== undefined) return record;
  throw new CsiError(
    'NOT_FOUND',
    `There is no snapshot ${JSON.stringify(snapshotId.slice(0, 140))} in this pool`,
  );
}

/** Nothing of the snapshot stays; one that does not exist is deleted as asked. */
export async function deleteSnapshot(parts: ControllerParts, id: SnapshotId): Promise<void> {
  const record = await parts.ledger.snapshots.read(id);
  if (record === undefined) return;
  if (record.groupId !== undefined) {
    throw new CsiError(
      'INVALID_ARGUMENT',
      `Snapshot ${id} is a member of ${record.groupId}: DeleteVolumeGroupSnapshot deletes them together`,
    );
  }
  await removeSnapshot(parts, record);
}

export async function removeSnapshot(
  { ledger, host, paths }: ControllerParts,
  record: SnapshotRecord,
): Promise<void> {
  const { id } = record;
  if (record.phase !== 'deleting') await ledger.snapshots.write(id, { ...record, phase: 'deleting' });
  await host.images.remove(paths.snapshotImage(id));
  await ledger.snapshots.remove(id);
}

/** A snapshot as replies show it. */
export function snapshotOf({ id, sourceVolumeId, sizeBytes, createdAt, groupId }: SnapshotRecord): Snapshot {
  return {
    snapshotId: id,
    sourceVolumeId,
    sizeBytes: String(sizeBytes),
    creationTime: timestampOf(createdAt),
    readyToUse: true,
    groupSnapshotId: groupId ?? '',
  };
}

export function timestampOf(ms: number): { readonly seconds: string; readonly nanos: number } {
  return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
