// The records of a pool on disk. Every write is synced before it returns (Files), so a step that is written before its
// effect can be taken up again after a kill at any instruction.
import { CsiError } from '#csi/csi-error.ts';
import type { Files } from '#files/files.ts';
import type { PoolPaths } from './pool.ts';
import {
  decodeFormatRecord,
  decodeVolumeRecord,
  encodeRecord,
  type FormatRecord,
  type VolumeRecord,
} from './records.ts';
import { type RecordStore, recordStore } from './record-store.ts';
import { type GroupId, parseGroupId, parseSnapshotId, type SnapshotId } from './snapshot-id.ts';
import {
  decodeFreezeRecord,
  decodeGroupRecord,
  decodeSnapshotRecord,
  type FreezeRecord,
  type GroupRecord,
  type SnapshotRecord,
} from './snapshot-records.ts';
import { decodeTuningRecord, type TuningRecord } from './tuning.ts';
import { parseVolumeId, type VolumeId } from './volume-id.ts';

export interface Ledger {
  readonly snapshots: RecordStore<SnapshotId, SnapshotRecord>;
  readonly groups: RecordStore<GroupId, GroupRecord>;
  readonly freezes: RecordStore<VolumeId, FreezeRecord>;
  readonly tunings: RecordStore<VolumeId, TuningRecord>;
  /** The directories of the pool, made when missing. */
  prepare(): Promise<void>;
  read(id: VolumeId): Promise<VolumeRecord | undefined>;
  write(record: VolumeRecord): Promise<void>;
  remove(id: VolumeId): Promise<void>;
  /** Every record, by id. */
  list(): Promise<readonly VolumeRecord[]>;
  readFormat(id: VolumeId): Promise<FormatRecord | undefined>;
  writeFormat(record: FormatRecord): Promise<void>;
  removeFormat(id: VolumeId): Promise<void>;
  hasNode(nodeId: string): Promise<boolean>;
  writeNode(nodeId: string): Promise<void>;
}

export function poolLedger(files: Files, paths: PoolPaths): Ledger {
  const read = async (id: VolumeId): Promise<VolumeRecord | undefined> => {
    const bytes = await files.read(paths.record(id));
    return bytes === undefined ? undefined : decodeVolumeRecord(bytes, paths.record(id));
  };
  return {
    snapshots: recordStore(files, {
      directory: paths.snapshotRecords,
      parse: parseSnapshotId,
      decode: decodeSnapshotRecord,
    }),
    groups: recordStore(files, {
      directory: paths.groupRecords,
      parse: parseGroupId,
      decode: decodeGroupRecord,
    }),
    freezes: recordStore(files, {
      directory: paths.freezes,
      parse: parseVolumeId,
      decode: decodeFreezeRecord,
    }),
    tunings: recordStore(files, {
      directory: paths.tunings,
      parse: parseVolumeId,
      decode: decodeTuningRecord,
    }),
    async prepare() {
      const { volumes, ledger, formats, nodes, tunings } = paths;
      const { snapshots, snapshotRecords, groupRecords, freezes } = paths;
      const volumeParts = [volumes, ledger, formats, nodes, tunings];
      for (const directory of [...volumeParts, snapshots, snapshotRecords, groupRecords, freezes]) {
        await files.makeDirectory(directory);
      }
    },
    read,
    write: (record) => files.write(paths.record(record.id), encodeRecord(record)),
    remove: (id) => files.remove(paths.record(id)),
    async list() {
      const ids = (await files.list(paths.ledger)).map((name) => parseVolumeId(name.replace(/\.json$/, '')));
      const records = await Promise.all(ids.filter((id) => id !== undefined).map(read));
      return records.filter((record) => record !== undefined).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    async readFormat(id) {
      const bytes = await files.read(paths.format(id));
      return bytes === undefined ? undefined : decodeFormatRecord(bytes, paths.format(id));
    },
    writeFormat: (record) => files.write(paths.format(record.id), encodeRecord(record)),
    removeFormat: (id) => files.remove(paths.format(id)),
    hasNode: (nodeId) => files.exists(paths.node(nodeId)),
    writeNode: (nodeId) => files.write(paths.node(nodeId), Buffer.from(`${JSON.stringify({ nodeId })}\n`)),
  };
}

/** The volume of a request; INVALID_ARGUMENT without an id, NOT_FOUND when there is none. */
export async function existingVolume(ledger: Ledger, volumeId: string): Promise<VolumeRecord> {
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  const id = parseVolumeId(volumeId);
  const record = id === undefined ? undefined : await ledger.read(id);
  if (record !== undefined && record.phase !== 'creating') return record;
  throw new CsiError(
    'NOT_FOUND',
    `There is no volume ${JSON.stringify(volumeId.slice(0, 140))} in this pool`,
  );
}
