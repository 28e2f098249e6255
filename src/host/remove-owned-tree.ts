// The one recursive removal of Holdfast (law 5), as its callers see it. It never follows a link, never leaves the mount
// it began on, and says what it left. Real in host/real/remove-owned-tree.ts. Rules HST26 to HST30.
import { HostError } from './host.ts';

/** Who may remove a tree: those whose tree it is. Every call names one, and the log shows it. */
export type TreeOwner = 'empty-dir' | 'sandbox-layer' | 'local-cleanup' | 'driver-pool' | 'test';

/** Something that was left standing. */
export interface LeftEntry {
  readonly path: string;
  readonly because: 'another-mount' | 'busy' | 'error';
  /** errno, where a system call refused. */
  readonly code: string | undefined;
}

export interface RemovalReport {
  readonly removed: number;
  /** At most LEFT_LIMIT entries; empty means that the root is gone. */
  readonly left: readonly LeftEntry[];
}

export const LEFT_LIMIT = 20;

export interface OwnedTrees {
  /** Removes `root` and all below it. Absent is fine. `root` must be absolute, its parent is trusted, itself no link. */
  remove(root: string, owner: TreeOwner): Promise<RemovalReport>;
}

/** A removal for one caller, which fails when anything was left. */
export function ownedTreeRemoval(trees: OwnedTrees, owner: TreeOwner): (root: string) => Promise<void> {
  return async (root) => {
    const { left } = await trees.remove(root, owner);
    const [first] = left;
    if (first === undefined) return;
    throw new HostError({
      code: first.because === 'error' ? (first.code ?? 'EIO') : 'EBUSY',
      syscall: 'remove-owned-tree',
      path: first.path,
      message:
        `Cannot remove the tree ${JSON.stringify(root)} of ${owner}: ${JSON.stringify(first.path)} was left, ` +
        (first.because === 'another-mount'
          ? 'another file system is mounted there'
          : `it is ${first.code ?? 'busy'}`) +
        (left.length > 1 ? `; ${left.length - 1} more were left` : ''),
    });
  };
}
