// Freezing and thawing mounted file systems. The descriptor that is held while a file system is frozen keeps it mounted,
// so that nobody can lose the one handle by which it can be thawed. It is compared with the device that is meant before
// anything is frozen: below a volume that has just gone lies the node's own file system. Rules HST41 and HST42.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { type FrozenMount, HostError } from '../host.ts';
import { ioctlWorker } from './syscalls.ts';

const FIFREEZE = 0xc0045877;
const FITHAW = 0xc0045878;

export async function whileFrozen<T>(mount: FrozenMount, step: () => Promise<T>): Promise<T> {
  await using root = await openRoot(mount);
  await ioctlWorker(root.fd, mount.mountPoint, FIFREEZE, 0);
  try {
    return await step();
  } finally {
    await ioctlWorker(root.fd, mount.mountPoint, FITHAW, 0);
  }
}

/** The kernel says EINVAL when the file system is not frozen. */
export async function thaw(mount: FrozenMount): Promise<boolean> {
  await using root = await openRoot(mount);
  try {
    await ioctlWorker(root.fd, mount.mountPoint, FITHAW, 0);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return false;
    throw error;
  }
}

async function openRoot({ mountPoint, device }: FrozenMount): Promise<FileHandle> {
  const root = await open(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const found = numberOf((await root.stat({ bigint: true })).dev);
  if (found === device) return root;
  await root.close();
  throw new HostError({
    code: 'ESTALE',
    syscall: 'freeze',
    path: mountPoint,
    message: `Cannot freeze ${JSON.stringify(mountPoint)}: device ${found} is mounted there, ${device} was meant`,
  });
}

/** st_dev as the C library lays it out. */
function numberOf(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}
