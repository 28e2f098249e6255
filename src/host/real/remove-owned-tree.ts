// The descriptor walk that removes a tree. Each directory is opened without following links from the descriptor of its
// parent, its mount ID is compared with the root's, and names are unlinked relative to the descriptor: a bind mount of
// the same disk is recognised (st_dev would not be), and a directory swapped for a link is not entered. Names are
// bytes, since a pod may write any. Deep trees are moved up to the root, so that depth costs no descriptors.
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { HostError } from '../host.ts';
import { LEFT_LIMIT, type LeftEntry, type OwnedTrees, type TreeOwner } from '../remove-owned-tree.ts';
import { mountIdOf } from './safe-path.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;
const MAX_DEPTH = 64;

interface Removal {
  readonly root: FileHandle;
  readonly mountId: number;
  readonly left: LeftEntry[];
  removed: number;
  movedUp: number;
}

interface Place {
  readonly directory: FileHandle;
  readonly depth: number;
  /** For messages only. */
  readonly path: string;
}

/** Trees of this machine. */
export const realOwnedTrees: OwnedTrees = {
  async remove(root, owner) {
    checkRoot(root, owner);
    const parent = await ifThere(open(dirname(root), DIRECTORY));
    if (parent === undefined) return { removed: 0, left: [] };
    try {
      return await removeRoot(parent, root);
    } finally {
      await parent.close();
    }
  },
};

function checkRoot(root: string, owner: TreeOwner): void {
  const isPlain =
    root.startsWith('/') && !root.includes('\0') && !root.split('/').some((part) => part === '..');
  if (isPlain && basename(root) !== '') return;
  throw new HostError({
    code: 'EINVAL',
    syscall: 'remove-owned-tree',
    path: root,
    message: `Cannot remove the tree ${JSON.stringify(root)} of ${owner}: an absolute path without ".." is needed`,
  });
}

async function ifThere<T>(step: Promise<T>): Promise<T | undefined> {
  try {
    return await step;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function removeRoot(
  parent: FileHandle,
  path: string,
): Promise<{ removed: number; left: readonly LeftEntry[] }> {
  const name = below(parent, Buffer.from(basename(path)));
  const root = await ifThere(open(name, DIRECTORY));
  if (root === undefined) return { removed: 0, left: [] };
  const removal: Removal = { root, mountId: await mountIdOf(parent), left: [], removed: 0, movedUp: 0 };
  try {
    if ((await mountIdOf(root)) !== removal.mountId) {
      leave(removal, path, 'another-mount', undefined);
    } else {
      await empty(removal, { directory: root, depth: 0, path });
    }
  } finally {
    await root.close();
  }
  if (removal.left.length === 0) await attempt(removal, path, () => rmdir(name));
  return { removed: removal.removed, left: removal.left };
}

/** `/proc/self/fd/<n>/<name>` as bytes: has the meaning of openat and unlinkat, and survives any name. */
function below(directory: FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory.fd}/`), name]);
}

/** Removes what is in a directory, again while a pass brings something up from below. */
async function empty(removal: Removal, place: Place): Promise<void> {
  let movedBefore: number;
  do {
    movedBefore = removal.movedUp;
    const names = await readdir(`/proc/self/fd/${place.directory.fd}`, {
      encoding: 'buffer',
      withFileTypes: true,
    });
    for (const entry of names) {
      const name = Buffer.from(entry.name);
      const path = `${place.path}/${name.toString('utf8')}`;
      if (entry.isDirectory()) await removeDirectory(removal, place, name, path);
      else await attempt(removal, path, () => unlink(below(place.directory, name)));
    }
  } while (place.depth === 0 && removal.movedUp > movedBefore);
}

async function removeDirectory(removal: Removal, parent: Place, name: Buffer, path: string): Promise<void> {
  const child = below(parent.directory, name);
  const directory = await open(child, DIRECTORY).catch((error: unknown) => {
    // A link or file by now, or gone: whatever it is, its name goes or the refusal is reported.
    if (codeOf(error) !== 'ENOENT') leave(removal, path, 'error', codeOf(error));
    return undefined;
  });
  if (directory === undefined) return;
  const leftBefore = removal.left.length;
  try {
    if ((await mountIdOf(directory)) !== removal.mountId) {
      leave(removal, path, 'another-mount', undefined);
      return;
    }
    if (parent.depth >= MAX_DEPTH) {
      await moveUp(removal, child, path);
      return;
    }
    await empty(removal, { directory, depth: parent.depth + 1, path });
  } finally {
    await directory.close();
  }
  if (removal.left.length === leftBefore) await attempt(removal, path, () => rmdir(child));
}

/** The root's next pass meets it there, at depth one. Same mount: the caller has compared the IDs. */
async function moveUp(removal: Removal, child: Buffer, path: string): Promise<void> {
  const name = Buffer.from(`.holdfast-removing-${removal.movedUp}-${process.pid}`);
  try {
    await rename(child, below(removal.root, name));
    removal.movedUp++;
  } catch (error) {
    leave(removal, path, 'error', codeOf(error));
  }
}

/** One unlink or rmdir; a refusal is reported and ends nothing else. */
async function attempt(removal: Removal, path: string, step: () => Promise<void>): Promise<void> {
  try {
    await step();
    removal.removed++;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return;
    leave(removal, path, code === 'EBUSY' ? 'busy' : 'error', code);
  }
}

function leave(
  removal: Removal,
  path: string,
  because: LeftEntry['because'],
  code: string | undefined,
): void {
  if (removal.left.length < LEFT_LIMIT) removal.left.push({ path, because, code });
}
