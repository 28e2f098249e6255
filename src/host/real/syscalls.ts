// System calls that Node does not offer, through koffi. errno is read at once after a call (inside its callback for
// the ones that may take long), and becomes a HostError with the call's name and path.
import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { HostError } from '../host.ts';

const libc = koffi.load('libc.so.6');
const mountCall = libc.func(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
);
const umountCall = libc.func('int umount2(const char *, int)');
const ioctlBuffer = libc.func('ioctl', 'int', ['int', 'unsigned long', koffi.inout('uint8_t *')]);
const ioctlNumber = libc.func('ioctl', 'int', ['int', 'unsigned long', 'long']);
const lseekCall = libc.func('int64_t lseek64(int, int64_t, int)');
const flockCall = libc.func('int flock(int, int)');
const mknodCall = libc.func('int mknod(const char *, unsigned int, uint64_t)');
const openTreeCall = libc.func('syscall', 'long', ['long', 'int', 'const char *', 'unsigned int']);
const setattrCall = libc.func('syscall', 'long', [
  'long',
  'int',
  'const char *',
  'unsigned int',
  koffi.inout('uint8_t *'),
  'size_t',
]);
const moveMountCall = libc.func('syscall', 'long', [
  'long',
  'int',
  'const char *',
  'int',
  'const char *',
  'unsigned int',
]);

const openat2Call = libc.func('syscall', 'long', ['long', 'int', 'const char *', 'uint8_t *', 'size_t']);

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno).map(([name, number]) => [number, name]),
);

/** The name of an errno number: `EBUSY`. */
function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `E${errno}`;
}

function failed(syscall: string, path: string, errno: number): HostError {
  const code = errnoName(errno);
  return new HostError({
    code,
    syscall,
    path,
    message: `${syscall} of ${JSON.stringify(path)} failed: ${code}`,
  });
}

/** A zero byte ends a C string: a path that holds one would be another path in the kernel. */
function checkPath(syscall: string, path: string): void {
  if (!path.includes('\0')) return;
  throw new HostError({ code: 'EINVAL', syscall, path, message: `${syscall}: the path holds a zero byte` });
}

export interface MountCall {
  readonly source: string | null;
  readonly target: string;
  readonly fsType: string | null;
  readonly flags: number;
  readonly data: string | null;
}

/** mount(2) of something that is only connected, never read: a bind, a propagation change. About 40 µs, in place. */
export function mountNow({ source, target, fsType, flags, data }: MountCall): void {
  checkPath('mount', target);
  checkPath('mount', source ?? '');
  if (mountCall(source, target, fsType, flags, data) !== 0) throw failed('mount', target, koffi.errno());
}

/** mount(2) of a file system, on a worker thread: it may replay a journal. */
export function mountFilesystem({ source, target, fsType, flags, data }: MountCall): Promise<void> {
  checkPath('mount', target);
  checkPath('mount', source ?? '');
  return new Promise((resolve, reject) => {
    mountCall.async(source, target, fsType, flags, data, (error: Error | null, result: number) => {
      const errno = koffi.errno();
      if (error !== null) reject(error);
      else if (result === 0) resolve();
      else reject(failed('mount', target, errno));
    });
  });
}

/** umount2(2), on a worker thread: the last unmount of a file system writes it out. */
export function unmountPath(target: string, flags: number): Promise<void> {
  checkPath('umount', target);
  return new Promise((resolve, reject) => {
    umountCall.async(target, flags, (error: Error | null, result: number) => {
      const errno = koffi.errno();
      if (error !== null) reject(error);
      else if (result === 0) resolve();
      else reject(failed('umount', target, errno));
    });
  });
}

/** ioctl(2) with a structure that the kernel reads and fills. */
export function ioctlStruct(fd: number, path: string, request: number, structure: Uint8Array): void {
  if (ioctlBuffer(fd, request, structure) < 0) throw failed('ioctl', path, koffi.errno());
}

/** ioctl(2) with a number; gives what it returned. */
export function ioctlValue(fd: number, path: string, request: number, value: number): number {
  const result: number = ioctlNumber(fd, request, value);
  if (result < 0) throw failed('ioctl', path, koffi.errno());
  return result;
}

/** ioctl(2) with a number, on a worker thread: freezing a file system writes it out first. */
export function ioctlWorker(fd: number, path: string, request: number, value: number): Promise<void> {
  return new Promise((resolve, reject) => {
    ioctlNumber.async(fd, request, value, (error: Error | null, result: number) => {
      const errno = koffi.errno();
      if (error !== null) reject(error);
      else if (result >= 0) resolve();
      else reject(failed('ioctl', path, errno));
    });
  });
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** The next data at or after `offset` and where it ends; undefined when the rest of the file is a hole. */
export function nextExtent(
  fd: number,
  path: string,
  offset: number,
): { from: number; to: number } | undefined {
  const from = Number(lseekCall(fd, offset, SEEK_DATA));
  if (from < 0) {
    const errno = koffi.errno();
    if (errnoName(errno) === 'ENXIO') return undefined;
    throw failed('lseek', path, errno);
  }
  const to = Number(lseekCall(fd, from, SEEK_HOLE));
  if (to < 0) throw failed('lseek', path, koffi.errno());
  return { from, to };
}

const LOCK_EX_NB = 2 | 4;

/** flock(2) exclusively; false when another open file holds it. It ends with the descriptor. */
export function tryLock(fd: number, path: string): boolean {
  if (flockCall(fd, LOCK_EX_NB) === 0) return true;
  const errno = koffi.errno();
  if (errnoName(errno) === 'EAGAIN' || errnoName(errno) === 'EWOULDBLOCK') return false;
  throw failed('flock', path, errno);
}

const S_IFBLK = 0o060000;

/** mknod(2) of a block device; one that is there already is fine. */
export function makeBlockNode(path: string, major: number, minor: number): void {
  checkPath('mknod', path);
  const device = BigInt((minor & 0xff) | ((major & 0xfff) << 8)) | (BigInt(minor & ~0xff) << 12n);
  if (mknodCall(path, S_IFBLK | 0o660, device) === 0) return;
  const errno = koffi.errno();
  if (errnoName(errno) !== 'EEXIST') throw failed('mknod', path, errno);
}

// The numbers of the calls are the same on x86_64 and arm64.
const SYS_OPENAT2 = 437;
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 1n;

const OPEN_HOW_BYTES = 24;
const RESOLVE_NO_MAGICLINKS = 2n;
const RESOLVE_BENEATH = 8n;

/**
 * openat2(2) (Linux 5.6): the kernel itself resolves `relative`, follows only links that stay below `fd`, and refuses
 * (EXDEV) what leaves it and (ELOOP) links of /proc. EAGAIN: something was renamed meanwhile. On a worker thread.
 */
export function openBeneath(fd: number, relative: string, flags: number): Promise<number> {
  checkPath('openat2', relative);
  const how = Buffer.alloc(OPEN_HOW_BYTES);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, 16);
  return new Promise((resolve, reject) => {
    openat2Call.async(
      SYS_OPENAT2,
      fd,
      relative,
      how,
      how.length,
      (error: Error | null, result: number | bigint) => {
        const errno = koffi.errno();
        if (error !== null) reject(error);
        else if (Number(result) >= 0) resolve(Number(result));
        else reject(failed('openat2', relative, errno));
      },
    );
  });
}

/**
 * A bind mount that was never writable: a detached copy of the mount (open_tree) is made read-only (mount_setattr,
 * Linux 5.12) and only then put in its place (move_mount). A kill in between leaves nothing.
 */
export function bindReadOnlyNow(
  source: string,
  target: string,
  options: { readonly recursive: boolean },
): void {
  checkPath('open_tree', source);
  checkPath('move_mount', target);
  const recursive = options.recursive ? AT_RECURSIVE : 0;
  const fd = Number(
    openTreeCall(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive),
  );
  if (fd < 0) throw failed('open_tree', source, koffi.errno());
  try {
    const attributes = Buffer.alloc(32);
    attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
    const set = setattrCall(
      SYS_MOUNT_SETATTR,
      fd,
      '',
      AT_EMPTY_PATH | recursive,
      attributes,
      attributes.length,
    );
    if (Number(set) !== 0) throw failed('mount_setattr', source, koffi.errno());
    const moved = moveMountCall(SYS_MOVE_MOUNT, fd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
    if (Number(moved) !== 0) throw failed('move_mount', target, koffi.errno());
  } finally {
    closeSync(fd);
  }
}
