// emptyDir: a directory of the pod's own (disk), or a tmpfs with a size (memory). Its contents die with the pod:
// unpublish unmounts a tmpfs, then removes the tree through the one recursive removal there is.
import type { Host } from '#host/host.ts';
import { mountsAt } from '../mount-table.ts';
import type { RemoveOwnedTree, Tree } from '../tree.ts';
import { checkProof } from '../unmount-proof.ts';
import type { LocalVolumeType } from '../volume-type.ts';

export interface EmptyDirSource {
  readonly medium: 'disk' | 'memory';
  /** Bytes; undefined: no limit of its own. */
  readonly sizeLimitBytes: bigint | undefined;
  /** The limit as its pod says it, for messages. */
  readonly sizeLimit?: string | undefined;
}

export interface EmptyDirDeps {
  readonly host: Pick<Host, 'mounts'>;
  readonly tree: Tree;
  readonly removeOwnedTree: RemoveOwnedTree;
}

// Any user of the pod may write, as the API promises.
const MODE = 0o777;

export function emptyDirType({ host, tree, removeOwnedTree }: EmptyDirDeps): LocalVolumeType<EmptyDirSource> {
  return {
    name: 'empty-dir',
    async publish({ target, source, group }) {
      const mounted = (await mountsAt(host, target)).length > 0;
      if (!mounted) await tree.makeDirectory(target, MODE);
      if (source.medium === 'memory' && !mounted) {
        const size = source.sizeLimitBytes === undefined ? [] : [`size=${source.sizeLimitBytes}`];
        await host.mounts.mount({
          source: 'tmpfs',
          target,
          fsType: 'tmpfs',
          flags: ['nosuid', 'nodev'],
          options: ['mode=0777', ...size],
        });
      }
      if (group !== undefined) await tree.giveToGroup(target, group);
      return { hostPath: target, isMount: source.medium === 'memory' };
    },
    async unpublish(target, proof) {
      checkProof(proof, target);
      // A publish repeated after a crash may have stacked mounts: every one goes.
      for (const mount of await mountsAt(host, target)) await host.mounts.unmount(mount.mountPoint);
      if ((await tree.kind(target)) !== undefined) await removeOwnedTree(target);
    },
  };
}
