// What the node's kernel offers to the rest of Holdfast. The only place that mounts, formats, makes loop devices,
// walks pod-writable paths or starts processes. Real in host/real, simulated in testing; one contract suite for both.

/** A failed system call: errno name, call and path. Switch on `code`. */
export class HostError extends Error {
  override readonly name = 'HostError';
  /** `EBUSY`, `ENOENT`; `TIMEOUT` when the outcome is unknown; `UNSUPPORTED` when the machine lacks the feature. */
  readonly code: string;
  readonly syscall: string;
  readonly path: string;
  constructor(fields: {
    readonly code: string;
    readonly syscall: string;
    readonly path: string;
    readonly message: string;
  }) {
    super(fields.message);
    this.code = fields.code;
    this.syscall = fields.syscall;
    this.path = fields.path;
  }
}

/** One line of /proc/self/mountinfo, octal escapes decoded. */
export interface MountEntry {
  readonly mountId: number;
  readonly parentId: number;
  /** `major:minor` of the mounted file system. */
  readonly device: string;
  /** Path inside the file system that is mounted (`/` for a whole one). */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `unbindable`. */
  readonly propagation: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

export type MountFlag = 'ro' | 'nosuid' | 'nodev' | 'noexec' | 'noatime' | 'nosymfollow';

/** Direct system calls on local file systems: fast, never for what can hang (network file systems, FUSE). */
export interface Mounts {
  /** The mount table of this process's mount namespace, read from the kernel now (law 6). */
  table(): Promise<readonly MountEntry[]>;
  mount(request: {
    readonly source: string;
    readonly target: string;
    readonly fsType: string;
    readonly flags: readonly MountFlag[];
    /** File-system options, comma-joined by the callee; an option holding a comma or control character is refused. */
    readonly options?: readonly string[];
  }): Promise<void>;
  /** Bind mount; a read-only one is bound and remounted read-only before it returns (I-19). */
  bind(request: {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly recursive?: boolean;
  }): Promise<void>;
  /** Makes `path` (a mount point) shared, private or slave. */
  setPropagation(path: string, mode: 'shared' | 'private' | 'slave'): Promise<void>;
  /** Plain umount(2) with UMOUNT_NOFOLLOW: EBUSY when in use. Never lazy, never forced. */
  unmount(target: string): Promise<void>;
}

export interface LoopDevice {
  /** `/dev/loop3`. */
  readonly device: string;
  /** The backing file's device and inode, from LOOP_GET_STATUS64. */
  readonly backingDevice: number;
  readonly backingInode: number;
}

export interface LoopDevices {
  /** Every configured loop device, as the kernel reports it. */
  list(): Promise<readonly LoopDevice[]>;
  /** Attaches a free device to `file`; one device a backing inode: an existing one is returned. */
  attach(file: string, options: { readonly readOnly: boolean }): Promise<LoopDevice>;
  /** LOOP_CLR_FD, then waits until LOOP_GET_STATUS64 says ENXIO. EBUSY when something still holds it. */
  detach(device: string): Promise<void>;
  /** LOOP_SET_CAPACITY: the backing file has grown. */
  refreshSize(device: string): Promise<void>;
}

export interface BlockDevices {
  /** True when the device opens with O_EXCL: no mount namespace holds it (law 6). */
  isFree(device: string): Promise<boolean>;
  sizeBytes(device: string): Promise<number>;
  /** Major:minor of a device node. */
  numberOf(device: string): Promise<string>;
}

export interface CommandResult {
  readonly kind: 'exited' | 'timed-out' | 'missing';
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts programs by argument array, never through a shell, in their own process group, output bounded. */
export interface Commands {
  /** `timed-out`: the outcome is unknown (the child was sent SIGKILL; the kernel's work is not cancelled). `missing`: not on PATH. */
  run(
    program: string,
    args: readonly string[],
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<CommandResult>;
}

/** Everything together. */
export interface Host {
  readonly mounts: Mounts;
  readonly loops: LoopDevices;
  readonly blocks: BlockDevices;
  readonly commands: Commands;
  /** Boot identity of this machine or node (`/proc/sys/kernel/random/boot_id`). */
  bootId(): Promise<string>;
}
