// The last component of a mount target: one directory or one empty file, never a tree. Rule HST23.
import { constants } from 'node:fs';
import { lstat, mkdir, open, rmdir, unlink } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { HostError, type MountPoints, type PathKind } from '../host.ts';

async function kind(path: string): Promise<PathKind | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.isDirectory()) return 'directory';
  if (found.isFile()) return 'file';
  return found.isBlockDevice() ? 'block' : 'other';
}

function refused(code: string, path: string, because: string): HostError {
  return new HostError({
    code,
    syscall: 'target',
    path,
    message: `Mount target ${JSON.stringify(path)}: ${because}`,
  });
}

/** Mount targets of this machine. */
export const realMountPoints: MountPoints = {
  kind,
  async makeDirectory(path) {
    await mkdir(path, { mode: 0o750 }).catch(async (error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
      if ((await kind(path)) !== 'directory') throw refused('EEXIST', path, 'what is there is no directory');
    });
  },
  async makeFile(path) {
    try {
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
      await (await open(path, flags, 0o600)).close();
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const found = await kind(path);
      if (found !== 'file' && found !== 'block') throw refused('EEXIST', path, 'what is there is no file');
    }
  },
  async remove(path) {
    const found = await kind(path);
    if (found === 'directory') {
      await rmdir(path);
    } else if (found === 'file') {
      const { size } = await lstat(path);
      if (size > 0) throw refused('ENOTEMPTY', path, `a file of ${size} bytes is there, a target is empty`);
      await unlink(path);
    } else if (found !== undefined) {
      throw refused('EINVAL', path, 'neither an empty directory nor an empty file is there');
    }
  },
};
