// Making images stand still while they are copied. A volume that no node has stands still by itself, since the call that
// copies it keeps it from being attached. A mounted one is frozen through its mount, which this service finds in the
// mount table that it shares with the node service of its machine: everything written before is then in the image.
// Whatever is neither cannot be copied as of one moment, and is refused instead.
import { codeOf } from '#base/errors.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { FrozenMount } from '#host/host.ts';
import type { ControllerParts } from './controller.ts';
import type { VolumeRecord } from './records.ts';
import type { VolumeId } from './volume-id.ts';

// Writers wait meanwhile: longer than this looks like a hung disk. Without reflink it is a few gigabytes of data.
const FREEZE_LIMIT_MS = 10_000;

interface Freeze extends FrozenMount {
  readonly volumeId: VolumeId;
}

/** Runs `step` while none of these volumes changes; its signal aborts when writers have waited too long. */
export async function whileStill<T>(
  parts: ControllerParts,
  volumes: readonly VolumeRecord[],
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const freezes: Freeze[] = [];
  for (const volume of volumes) {
    const freeze = await freezeNeeded(parts, volume);
    if (freeze !== undefined) freezes.push(freeze);
  }
  const limit = new AbortController();
  if (freezes.length === 0) return step(limit.signal);
  const timer = parts.clock.after(FREEZE_LIMIT_MS, 'deadline', () => limit.abort());
  try {
    return await frozen(parts, freezes, () => step(limit.signal));
  } catch (error) {
    if (codeOf(error) !== 'TIMEOUT') throw error;
    throw new CsiError(
      'FAILED_PRECONDITION',
      `The copy took longer than the ${FREEZE_LIMIT_MS} ms for which a mounted volume is frozen, and this pool's file ` +
        'system has no reflink: stop the pods that use the volume first, or put the pool on xfs or btrfs',
    );
  } finally {
    timer.cancel();
  }
}

/** One inside the other, so that all are frozen at once; each is recorded before and forgotten after. */
async function frozen<T>(
  parts: ControllerParts,
  [first, ...others]: readonly Freeze[],
  step: () => Promise<T>,
): Promise<T> {
  if (first === undefined) return step();
  const { freezes } = parts.ledger;
  await freezes.write(first.volumeId, first);
  let value: T;
  try {
    value = await parts.host.filesystems.whileFrozen(first, () => frozen(parts, others, step));
  } catch (error) {
    // Perhaps it was the thaw that failed: if it fails again, the record stays for the process that follows.
    if (await thawed(parts, first)) await freezes.remove(first.volumeId);
    throw error;
  }
  await freezes.remove(first.volumeId);
  return value;
}

/** Thaws what a killed process left frozen: the first thing that a controller service does. */
export async function endFreezes(parts: Pick<ControllerParts, 'host' | 'ledger'>): Promise<number> {
  const { freezes } = parts.ledger;
  const left = await freezes.list();
  for (const freeze of left) if (await thawed(parts, freeze)) await freezes.remove(freeze.volumeId);
  return left.length;
}

/** True when the file system is certainly not frozen by us any more. */
async function thawed({ host }: Pick<ControllerParts, 'host'>, freeze: FrozenMount): Promise<boolean> {
  const isMounted = (await host.mounts.table()).some(
    ({ mountPoint, device }) => mountPoint === freeze.mountPoint && device === freeze.device,
  );
  // A frozen file system cannot be unmounted while a process holds it, and ends with the machine otherwise.
  if (!isMounted) return true;
  try {
    await host.filesystems.thaw(freeze);
    return true;
  } catch (error) {
    return codeOf(error) === 'ESTALE';
  }
}

/** How the volume is to be frozen; undefined when it stands still by itself. */
async function freezeNeeded(
  { host, ledger, paths }: ControllerParts,
  { id, phase, attachment }: VolumeRecord,
): Promise<Freeze | undefined> {
  if (phase !== 'ready') throw busy(id, 'it is being made or deleted');
  const image = await host.images.stat(paths.image(id));
  const loop = (await host.loops.list()).find(
    ({ backingInode, backingDevice }) => backingInode === image?.inode && backingDevice === image.deviceId,
  );
  if (loop === undefined) {
    if (attachment === undefined) return undefined;
    throw busy(id, 'it is attached and not staged, and may be staged at any moment');
  }
  const device = await host.blocks.numberOf(loop.device);
  const mounted = (await host.mounts.table()).find((entry) => entry.device === device);
  if (mounted !== undefined) return { volumeId: id, mountPoint: mounted.mountPoint, device };
  if ((await ledger.readFormat(id))?.state !== 'exposed')
    throw busy(id, 'it is being staged or unstaged, or is mounted only where this service cannot see it');
  throw new CsiError(
    'FAILED_PRECONDITION',
    `Cannot copy volume ${id}: it is in use as a raw block device, whose writers cannot be paused; ` +
      'stop the pods that use it first',
  );
}

function busy(id: VolumeId, because: string): CsiError {
  return new CsiError('ABORTED', `Cannot copy volume ${id} now: ${because}; try again later`);
}
