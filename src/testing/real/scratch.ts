// A folder of a test's own, which goes with everything in it unless something is still mounted there.
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { realLoops } from '#host/real/loops.ts';
import { realMounts } from '#host/real/mounts.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { ownedTreeRemoval } from '#host/remove-owned-tree.ts';
import { SCRATCH_MARKER } from '../leaks.ts';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** A new empty folder; its name is short, since sockets are made in it. */
export async function scratchFolder(): Promise<Scratch> {
  const path = await mkdtemp(`${tmpdir()}${SCRATCH_MARKER}`);
  return { path, [Symbol.asyncDispose]: () => ownedTreeRemoval(realOwnedTrees, 'test')(path) };
}

/** Takes down what a failed test left mounted or attached below its folder, then the folder. */
export async function dismantle(scratch: Scratch): Promise<void> {
  for (const { mountPoint } of (await realMounts.table()).toReversed()) {
    if (mountPoint.startsWith(`${scratch.path}/`))
      await realMounts.unmount(mountPoint).catch(() => undefined);
  }
  for (const loop of await realLoops.list()) {
    const file = await readFile(
      `/sys/block/${loop.device.slice('/dev/'.length)}/loop/backing_file`,
      'utf8',
    ).catch(() => '');
    if (file.startsWith(`${scratch.path}/`)) await realLoops.detach(loop).catch(() => undefined);
  }
  await scratch[Symbol.asyncDispose]();
}
