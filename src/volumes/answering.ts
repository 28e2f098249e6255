// A look at a volume before anything in this process goes below it: a network or user-space file system may hang, and
// what waits in the kernel cannot be called back. A program asks first, with a deadline.
import type { Host, MountEntry } from '#host/host.ts';
import { mountsAtPath } from './mount-table.ts';
import { VolumeError } from './volume-type.ts';

/** File systems that answer as long as the machine does. */
const LOCAL: ReadonlySet<string> = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'vfat',
  'iso9660',
  'squashfs',
  'tmpfs',
  'ramfs',
  'devtmpfs',
  'overlay',
]);
const TIMEOUT_MS = 10_000;

/** The mount that a lookup of `path` ends in. */
function mountOf(table: readonly MountEntry[], path: string): MountEntry | undefined {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const top = mountsAtPath(table, at).at(-1);
    if (top !== undefined) return top;
  }
  return mountsAtPath(table, '/').at(-1);
}

/** Rejects when the file system at `path` does not answer in time. Costs nothing on a local one. */
export async function checkAnswers(
  host: Pick<Host, 'mounts' | 'commands'>,
  path: string,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const mount = mountOf(await host.mounts.table(), path);
  if (mount !== undefined && LOCAL.has(mount.fsType)) return;
  const { kind } = await host.commands.run('stat', ['-c', '%F', '--', `${path}/.`], { timeoutMs });
  if (kind !== 'timed-out') return;
  throw new VolumeError(
    'mismatch',
    `"${path}" (${mount?.fsType ?? 'unknown file system'}) did not answer within ${timeoutMs / 1000} s: it may hang`,
  );
}
