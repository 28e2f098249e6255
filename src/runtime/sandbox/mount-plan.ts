// What a container's mount namespace is made of, as data: the ordered steps that one trusted thread carries out with
// direct system calls (real/namespace-thread.ts). Nothing of the container has run before the last step and nothing
// from the container's file system is executed in between, so a volume over /usr cannot smuggle a program in.
import type { Device, Mount } from '../generated/cri.ts';

export type MountStep =
  /** Own mount namespace, everything a slave of the machine's: unmounts there reach us, nothing of ours goes back. */
  | { readonly kind: 'new-namespace' }
  /** Takes a detached copy of a tree in the machine's view, to be attached once the new root stands. */
  | {
      readonly kind: 'take-tree';
      readonly slot: number;
      readonly source: string;
      readonly readOnly: boolean;
      readonly recursiveReadOnly: boolean;
      readonly propagation: 'private' | 'slave';
      readonly allowDevices: boolean;
    }
  | { readonly kind: 'attach-tree'; readonly slot: number; readonly target: string }
  | {
      readonly kind: 'mount';
      readonly fsType: string;
      readonly target: string;
      readonly flags: readonly MountStepFlag[];
      readonly options: string;
    }
  | { readonly kind: 'make-directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'make-file'; readonly path: string; readonly content: string }
  | { readonly kind: 'make-symlink'; readonly path: string; readonly to: string }
  /** Changes the thread's working directory; relative paths of later steps start there. */
  | { readonly kind: 'enter'; readonly path: string }
  | { readonly kind: 'bind'; readonly source: string; readonly target: string }
  /** Covers a path: a directory by an empty read-only tmpfs, a file by /dev/null. Absent paths are left. */
  | { readonly kind: 'mask'; readonly path: string }
  /** Binds a path over itself read-only. Absent paths are left. */
  | { readonly kind: 'protect'; readonly path: string }
  /** Starts the container's init, which mounts /proc and waits: everything it executes is still the machine's own. */
  | { readonly kind: 'start-init' }
  | { readonly kind: 'pivot'; readonly putOld: string }
  /** Detaches the old root, in this namespace only, and removes the empty directory it was on. */
  | { readonly kind: 'detach'; readonly path: string }
  | { readonly kind: 'read-only-root' };

export type MountStepFlag = 'ro' | 'nosuid' | 'nodev' | 'noexec';

export interface MountPlanInput {
  /** An empty directory of the machine that the container's root is built on; never seen by others. */
  readonly stage: string;
  readonly topLayerBytes: number;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly hidden: readonly string[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRootfs: boolean;
  readonly workingDir: string;
  /** Files of /etc that the pod has of its own: name to content. */
  readonly etc: Readonly<Record<string, string>>;
}

const OLD_ROOT = '.holdfast-old-root';
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const DEVICE_LINKS: readonly (readonly [string, string])[] = [
  ['ptmx', 'pts/ptmx'],
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
];
// What container runtimes mask and protect by default; used when the caller names none.
const DEFAULT_MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const DEFAULT_PROTECTED = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'];
// uid 0 can write core_pattern without any capability, so this one is protected whatever the caller says.
const ALWAYS_PROTECTED = '/proc/sys';

/** The steps that build a container's file system, in order. Pure. Rules SBX10 to SBX19. */
export function planMounts(input: MountPlanInput): readonly MountStep[] {
  const trees = takenTrees(input);
  return [
    { kind: 'new-namespace' },
    ...trees.map((tree) => tree.take),
    ...rootLayer(input),
    { kind: 'enter', path: 'root' },
    { kind: 'pivot', putOld: OLD_ROOT },
    ...kernelFileSystems(),
    ...deviceFiles(),
    { kind: 'start-init' },
    ...covers(input),
    { kind: 'detach', path: `/${OLD_ROOT}` },
    ...trees.map((tree) => tree.attach),
    ...(input.workingDir === '/'
      ? []
      : [{ kind: 'make-directory', path: input.workingDir, mode: 0o755 } as const]),
    ...(input.readonlyRootfs ? [{ kind: 'read-only-root' } as const] : []),
  ];
}

function takenTrees(input: MountPlanInput): readonly { take: MountStep; attach: MountStep }[] {
  // A mount point below another must come after it.
  const byDepth = [...input.mounts].sort((a, b) => depth(a.containerPath) - depth(b.containerPath));
  const volumes = byDepth.map((mount) => ({
    source: mount.hostPath,
    target: mount.containerPath,
    readOnly: mount.readonly,
    recursiveReadOnly: mount.readonly && mount.recursiveReadOnly,
    propagation: mount.propagation === 'PROPAGATION_HOST_TO_CONTAINER' ? 'slave' : 'private',
    allowDevices: false,
  }));
  const devices = input.devices.map((device) => ({
    source: device.hostPath,
    target: device.containerPath,
    readOnly: false,
    recursiveReadOnly: false,
    propagation: 'private',
    allowDevices: true,
  }));
  return [...volumes, ...devices].map(({ source, target, propagation, ...rest }, slot) => ({
    take: {
      kind: 'take-tree',
      slot,
      source,
      ...rest,
      propagation: propagation === 'slave' ? 'slave' : 'private',
    },
    attach: { kind: 'attach-tree', slot, target },
  }));
}

function rootLayer(input: MountPlanInput): readonly MountStep[] {
  const etc = Object.entries(input.etc);
  return [
    {
      kind: 'mount',
      fsType: 'tmpfs',
      target: input.stage,
      flags: ['nosuid', 'nodev'],
      options: `size=${input.topLayerBytes},mode=0755`,
    },
    { kind: 'enter', path: input.stage },
    { kind: 'make-directory', path: 'upper', mode: 0o755 },
    { kind: 'make-directory', path: 'work', mode: 0o700 },
    { kind: 'make-directory', path: 'root', mode: 0o755 },
    { kind: 'make-directory', path: `upper/${OLD_ROOT}`, mode: 0o700 },
    // Written to the layer before it is mounted: a symlink of the machine's /etc cannot lead the write elsewhere.
    ...(etc.length === 0 ? [] : [{ kind: 'make-directory', path: 'upper/etc', mode: 0o755 } as const]),
    ...etc.map(([name, content]) => ({ kind: 'make-file', path: `upper/etc/${name}`, content }) as const),
    {
      kind: 'mount',
      fsType: 'overlay',
      target: 'root',
      flags: ['nosuid', 'nodev'],
      options: 'lowerdir=/,upperdir=upper,workdir=work',
    },
  ];
}

function kernelFileSystems(): readonly MountStep[] {
  return [
    {
      kind: 'mount',
      fsType: 'sysfs',
      target: '/sys',
      flags: ['ro', 'nosuid', 'nodev', 'noexec'],
      options: '',
    },
    {
      kind: 'mount',
      fsType: 'tmpfs',
      target: '/dev',
      flags: ['nosuid', 'noexec'],
      options: 'mode=0755,size=64k',
    },
  ];
}

function deviceFiles(): readonly MountStep[] {
  return [
    ...DEVICES.flatMap((name): MountStep[] => [
      { kind: 'make-file', path: `/dev/${name}`, content: '' },
      { kind: 'bind', source: `/${OLD_ROOT}/dev/${name}`, target: `/dev/${name}` },
    ]),
    ...DEVICE_LINKS.map(([name, to]): MountStep => ({ kind: 'make-symlink', path: `/dev/${name}`, to })),
    { kind: 'make-directory', path: '/dev/pts', mode: 0o755 },
    {
      kind: 'mount',
      fsType: 'devpts',
      target: '/dev/pts',
      flags: ['nosuid', 'noexec'],
      options: 'newinstance,ptmxmode=0666,mode=0620',
    },
    { kind: 'make-directory', path: '/dev/shm', mode: 0o755 },
    {
      kind: 'mount',
      fsType: 'tmpfs',
      target: '/dev/shm',
      flags: ['nosuid', 'nodev', 'noexec'],
      options: 'mode=1777,size=64m',
    },
  ];
}

function covers(input: MountPlanInput): readonly MountStep[] {
  const masked = input.maskedPaths.length === 0 ? DEFAULT_MASKED : input.maskedPaths;
  const listed = input.readonlyPaths.length === 0 ? DEFAULT_PROTECTED : input.readonlyPaths;
  const protectedPaths = [ALWAYS_PROTECTED, ...listed.filter((path) => path !== ALWAYS_PROTECTED)];
  return [
    ...input.hidden.map((path): MountStep => ({ kind: 'mask', path })),
    ...protectedPaths.map((path): MountStep => ({ kind: 'protect', path })),
    ...masked.map((path): MountStep => ({ kind: 'mask', path })),
  ];
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}
