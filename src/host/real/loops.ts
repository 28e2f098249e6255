// Loop devices: one for a backing inode, attached under a lock on the backing file, gone only when the kernel says
// ENXIO. LOOP_CLR_FD returns 0 for a device in use and only marks it; so the device is opened with O_EXCL first, and
// its end is awaited (invariants 2.5). Rules HST7 to HST11.
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf, messageOf } from '#base/errors.ts';
import { HostError, type LoopDevice, type LoopDevices } from '../host.ts';
import { ioctlStruct, ioctlValue, makeBlockNode, tryLock } from './syscalls.ts';

const LOOP_MAJOR = 7;
const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CLR_FD = 0x4c01;
const LOOP_SET_STATUS64 = 0x4c04;
const LOOP_GET_STATUS64 = 0x4c05;
const LOOP_SET_CAPACITY = 0x4c07;
const LOOP_CONFIGURE = 0x4c0a;

// struct loop_info64: lo_device at 0, lo_inode at 8, lo_flags at 52. struct loop_config: fd at 0, the info at 8.
const INFO_BYTES = 232;
const CONFIG_BYTES = 304;
const INFO_IN_CONFIG = 8;
const FLAGS_AT = 52;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;

const LOCK_ATTEMPTS = 1000;
const FREE_ATTEMPTS = 64;
const GONE_ATTEMPTS = 400;
const ATTEMPT_MS = 5;

interface Status extends LoopDevice {
  readonly info: Buffer;
}

function statusOf(loop: FileHandle, device: string): Status {
  const info = Buffer.alloc(INFO_BYTES);
  ioctlStruct(loop.fd, device, LOOP_GET_STATUS64, info);
  return {
    device,
    backingDevice: Number(info.readBigUInt64LE(0)),
    backingInode: Number(info.readBigUInt64LE(8)),
    info,
  };
}

async function withOpen<T>(
  path: string,
  flags: number,
  use: (file: FileHandle) => T | Promise<T>,
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** The status of a device; undefined when it is not configured (or its node or the device itself has gone). */
async function readStatus(device: string): Promise<Status | undefined> {
  try {
    return await withOpen(device, constants.O_RDONLY, (loop) => statusOf(loop, device));
  } catch (error) {
    if (['ENXIO', 'ENOENT', 'ENODEV'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Configured devices have a `loop` folder in sysfs; the others are not even opened. */
async function configured(): Promise<readonly Status[]> {
  const found: Status[] = [];
  for (const name of await readdir('/sys/block')) {
    if (!/^loop\d+$/.test(name) || !(await isThere(`/sys/block/${name}/loop`))) continue;
    const device = `/dev/${name}`;
    makeBlockNode(device, LOOP_MAJOR, Number(name.slice(4)));
    const status = await readStatus(device);
    if (status !== undefined) found.push(status);
  }
  return found;
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const withoutInfo = ({ device, backingDevice, backingInode }: Status): LoopDevice => ({
  device,
  backingDevice,
  backingInode,
});

async function attach(file: string, { readOnly }: { readonly readOnly: boolean }): Promise<LoopDevice> {
  const flags = (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NOFOLLOW;
  // The lock has a descriptor of its own: the loop device keeps the other one open, and a lock would stay with it.
  return withOpen(file, constants.O_RDONLY | constants.O_NOFOLLOW, async (lock) => {
    await lockFile(lock, file);
    return withOpen(file, flags, async (backing) => {
      const { dev, ino } = await backing.stat();
      const existing = (await configured()).find(
        (status) => status.backingDevice === dev && status.backingInode === ino,
      );
      if (existing === undefined) return attachFree(backing, file, readOnly);
      await keep(existing);
      return withoutInfo(existing);
    });
  });
}

async function lockFile(lock: FileHandle, file: string): Promise<void> {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    if (tryLock(lock.fd, file)) return;
    await pause(ATTEMPT_MS);
  }
  throw loopError('EBUSY', file, 'another process has held its lock for 5 seconds');
}

/** A device that someone asked to detach while it was held ends with its last holder: that mark is taken off again. */
async function keep({ device, info }: Status): Promise<void> {
  const flags = info.readUInt32LE(FLAGS_AT);
  if ((flags & LO_FLAGS_AUTOCLEAR) === 0) return;
  const wanted = Buffer.from(info);
  wanted.writeUInt32LE(flags & ~LO_FLAGS_AUTOCLEAR, FLAGS_AT);
  await withOpen(device, constants.O_RDONLY, (loop) =>
    ioctlStruct(loop.fd, device, LOOP_SET_STATUS64, wanted),
  );
}

async function attachFree(backing: FileHandle, file: string, readOnly: boolean): Promise<LoopDevice> {
  for (let attempt = 0; attempt < FREE_ATTEMPTS; attempt++) {
    const minor = await freeMinor();
    const device = `/dev/loop${minor}`;
    makeBlockNode(device, LOOP_MAJOR, minor);
    try {
      return await withOpen(device, readOnly ? constants.O_RDONLY : constants.O_RDWR, (loop) => {
        ioctlStruct(loop.fd, device, LOOP_CONFIGURE, configOf(backing.fd, readOnly));
        return withoutInfo(statusOf(loop, device));
      });
    } catch (error) {
      // Between "free" and "configure" another process was faster.
      if (codeOf(error) !== 'EBUSY') throw error;
    }
  }
  throw loopError('EBUSY', file, `no free loop device was left in ${FREE_ATTEMPTS} attempts`);
}

async function freeMinor(): Promise<number> {
  const control = '/dev/loop-control';
  try {
    return await withOpen(control, constants.O_RDWR, (file) =>
      ioctlValue(file.fd, control, LOOP_CTL_GET_FREE, 0),
    );
  } catch (error) {
    if (!['ENOENT', 'ENXIO', 'ENODEV', 'EPERM', 'EACCES'].includes(codeOf(error) ?? '')) throw error;
    throw loopError('UNSUPPORTED', control, `this machine offers no loop devices: ${messageOf(error)}`);
  }
}

function configOf(fd: number, readOnly: boolean): Buffer {
  const config = Buffer.alloc(CONFIG_BYTES);
  config.writeUInt32LE(fd, 0);
  config.writeUInt32LE(readOnly ? LO_FLAGS_READ_ONLY : 0, INFO_IN_CONFIG + FLAGS_AT);
  return config;
}

const isSame = (status: LoopDevice | undefined, wanted: LoopDevice): boolean =>
  status?.backingDevice === wanted.backingDevice && status.backingInode === wanted.backingInode;

async function detach(target: string | LoopDevice): Promise<void> {
  const device = typeof target === 'string' ? target : target.device;
  const wanted = typeof target === 'string' ? await readStatus(device) : target;
  if (wanted === undefined || !isSame(await readStatus(device), wanted)) return;
  // Held exclusively, so that nobody mounts it between the check and the end; EBUSY: a mount somewhere holds it.
  await withOpen(device, constants.O_RDONLY | constants.O_EXCL, (loop) => {
    if (isSame(statusOf(loop, device), wanted)) ioctlValue(loop.fd, device, LOOP_CLR_FD, 0);
  }).catch((error: unknown) => {
    if (codeOf(error) !== 'ENXIO') throw error;
  });
  for (let attempt = 0; attempt < GONE_ATTEMPTS; attempt++) {
    // Another process may have taken the free device for a file of its own at once: then ours is gone too.
    if (!isSame(await readStatus(device), wanted)) return;
    await pause(ATTEMPT_MS);
  }
  throw loopError('EBUSY', device, 'it is still configured after LOOP_CLR_FD: another process has it open');
}

function loopError(code: string, path: string, because: string): HostError {
  return new HostError({
    code,
    syscall: 'loop',
    path,
    message: `Loop device of ${JSON.stringify(path)}: ${because}`,
  });
}

/** The loop devices of this machine (they belong to no namespace). */
export const realLoops: LoopDevices = {
  list: async () => (await configured()).map(withoutInfo),
  attach,
  detach,
  refreshSize: (device) =>
    withOpen(device, constants.O_RDONLY, (loop) => {
      ioctlValue(loop.fd, device, LOOP_SET_CAPACITY, 0);
    }),
};
