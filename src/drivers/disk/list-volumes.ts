// ListVolumes in pages by id: a page begins after the id that its token names, so that volumes that come and go in
// between shift nothing.
import type { Sparse } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { ListVolumesRequest, ListVolumesResponse } from '#csi/generated/csi.ts';
import { volumeOf } from './create-volume.ts';
import type { Ledger } from './ledger.ts';
import { parseVolumeId } from './volume-id.ts';

export async function listVolumes(
  ledger: Ledger,
  poolName: string,
  { maxEntries, startingToken }: ListVolumesRequest,
): Promise<Sparse<ListVolumesResponse>> {
  if (maxEntries < 0)
    throw new CsiError('INVALID_ARGUMENT', `"max_entries" is ${maxEntries}, it cannot be negative`);
  if (startingToken !== '' && parseVolumeId(startingToken) === undefined) {
    throw new CsiError('ABORTED', 'The "starting_token" is not one of this driver: begin again without one');
  }
  const records = (await ledger.list()).filter(({ id, phase }) => phase === 'ready' && id > startingToken);
  const page = maxEntries === 0 ? records : records.slice(0, maxEntries);
  return {
    entries: page.map((record) => ({
      volume: volumeOf(record, poolName),
      status: { publishedNodeIds: record.attachment === undefined ? [] : [record.attachment.nodeId] },
    })),
    nextToken: page.length < records.length ? (page.at(-1)?.id ?? '') : '',
  };
}
