// Container log files of the real file system. Never follows a link: the runtime writes plain files.
import { constants, watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import type { LogFiles } from '../server/log-files.ts';

export function realLogFiles(): LogFiles {
  return {
    async size(path) {
      try {
        const stats = await fs.lstat(path);
        return stats.isFile() ? stats.size : undefined;
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
        throw error;
      }
    },
    async read(path, offset, length) {
      const file = await fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },
    watch(path, changed) {
      const watcher = watch(path, () => changed());
      // The reader looks again now and then anyway.
      watcher.on('error', () => watcher.close());
      return { [Symbol.dispose]: () => watcher.close() };
    },
  };
}
