// What the node's kernel offers to the rest of Holdfast. The only place that mounts, formats, makes loop devices,
// walks pod-writable paths or starts processes. Real in host/real, simulated in testing; one contract suite for both.
import type { Brand } from '#base/brand.ts';

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
  /** Bind mount; a read-only one is never writable, not for a moment (I-19). */
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
  /**
   * LOOP_CLR_FD, then waits until LOOP_GET_STATUS64 says ENXIO. EBUSY when something still holds it. With a LoopDevice
   * only while it still has that backing file: names are used again, by any process of the machine.
   */
  detach(device: string | LoopDevice): Promise<void>;
  /** LOOP_SET_CAPACITY: the backing file has grown. */
  refreshSize(device: string): Promise<void>;
}

export interface BlockDevices {
  /**
   * True when the device opens with O_EXCL: no mount namespace holds it (law 6). `waitMs`: asks again for so long,
   * since a container that is being started holds a copy of every mount until it has left the old root.
   */
  isFree(device: string, options?: { readonly waitMs: number }): Promise<boolean>;
  sizeBytes(device: string): Promise<number>;
  /** How far the kernel reads ahead on it: /sys/dev/block/…/queue/read_ahead_kb. */
  setReadAheadKiB(device: string, kib: number): Promise<void>;
  readAheadKiB(device: string): Promise<number>;
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

/** A regular file as an image of a block device. */
export interface ImageFile {
  readonly sizeBytes: number;
  /** What it takes of its file system; a sparse file takes less than its size. */
  readonly allocatedBytes: number;
  /** st_dev and st_ino: the identity that a loop device reports for its backing file. */
  readonly deviceId: number;
  readonly inode: number;
}

/** Made only by ImageFiles.proveBlank, which has read every extent of this very file as zero. */
export type FormatProof = Brand<
  { readonly image: string; readonly deviceId: number; readonly inode: number; readonly sizeBytes: number },
  'FormatProof'
>;

/** Says why the contents of an image may be thrown away; made by the owner of the image from its synced record. */
export type WipeProof = Brand<{ readonly image: string; readonly because: string }, 'WipeProof'>;

export type BlankCheck =
  | { readonly kind: 'blank'; readonly proof: FormatProof }
  | { readonly kind: 'data'; readonly offset: number }
  | { readonly kind: 'wrong-size'; readonly sizeBytes: number };

/** Sparse files that hold volumes. Paths are the caller's own, never text from a request. */
export interface ImageFiles {
  /** Undefined when absent; a HostError when something that is no regular file stands there. */
  stat(path: string): Promise<ImageFile | undefined>;
  /** A new sparse file of exactly this size, 0600, synced with its folder; one that exists is grown, never shrunk. */
  create(path: string, sizeBytes: number): Promise<void>;
  /** unlink, then syncs the folder; absent is fine. */
  remove(path: string): Promise<void>;
  /** Reads every extent: blank only if the file has exactly `sizeBytes` and each byte of it reads as zero. */
  proveBlank(path: string, sizeBytes: number): Promise<BlankCheck>;
  /** Makes every byte read as zero again, the size unchanged. */
  wipe(path: string, proof: WipeProof): Promise<void>;
  /**
   * Makes `to`, which must not exist, equal to `from`: by reflink where the file system has it (`isShared`), else extent
   * by extent, holes left out. 0600, synced with its folder. Aborted or killed, it leaves a part that is no image yet.
   */
  copy(from: string, to: string, signal: AbortSignal): Promise<{ readonly isShared: boolean }>;
}

export type FormatOutcome =
  | { readonly kind: 'done' }
  /** The program is not installed: its name and the Debian package that has it. */
  | { readonly kind: 'missing'; readonly program: string; readonly debianPackage: string }
  | { readonly kind: 'failed'; readonly message: string }
  /** The deadline passed: the program's work has perhaps been done. */
  | { readonly kind: 'unknown' };

export type LocalFilesystem = 'ext4' | 'xfs';

export interface ProbedFilesystem {
  readonly fsType: LocalFilesystem;
  /** The size that the file system believes to have. */
  readonly sizeBytes: number;
}

export interface Usage {
  readonly totalBytes: bigint;
  /** What users without privilege may still take. */
  readonly availableBytes: bigint;
  readonly usedBytes: bigint;
  readonly totalInodes: bigint;
  readonly freeInodes: bigint;
}

/** A mounted file system and the device (`major:minor`) that must be behind it. */
export interface FrozenMount {
  readonly mountPoint: string;
  readonly device: string;
}

/** File systems on local block devices. */
export interface Filesystems {
  /** mkfs without force. Refuses a device whose backing file is not the one that `proof` is about. */
  format(request: {
    readonly device: string;
    readonly fsType: LocalFilesystem;
    readonly proof: FormatProof;
  }): Promise<FormatOutcome>;
  /** What a device's superblock says; undefined: neither ext4 nor xfs, which proves nothing about its contents. */
  probe(device: string): Promise<ProbedFilesystem | undefined>;
  /** Grows a file system to its device: mounted at `mountPoint`, or (ext4 only) mounted nowhere. */
  grow(request: {
    readonly device: string;
    readonly mountPoint: string | undefined;
    readonly fsType: LocalFilesystem;
  }): Promise<FormatOutcome>;
  /** statfs(2) of the file system at `path`. */
  usage(path: string): Promise<Usage>;
  /**
   * Runs `step` while the mounted file system is frozen: everything written before is on its device, writers wait, and
   * it cannot be unmounted meanwhile. Thawed afterwards whatever happens to the step. EBUSY: somebody else froze it;
   * ESTALE: another file system is at the mount point by now, and nothing was frozen.
   */
  whileFrozen<T>(mount: FrozenMount, step: () => Promise<T>): Promise<T>;
  /** Ends a freeze that a killed process left; false when it was not frozen. */
  thaw(mount: FrozenMount): Promise<boolean>;
  /** A new random UUID for an unmounted copy. An ext4 is checked first where it needs that; xfs is left (`nouuid`). */
  renewIdentity(device: string, fsType: LocalFilesystem): Promise<FormatOutcome>;
}

export type PathKind = 'directory' | 'file' | 'block' | 'other';

/** The last component of a mount target: made before the mount, removed by its single known name after it. */
export interface MountPoints {
  /** What stands at `path` itself (a link is `other`); undefined when nothing does. */
  kind(path: string): Promise<PathKind | undefined>;
  /** One directory, its parent must exist; one that is there already is fine, anything else is EEXIST. */
  makeDirectory(path: string): Promise<void>;
  /** One empty file, likewise. */
  makeFile(path: string): Promise<void>;
  /** rmdir of an empty directory or unlink of an empty regular file; absent is fine. */
  remove(path: string): Promise<void>;
}

/** What a driver of local images needs on top of Host. */
export interface LocalHost extends Host {
  readonly images: ImageFiles;
  readonly filesystems: Filesystems;
  readonly mountPoints: MountPoints;
}
