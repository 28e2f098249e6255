// All pages of ListVolumes. A plugin may show a volume twice or miss one that changes meanwhile, so what is not in the
// list is only a reason to look closer, never a proof.
import type { CallOptions, CsiController } from './client.ts';
import { CsiError } from './csi-error.ts';
import type { ListVolumesResponseEntry } from './generated/csi.ts';

// A plugin whose tokens go in circles must not hold the caller for ever.
const MAX_PAGES = 100_000;
const MAX_RESTARTS = 3;

/** Every entry by volume ID, the last one seen of each. ABORTED means that the token is too old: from the start again. */
export async function listAllVolumes(
  controller: Pick<CsiController, 'listVolumes'>,
  options: CallOptions,
): Promise<ReadonlyMap<string, ListVolumesResponseEntry>> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await listOnce(controller, options);
    } catch (error) {
      const isOldToken = error instanceof CsiError && error.code === 'ABORTED';
      if (!isOldToken || restarts === MAX_RESTARTS) throw error;
    }
  }
}

async function listOnce(
  controller: Pick<CsiController, 'listVolumes'>,
  options: CallOptions,
): Promise<ReadonlyMap<string, ListVolumesResponseEntry>> {
  const all = new Map<string, ListVolumesResponseEntry>();
  let startingToken = '';
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await controller.listVolumes({ maxEntries: 0, startingToken }, options);
    for (const entry of answer.entries) if (entry.volume !== null) all.set(entry.volume.volumeId, entry);
    if (answer.nextToken === '') return all;
    startingToken = answer.nextToken;
  }
  throw new Error(`Cannot list the volumes: the driver gave more than ${MAX_PAGES} pages`);
}
