// The registry directory of the real file system, watched with inotify.
import { watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import type { SocketDirectory, SocketEntry } from '../plugins/socket-directory.ts';

async function entry(path: string, name: string): Promise<SocketEntry | undefined> {
  try {
    const stats = await fs.lstat(`${path}/${name}`, { bigint: true });
    if (!stats.isSocket()) return undefined;
    return { name, identity: `${stats.ino}:${stats.ctimeNs}`, uid: Number(stats.uid) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function realSocketDirectory(): SocketDirectory {
  return {
    async prepare(path) {
      await fs.mkdir(path, { recursive: true, mode: 0o700 });
    },
    async list(path) {
      const names = (await fs.readdir(path)).filter((name) => !name.startsWith('.'));
      const entries = await Promise.all(names.map((name) => entry(path, name)));
      return entries.filter((one) => one !== undefined);
    },
    watch(path, changed) {
      const watcher = watch(path, () => changed());
      // A watch that fails is replaced by the caller's periodic look.
      watcher.on('error', () => watcher.close());
      return { [Symbol.dispose]: () => watcher.close() };
    },
  };
}
