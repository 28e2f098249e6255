// The system calls of the sandbox, by koffi. All are synchronous and act on the calling thread: identity and
// namespaces belong to a thread in Linux, which is what lets a thread of ours become a container and be thrown away.
import koffi from 'koffi';
import { HostError } from '#host/host.ts';

const libc = koffi.load('libc.so.6');
const functions = {
  unshare: libc.func('int unshare(int)'),
  setns: libc.func('int setns(int, int)'),
  mount: libc.func('int mount(const char *, const char *, const char *, ulong, const char *)'),
  umount2: libc.func('int umount2(const char *, int)'),
  pivot_root: libc.func('int pivot_root(const char *, const char *)'),
  chdir: libc.func('int chdir(const char *)'),
  sethostname: libc.func('int sethostname(const char *, ulong)'),
  prctl: libc.func('int prctl(int, ulong, ulong, ulong, ulong)'),
  capset: libc.func('int capset(const void *, const void *)'),
  mkfifo: libc.func('int mkfifo(const char *, uint)'),
  pipe2: libc.func('int pipe2(_Out_ int *, int)'),
  posix_openpt: libc.func('int posix_openpt(int)'),
  unlockpt: libc.func('int unlockpt(int)'),
  ioctl: libc.func('int ioctl(int, ulong, void *)'),
  waitpid: libc.func('int waitpid(int, _Out_ int *, int)'),
  syscall1: libc.func('syscall', 'long', ['long', 'long', 'long', 'long', 'long', 'long']),
  syscallPath: libc.func('syscall', 'long', ['long', 'long', 'str', 'long', 'long', 'long']),
  syscallMove: libc.func('syscall', 'long', ['long', 'long', 'str', 'long', 'str', 'long']),
  syscallBuffer: libc.func('syscall', 'long', ['long', 'long', 'str', 'long', 'void *', 'long']),
  syscallGroups: libc.func('syscall', 'long', ['long', 'long', 'void *']),
};

// Numbers above 423 are the same on every architecture; the older ones are not.
const IS_ARM = process.arch === 'arm64';
const SYS = {
  setgroups: IS_ARM ? 159 : 116,
  setresuid: IS_ARM ? 147 : 117,
  setresgid: IS_ARM ? 149 : 119,
  openTree: 428,
  moveMount: 429,
  pidfdOpen: 434,
  closeRange: 436,
  pidfdGetfd: 438,
  mountSetattr: 442,
};

export const CLONE = { fs: 0x200, mount: 0x20000, uts: 0x4000000, ipc: 0x8000000, pid: 0x20000000 };
export const MS = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  recursive: 16384,
  private: 1 << 18,
  slave: 1 << 19,
};
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0x80000;
const MOVE_FROM_EMPTY = 4;
const ATTR = { ro: 1n, nosuid: 2n, nodev: 4n };
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const LAST_POSSIBLE_CAPABILITY = 63;
const CAPABILITY_VERSION_3 = 0x20080522;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;
const O_RDWR = 2;
const O_NOCTTY = 0x100;

function check(result: unknown, syscall: string, path: string): number {
  if (typeof result === 'number' && result >= 0) return result;
  const errno = koffi.errno();
  const names = Object.entries(koffi.os.errno);
  const code = names.find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  throw new HostError({ code, syscall, path, message: `${syscall} "${path}": ${code}` });
}

export function unshare(flags: number): void {
  check(functions.unshare(flags), 'unshare', String(flags));
}

/** Marks every descriptor from 3 on close-on-exec: what this process inherited must not reach a container. */
export function closeAllOnExec(): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  const last = 0x7fffffff;
  check(functions.syscall1(SYS.closeRange, 3, last, CLOSE_RANGE_CLOEXEC, 0, 0), 'close_range', '3');
}

/** Opens a descriptor that stands for the process, whoever gets its number later. */
export function openPidFd(pid: number): number {
  return check(functions.syscall1(SYS.pidfdOpen, pid, 0, 0, 0, 0), 'pidfd_open', String(pid));
}

/** Copies a descriptor out of another process. */
export function takeDescriptor(pidFd: number, remote: number): number {
  return check(functions.syscall1(SYS.pidfdGetfd, pidFd, remote, 0, 0, 0), 'pidfd_getfd', String(remote));
}

export function setns(fd: number, flags: number): void {
  check(functions.setns(fd, flags), 'setns', String(flags));
}

export function mount(source: string, target: string, fsType: string, flags: number, data: string): void {
  const result = functions.mount(source, target, fsType, flags, data === '' ? null : data);
  check(result, fsType === '' ? 'mount' : `mount ${fsType}`, target);
}

export function detachMount(target: string): void {
  check(functions.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW), 'umount2', target);
}

export function pivotRoot(newRoot: string, putOld: string): void {
  check(functions.pivot_root(newRoot, putOld), 'pivot_root', newRoot);
}

export function changeDirectory(path: string): void {
  check(functions.chdir(path), 'chdir', path);
}

export function setHostname(name: string): void {
  check(functions.sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** A detached copy of the mounts at `source` and below. */
export function openTree(source: string): number {
  const flags = OPEN_TREE_CLONE | AT_RECURSIVE | O_CLOEXEC;
  return check(functions.syscallPath(SYS.openTree, AT_FDCWD, source, flags, 0, 0), 'open_tree', source);
}

/** Attaches a detached tree at `target`. */
export function attachTree(tree: number, target: string): void {
  const result = functions.syscallMove(SYS.moveMount, tree, '', AT_FDCWD, target, MOVE_FROM_EMPTY);
  check(result, 'move_mount', target);
}

/** Sets attributes of a detached tree: propagation always on all of it, the rest on all of it or on its top. */
export function setTreeAttributes(
  tree: number,
  request: {
    readonly readOnly: boolean;
    readonly recursiveReadOnly: boolean;
    readonly allowDevices: boolean;
    readonly propagation: 'private' | 'slave';
  },
): void {
  const propagation = BigInt(request.propagation === 'slave' ? MS.slave : MS.private);
  const safe = request.allowDevices ? ATTR.nosuid : ATTR.nosuid | ATTR.nodev;
  setAttributes(tree, request.recursiveReadOnly ? safe | ATTR.ro : safe, propagation, AT_RECURSIVE);
  if (request.readOnly) setAttributes(tree, ATTR.ro, 0n, 0);
}

function setAttributes(tree: number, set: bigint, propagation: bigint, flags: number): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(set, 0);
  attributes.writeBigUInt64LE(propagation, 16);
  const result = functions.syscallBuffer(SYS.mountSetattr, tree, '', flags | AT_EMPTY_PATH, attributes, 32);
  check(result, 'mount_setattr', String(tree));
}

/** Drops every capability of the calling thread for good, takes the identity, and forbids gaining any by exec. */
export function dropPrivileges(user: { uid: number; gid: number; groups: readonly number[] }): void {
  for (let capability = 0; capability <= LAST_POSSIBLE_CAPABILITY; capability++) {
    // EINVAL past the kernel's last capability.
    if (functions.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) !== 0) break;
  }
  check(functions.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 'prctl', 'ambient');
  const groups = Buffer.from(Uint32Array.from(user.groups).buffer);
  // The raw calls: the library's own would change every thread of the process.
  check(functions.syscallGroups(SYS.setgroups, user.groups.length, groups), 'setgroups', String(user.groups));
  check(functions.syscall1(SYS.setresgid, user.gid, user.gid, user.gid, 0, 0), 'setresgid', String(user.gid));
  check(functions.syscall1(SYS.setresuid, user.uid, user.uid, user.uid, 0, 0), 'setresuid', String(user.uid));
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITY_VERSION_3, 0);
  check(functions.capset(header, Buffer.alloc(24)), 'capset', 'none');
  check(functions.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl', 'no_new_privs');
}

export function makeFifo(path: string): void {
  check(functions.mkfifo(path, 0o600), 'mkfifo', path);
}

/** A pipe: [read end, write end], both closed on exec. */
export function makePipe(): readonly [number, number] {
  const ends = [0, 0];
  check(functions.pipe2(ends, O_CLOEXEC), 'pipe2', '');
  return [ends[0] ?? -1, ends[1] ?? -1];
}

/** A new terminal in the calling thread's view of /dev: the master descriptor and the name of the other side. */
export function openTerminal(): { readonly master: number; readonly path: string } {
  const master = check(functions.posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), 'posix_openpt', '/dev/ptmx');
  check(functions.unlockpt(master), 'unlockpt', '/dev/ptmx');
  const number = Buffer.alloc(4);
  check(functions.ioctl(master, TIOCGPTN, number), 'ioctl TIOCGPTN', '/dev/ptmx');
  return { master, path: `/dev/pts/${number.readUInt32LE(0)}` };
}

export function setTerminalSize(master: number, size: { rows: number; columns: number }): void {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt16LE(Math.min(size.rows, 0xffff), 0);
  buffer.writeUInt16LE(Math.min(size.columns, 0xffff), 2);
  check(functions.ioctl(master, TIOCSWINSZ, buffer), 'ioctl TIOCSWINSZ', 'terminal');
}

/** Takes the wait status of a child of this process that has ended; undefined when there is none to take. */
export function reapChild(pid: number): number | undefined {
  const WNOHANG = 1;
  const status = [0];
  return functions.waitpid(pid, status, WNOHANG) === pid ? status[0] : undefined;
}
