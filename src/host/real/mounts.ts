// The mount table and the mount calls of this process's own mount namespace. Rules HST1 to HST6.
import { readFile } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { HostError, type MountFlag, type Mounts } from '../host.ts';
import { checkMountOptions } from '../mount-options.ts';
import { parseMountInfo } from '../mountinfo.ts';
import { bindReadOnlyNow, mountFilesystem, mountNow, unmountPath } from './syscalls.ts';

const FLAGS: Readonly<Record<MountFlag, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  nosymfollow: 256,
  noatime: 1024,
};
const MS_BIND = 4096;
const MS_REC = 16384;
const PROPAGATION = { private: 1 << 18, slave: 1 << 19, shared: 1 << 20 } as const;
const UMOUNT_NOFOLLOW = 8;

const table: Mounts['table'] = async () => parseMountInfo(await readFile('/proc/self/mountinfo'));

const bitsOf = (flags: readonly string[]): number =>
  flags.reduce((bits, flag) => bits | (FLAGS[flag as MountFlag] ?? 0), 0);

function bindReadOnly(source: string, target: string, recursive: boolean): void {
  try {
    bindReadOnlyNow(source, target, { recursive });
  } catch (error) {
    throw codeOf(error) === 'ENOSYS' ? unsupported(target) : error;
  }
}

function unsupported(path: string): HostError {
  return new HostError({
    code: 'UNSUPPORTED',
    syscall: 'mount_setattr',
    path,
    message: `Cannot bind ${JSON.stringify(path)} read-only: that needs Linux 5.12 or later`,
  });
}

/** Mounts of this process's namespace. */
export const realMounts: Mounts = {
  table,
  async mount({ source, target, fsType, flags, options = [] }) {
    checkMountOptions(target, options);
    const data = options.length === 0 ? null : options.join(',');
    await mountFilesystem({ source, target, fsType, flags: bitsOf(flags), data });
  },
  async bind({ source, target, readOnly, recursive = false }) {
    if (readOnly) {
      bindReadOnly(source, target, recursive);
    } else {
      mountNow({ source, target, fsType: null, flags: MS_BIND | (recursive ? MS_REC : 0), data: null });
    }
  },
  async setPropagation(path, mode) {
    mountNow({ source: null, target: path, fsType: null, flags: PROPAGATION[mode], data: null });
  },
  unmount: async (target) => unmountPath(target, UMOUNT_NOFOLLOW),
};
