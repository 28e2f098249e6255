// A folder of a test's own, which goes with everything in it unless something is still mounted there.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
