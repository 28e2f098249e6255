// configMap: the map's keys as files, replaced atomically when the object changes. The agent hands it to containers
// read-only, so nothing a pod does can redirect the writer (CVE-2017-1002102).
import { type AtomicWriterDeps, type Payload, writePayload } from '../atomic-writer.ts';
import { checkProof } from '../unmount-proof.ts';
import type { LocalVolumeType } from '../volume-type.ts';

export interface ConfigMapSource {
  readonly payload: Payload;
}

export function configMapType(deps: AtomicWriterDeps): LocalVolumeType<ConfigMapSource> {
  const { tree, removeOwnedTree } = deps;
  return {
    name: 'configmap',
    async publish({ target, source, group }) {
      if ((await tree.kind(target)) === undefined) await tree.makeDirectory(target, 0o755);
      const changed = await writePayload(deps, target, source.payload);
      if (changed && group !== undefined) await tree.giveToGroup(target, group);
      return { hostPath: target, isMount: false };
    },
    async unpublish(target, proof) {
      checkProof(proof, target);
      if ((await tree.kind(target)) !== undefined) await removeOwnedTree(target);
    },
  };
}
