// What of a volume capability this driver can do: ext4, xfs or raw block, on one node, with mount flags of a list.
import { CsiError } from '#csi/csi-error.ts';
import type { VolumeCapability, VolumeCapabilityAccessModeMode } from '#csi/generated/csi.ts';
import type { LocalFilesystem, MountFlag } from '#host/host.ts';

export interface WantedAccess {
  readonly mode: VolumeCapabilityAccessModeMode;
  /** The mode allows no writer. */
  readonly readOnly: boolean;
  /** More than one target on the node. */
  readonly manyTargets: boolean;
  readonly how: { readonly kind: 'block' } | WantedMount;
}

export interface WantedMount {
  readonly kind: 'mount';
  /** Undefined: whatever the volume holds, ext4 for a blank one. */
  readonly fsType: LocalFilesystem | undefined;
  readonly flags: readonly MountFlag[];
  readonly options: readonly string[];
}

const MODES: ReadonlySet<string> = new Set([
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
] satisfies VolumeCapabilityAccessModeMode[]);

const FLAGS: Readonly<Record<string, MountFlag>> = {
  ro: 'ro',
  nosuid: 'nosuid',
  nodev: 'nodev',
  noexec: 'noexec',
  noatime: 'noatime',
  nosymfollow: 'nosymfollow',
};
// Words that ask for what is so anyway.
const NO_CHANGE: ReadonlySet<string> = new Set(['rw', 'defaults', 'relatime', 'async', 'exec', 'atime']);
// Options of ext4 and xfs that change nothing of who may do what. The value of a commit interval is a number.
const OPTIONS: readonly RegExp[] = [
  /^discard$/,
  /^nodiscard$/,
  /^lazytime$/,
  /^commit=\d{1,4}$/,
  /^errors=(continue|remount-ro)$/,
];

/** Reads a capability; INVALID_ARGUMENT when it is incomplete or beyond this driver. */
export function wantedAccess(capability: VolumeCapability | null): WantedAccess {
  if (capability === null) throw invalid('The request lacks its "volume_capability"');
  const { accessMode, block, mount } = capability;
  if (accessMode === null) throw invalid('The volume capability lacks its "access_mode"');
  if (block === undefined && mount === undefined) {
    throw invalid('The volume capability lacks its access type: "mount" or "block"');
  }
  const { mode } = accessMode;
  if (!MODES.has(mode)) {
    throw invalid(`The access mode ${String(mode)} is not supported: a disk is used on one node at a time`);
  }
  return {
    mode,
    readOnly: mode === 'SINGLE_NODE_READER_ONLY',
    manyTargets: mode === 'SINGLE_NODE_MULTI_WRITER',
    how: mount === undefined ? { kind: 'block' } : wantedMount(mount.fsType, mount.mountFlags),
  };
}

function wantedMount(fsType: string, mountFlags: readonly string[]): WantedMount {
  if (fsType !== '' && fsType !== 'ext4' && fsType !== 'xfs') {
    throw invalid(
      `The file system ${JSON.stringify(fsType.slice(0, 40))} is not supported: "ext4" or "xfs" is needed`,
    );
  }
  // User file systems never bring device nodes or set-user-id programs to the node.
  const flags = new Set<MountFlag>(['nodev', 'nosuid']);
  const options: string[] = [];
  for (const [index, flag] of mountFlags.entries()) {
    const known = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
    if (known !== undefined) flags.add(known);
    else if (OPTIONS.some((option) => option.test(flag))) options.push(flag);
    // The flag itself is not repeated: mount flags can hold secrets.
    else if (!NO_CHANGE.has(flag))
      throw invalid(`Mount flag number ${index + 1} is not on the list of allowed ones`);
  }
  return { kind: 'mount', fsType: fsType === '' ? undefined : fsType, flags: [...flags], options };
}

function invalid(message: string): CsiError {
  return new CsiError('INVALID_ARGUMENT', message);
}
