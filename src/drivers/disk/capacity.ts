// How much a pool can still promise. Sparse images take their space later, so what is promised and not yet taken is
// reserved: a pool is never overcommitted.
import { CsiError } from '#csi/csi-error.ts';
import type { LocalHost } from '#host/host.ts';
import type { Ledger } from './ledger.ts';
import type { PoolPaths } from './pool.ts';
import type { VolumeRecord } from './records.ts';

export interface Capacity {
  /** What new volumes may still take together. */
  readonly availableBytes: number;
  readonly promisedBytes: number;
}

export interface CapacityDeps {
  readonly host: Pick<LocalHost, 'images' | 'filesystems'>;
  readonly ledger: Ledger;
  readonly paths: PoolPaths;
  /** The sum of all volumes may not be larger; undefined: the file system of the pool is the only limit. */
  readonly limitBytes: number | undefined;
}

/** The size a record stands for: while it grows, the larger one. */
const promisedOf = ({ sizeBytes, growingToBytes }: VolumeRecord): number =>
  Math.max(sizeBytes, growingToBytes ?? 0);

export async function poolCapacity({ host, ledger, paths, limitBytes }: CapacityDeps): Promise<Capacity> {
  const records = await ledger.list();
  const images = await Promise.all(records.map(({ id }) => host.images.stat(paths.image(id))));
  const usage = await host.filesystems.usage(paths.volumes);
  let promisedBytes = 0;
  let reservedBytes = 0;
  for (const [index, record] of records.entries()) {
    const promised = promisedOf(record);
    promisedBytes += promised;
    // What an image shares with another one is not taken until one of the two changes.
    reservedBytes += Math.max(0, promised - (images[index]?.allocatedBytes ?? 0)) + record.sharedBytes;
  }
  for (const { heldBytes, isShared, phase } of await ledger.snapshots.list()) {
    promisedBytes += heldBytes;
    if (isShared || phase === 'cutting') reservedBytes += heldBytes;
  }
  const onDisk = Number(usage.availableBytes) - reservedBytes;
  const underLimit = limitBytes === undefined ? onDisk : limitBytes - promisedBytes;
  return { availableBytes: Math.max(0, Math.min(onDisk, underLimit)), promisedBytes };
}

/** RESOURCE_EXHAUSTED, with what is free and what would be needed, unless `neededBytes` can be promised. */
export async function demandCapacity(deps: CapacityDeps, neededBytes: number, what: string): Promise<void> {
  const { availableBytes, promisedBytes } = await poolCapacity(deps);
  if (neededBytes <= availableBytes) return;
  throw new CsiError(
    'RESOURCE_EXHAUSTED',
    `Cannot ${what}: ${neededBytes} bytes are needed and ${availableBytes} are free in the pool ` +
      `(${promisedBytes} are promised to other volumes); delete volumes or give the pool more space`,
  );
}
