// Files that the agent writes, on a tmpfs of the volume's own, so that no secret reaches a disk; replaced atomically
// when what they come from changes, and handed to containers read-only.
import type { Host } from '#host/host.ts';
import { type AtomicWriterDeps, type Payload, writePayload } from './atomic-writer.ts';
import { mountsAt } from './mount-table.ts';
import { checkProof } from './unmount-proof.ts';
import type { LocalVolumeType, VolumeTypeName } from './volume-type.ts';

export interface PayloadSource {
  readonly payload: Payload;
}

export interface PayloadDeps extends AtomicWriterDeps {
  readonly host: Pick<Host, 'mounts'>;
}

export function payloadOnTmpfs(name: VolumeTypeName, deps: PayloadDeps): LocalVolumeType<PayloadSource> {
  const { tree, host } = deps;
  return {
    name,
    async publish({ target, source, group }) {
      if ((await mountsAt(host, target)).length === 0) {
        await tree.makeDirectory(target, 0o755);
        await host.mounts.mount({
          source: 'tmpfs',
          target,
          fsType: 'tmpfs',
          flags: ['nosuid', 'nodev', 'noexec'],
          options: ['mode=0755'],
        });
      }
      const changed = await writePayload(deps, target, source.payload);
      if (changed && group !== undefined) await tree.giveToGroup(target, group);
      return { hostPath: target, isMount: true };
    },
    async unpublish(target, proof) {
      checkProof(proof, target);
      for (const mount of await mountsAt(host, target)) await host.mounts.unmount(mount.mountPoint);
      // The tmpfs took the files with it: what remains is the empty mount point.
      await tree.removeDirectory(target);
    },
  };
}
