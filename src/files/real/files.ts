// Files on the machine's disk. Only main makes one.
import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '#base/errors.ts';
import type { Files } from '../files.ts';
import { tryLock } from './flock.ts';

/** Names of files that are being written. A crash may leave one behind: no listing shows it. */
const TEMPORARY = '.holdfast-writing-';

export function realFiles(): Files {
  return new DiskFiles();
}

class DiskFiles implements Files {
  #writes = 0;

  async read(path: string): Promise<Uint8Array | undefined> {
    return await unless('ENOENT', () => readFile(path), undefined);
  }

  async write(path: string, bytes: Uint8Array, options: { readonly mode?: number } = {}): Promise<void> {
    const folder = dirname(path);
    const temporary = join(folder, `${TEMPORARY}${process.pid}-${this.#writes++}-${basename(path)}`);
    try {
      await writeSynced(temporary, bytes, options.mode ?? 0o600);
      await rename(temporary, path);
    } catch (error) {
      await unless('ENOENT', () => unlink(temporary), undefined);
      throw error;
    }
    await syncFolder(folder);
  }

  async remove(path: string): Promise<void> {
    const isGone = await unless('ENOENT', async () => (await unlink(path), true), false);
    if (isGone) await syncFolder(dirname(path));
  }

  async removeDirectory(path: string): Promise<void> {
    for (const name of await unless('ENOENT', () => readdir(path), [])) {
      if (name.startsWith(TEMPORARY)) await unless('ENOENT', () => unlink(join(path, name)), undefined);
    }
    const isGone = await unless('ENOENT', async () => (await rmdir(path), true), false);
    if (isGone) await syncFolder(dirname(path));
  }

  /** One level after the other: Node's recursive mkdir never ends below /proc, where a parent says ENOENT for ever. */
  async makeDirectory(path: string, options: { readonly mode?: number } = {}): Promise<void> {
    const full = resolve(path);
    const missing: string[] = [];
    for (let folder = full; !(await isDirectory(folder)); folder = dirname(folder)) missing.unshift(folder);
    for (const folder of missing) {
      await unless('EEXIST', () => mkdir(folder, { mode: options.mode ?? 0o700 }), undefined);
      // A new entry lives in its parent.
      await syncFolder(dirname(folder));
    }
    // Somebody may have made a file of that name meanwhile.
    if (!(await isDirectory(full))) await mkdir(full);
  }

  async list(path: string): Promise<readonly string[]> {
    const names = await unless('ENOENT', () => readdir(path), []);
    return names.filter((name) => !name.startsWith(TEMPORARY)).sort();
  }

  async exists(path: string): Promise<boolean> {
    return await unless('ENOENT', async () => (await stat(path), true), false);
  }

  /** On a bare descriptor: a FileHandle would be closed, and the lock lost, when nobody refers to it any more. */
  async lock(path: string): Promise<Disposable | undefined> {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      if (!(await tryLock(fd, path))) {
        closeSync(fd);
        return undefined;
      }
      ftruncateSync(fd, 0);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) closeSync(fd);
        isHeld = false;
      },
    };
  }
}

async function writeSynced(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file: FileHandle = await open(path, 'wx', mode);
  try {
    await file.chmod(mode); // The process's umask may have taken bits away.
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename or removal survives a power cut only once its folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await unless('ENOENT', () => stat(path), undefined);
  return found !== undefined && found.isDirectory();
}

async function unless<T>(code: string, act: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (codeOf(error) === code) return otherwise;
    throw error;
  }
}
