// Freezing and thawing mounted file systems. The descriptor that is held while a file system is frozen keeps it mounted,
// so that nobody can lose the one handle by which it can be thawed. Rules HST41 and HST42.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { ioctlWorker } from './syscalls.ts';

const FIFREEZE = 0xc0045877;
const FITHAW = 0xc0045878;

export async function whileFrozen<T>(mountPoint: string, step: () => Promise<T>): Promise<T> {
  await using root = await open(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY);
  await ioctlWorker(root.fd, mountPoint, FIFREEZE, 0);
  try {
    return await step();
  } finally {
    await ioctlWorker(root.fd, mountPoint, FITHAW, 0);
  }
}

/** The kernel says EINVAL when the file system is not frozen. */
export async function thaw(mountPoint: string): Promise<boolean> {
  await using root = await open(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await ioctlWorker(root.fd, mountPoint, FITHAW, 0);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return false;
    throw error;
  }
}
