// The Tree of the real file system. The group walk holds a descriptor on every directory and reaches children through
// /proc/self/fd/<fd>/<name>, so that a pod swapping a directory for a link cannot redirect it.
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { codeOf } from '#base/errors.ts';
import type { EntryKind, Tree } from '../tree.ts';

// Not among fs.constants: O_PATH of Linux on every architecture Holdfast runs on.
const O_PATH = 0o10000000;
const WALK = O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY;

function kindOf(stats: Stats): EntryKind {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isSocket()) return 'socket';
  if (stats.isBlockDevice()) return 'block';
  if (stats.isCharacterDevice()) return 'character';
  if (stats.isFIFO()) return 'fifo';
  return 'file';
}

async function absentAs<T>(absent: T, codes: readonly string[], step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return absent;
    throw error;
  }
}

const GONE = ['ENOENT', 'ENOTDIR'];

async function mountIdOf(fd: number): Promise<string> {
  const text = await fs.readFile(`/proc/self/fdinfo/${fd}`, 'utf8');
  return /^mnt_id:\s*(\d+)$/m.exec(text)?.[1] ?? '';
}

const GROUP_BITS_FILE = 0o060;
const GROUP_BITS_DIRECTORY = 0o2070;

async function giveEntry(path: string, name: string, walk: Walk): Promise<void> {
  const child = `${path}/${name}`;
  const stats = await absentAs(undefined, GONE, () => fs.lstat(child));
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    const directory = await absentAs(undefined, [...GONE, 'ELOOP'], () => fs.open(child, WALK));
    if (directory === undefined) return;
    try {
      await giveDirectory(directory, walk);
    } finally {
      await directory.close();
    }
    return;
  }
  await fs.lchown(child, stats.uid, walk.gid);
  if (!stats.isFile()) return;
  // chmod follows links: open first without following, then change what was opened.
  const file = await absentAs(undefined, [...GONE, 'ELOOP'], () =>
    fs.open(child, O_PATH | constants.O_NOFOLLOW),
  );
  if (file === undefined) return;
  try {
    const opened = await file.stat();
    if (opened.isFile()) await fs.chmod(`/proc/self/fd/${file.fd}`, (opened.mode & 0o7777) | GROUP_BITS_FILE);
  } finally {
    await file.close();
  }
}

interface Walk {
  readonly gid: number;
  readonly mountId: string;
}

async function giveDirectory(directory: fs.FileHandle, walk: Walk): Promise<void> {
  if ((await mountIdOf(directory.fd)) !== walk.mountId) return;
  const path = `/proc/self/fd/${directory.fd}`;
  for (const name of await fs.readdir(path)) await giveEntry(path, name, walk);
  const stats = await directory.stat();
  await fs.chown(path, stats.uid, walk.gid);
  // The root last: it says for OnRootMismatch that everything below is done.
  await fs.chmod(path, (stats.mode & 0o7777) | GROUP_BITS_DIRECTORY);
}

async function giveToGroup(
  path: string,
  options: { readonly gid: number; readonly changePolicy: 'Always' | 'OnRootMismatch' },
): Promise<void> {
  const root = await fs.open(path, WALK);
  try {
    const stats = await root.stat();
    const fits = stats.gid === options.gid && (stats.mode & GROUP_BITS_DIRECTORY) === GROUP_BITS_DIRECTORY;
    if (fits && options.changePolicy === 'OnRootMismatch') return;
    await giveDirectory(root, { gid: options.gid, mountId: await mountIdOf(root.fd) });
  } finally {
    await root.close();
  }
}

/** The real file system. */
export function realTree(): Tree {
  return {
    kind: (path) => absentAs(undefined, GONE, async () => kindOf(await fs.lstat(path))),
    mode: async (path) => (await fs.lstat(path)).mode & 0o7777,
    async makeDirectory(path, mode) {
      await fs.mkdir(path.slice(0, path.lastIndexOf('/')) || '/', { recursive: true, mode: 0o750 });
      await absentAs(undefined, ['EEXIST'], () => fs.mkdir(path, { mode }));
      const directory = await fs.open(
        path,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY,
      );
      try {
        await directory.chmod(mode);
      } finally {
        await directory.close();
      }
    },
    async createFile(path, bytes, mode) {
      const file = await fs.open(path, 'wx', mode);
      try {
        await file.writeFile(bytes);
        await file.chmod(mode);
      } finally {
        await file.close();
      }
    },
    readFile: (path) => absentAs(undefined, GONE, () => fs.readFile(path)),
    symlink: (target, path) => fs.symlink(target, path),
    readLink: (path) => absentAs(undefined, [...GONE, 'EINVAL'], () => fs.readlink(path)),
    rename: (from, to) => fs.rename(from, to),
    list: (path) => absentAs<string[]>([], GONE, () => fs.readdir(path)),
    unlink: (path) => absentAs(undefined, GONE, () => fs.unlink(path)),
    removeDirectory: (path) => absentAs(undefined, GONE, () => fs.rmdir(path)),
    giveToGroup,
  };
}
