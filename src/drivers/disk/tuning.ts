// What of a volume may change while it lives (CSI mutable parameters), and where it is kept. The one parameter is
// `readAheadKiB`: how far the kernel reads ahead on the volume's device, as /sys/block/loopN/queue/read_ahead_kb shows.
import { CsiError } from '#csi/csi-error.ts';
import type { LocalHost } from '#host/host.ts';
import type { Ledger } from './ledger.ts';
import type { PoolPaths } from './pool.ts';
import { damaged, isSize, parseFields } from './records.ts';
import { parseVolumeId, type VolumeId } from './volume-id.ts';

const READ_AHEAD = 'readAheadKiB';
const MAX_KIB = 65_536;

/** Written by the controller service alone. */
export interface TuningRecord {
  readonly id: VolumeId;
  readonly readAheadKiB: number;
}

export function decodeTuningRecord(bytes: Uint8Array, path: string): TuningRecord {
  const { id, readAheadKiB } = parseFields(bytes, path);
  const volumeId = typeof id === 'string' ? parseVolumeId(id) : undefined;
  if (volumeId === undefined || !path.endsWith(`/${volumeId}.json`))
    throw damaged(path, 'its "id" is not the one of its name');
  if (!isSize(readAheadKiB)) throw damaged(path, 'its "readAheadKiB" is no size');
  return { id: volumeId, readAheadKiB };
}

/** The read-ahead that is asked for; undefined: nothing is. INVALID_ARGUMENT for anything else. */
export function wantedReadAhead(parameters: Readonly<Record<string, string>>): number | undefined {
  const unknown = Object.keys(parameters).find((key) => key !== READ_AHEAD);
  if (unknown !== undefined) {
    throw new CsiError(
      'INVALID_ARGUMENT',
      `The mutable parameter ${JSON.stringify(unknown.slice(0, 80))} is unknown: this driver knows "${READ_AHEAD}"`,
    );
  }
  const text = parameters[READ_AHEAD];
  if (text === undefined) return undefined;
  const kib = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (kib % 4 === 0 && kib <= MAX_KIB) return kib;
  throw new CsiError(
    'INVALID_ARGUMENT',
    `"${READ_AHEAD}" is ${JSON.stringify(text.slice(0, 40))}: a multiple of 4 from 0 to ${MAX_KIB} is needed`,
  );
}

export interface TuningDeps {
  readonly host: Pick<LocalHost, 'images' | 'loops' | 'blocks'>;
  readonly ledger: Ledger;
  readonly paths: PoolPaths;
}

/** Records it, then applies it where the volume is in use; a volume that is not gets it when it is staged. */
export async function storeReadAhead(deps: TuningDeps, id: VolumeId, readAheadKiB: number): Promise<void> {
  const known = await deps.ledger.tunings.read(id);
  if (known?.readAheadKiB !== readAheadKiB) await deps.ledger.tunings.write(id, { id, readAheadKiB });
  await applyTuning(deps, id);
}

/** Sets what is recorded on the volume's device, if it has one here. */
export async function applyTuning({ host, ledger, paths }: TuningDeps, id: VolumeId): Promise<void> {
  const tuning = await ledger.tunings.read(id);
  if (tuning === undefined) return;
  const image = await host.images.stat(paths.image(id));
  const loop = (await host.loops.list()).find(
    ({ backingInode, backingDevice }) => backingInode === image?.inode && backingDevice === image.deviceId,
  );
  if (loop !== undefined) await host.blocks.setReadAheadKiB(loop.device, tuning.readAheadKiB);
}
