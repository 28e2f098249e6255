// Questions to the mount table. A table line is found by its exact path; a name the kernel marks as deleted counts too,
// since the mount still stands although stat says that the path is gone (k/k#139535).
import type { Host, MountEntry } from '#host/host.ts';

/** Suffix the kernel adds in mountinfo to a mount point whose directory entry was removed. */
const DELETED = '//deleted';

/** The mounts that stand at exactly `path`, bottom first. */
export function mountsAtPath(table: readonly MountEntry[], path: string): readonly MountEntry[] {
  return table.filter((entry) => entry.mountPoint === path || entry.mountPoint === `${path}${DELETED}`);
}

/** The mounts at `path` or below it, bottom first. */
export function mountsBelow(table: readonly MountEntry[], path: string): readonly MountEntry[] {
  return table.filter(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`));
}

/** The mounts at `target` in the kernel's table now. */
export async function mountsAt(host: Pick<Host, 'mounts'>, target: string): Promise<readonly MountEntry[]> {
  return mountsAtPath(await host.mounts.table(), target);
}
