// ListSnapshots in pages by id, like ListVolumes. What does not exist is an empty list.
import type { Sparse } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { ListSnapshotsRequest, ListSnapshotsResponse } from '#csi/generated/csi.ts';
import { readySnapshot, snapshotOf } from './create-snapshot.ts';
import type { Ledger } from './ledger.ts';
import { parseSnapshotId } from './snapshot-id.ts';

export async function listSnapshots(
  ledger: Ledger,
  { maxEntries, startingToken, snapshotId, sourceVolumeId }: ListSnapshotsRequest,
): Promise<Sparse<ListSnapshotsResponse>> {
  if (maxEntries < 0)
    throw new CsiError('INVALID_ARGUMENT', `"max_entries" is ${maxEntries}, it cannot be negative`);
  if (startingToken !== '' && parseSnapshotId(startingToken) === undefined) {
    throw new CsiError('ABORTED', 'The "starting_token" is not one of this driver: begin again without one');
  }
  const candidates = (await ledger.snapshots.list()).filter(
    (record) =>
      record.id > startingToken &&
      (snapshotId === '' || record.id === snapshotId) &&
      (sourceVolumeId === '' || record.sourceVolumeId === sourceVolumeId),
  );
  const shown = await Promise.all(candidates.map(({ id }) => readySnapshot({ ledger }, id)));
  const records = shown.filter((record) => record !== undefined);
  const page = maxEntries === 0 ? records : records.slice(0, maxEntries);
  return {
    entries: page.map((record) => ({ snapshot: snapshotOf(record) })),
    nextToken: page.length < records.length ? (page.at(-1)?.id ?? '') : '',
  };
}
