// The pods of this node in the informer's cache.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import type { Informer, InformerSource } from '#client/informer.ts';

export interface NodePods {
  readonly informer: Informer<Pod>;
  byUid(uid: string): Stored<Pod> | undefined;
  find(namespace: string, name: string): Stored<Pod> | undefined;
}

const BY_UID = 'uid';

export function nodePods(informers: InformerSource, nodeName: string): NodePods {
  const informer = informers.informer<Pod>(pods, { [BY_UID]: ({ metadata }) => [metadata.uid] });
  const own = (pod: Stored<Pod> | undefined): Stored<Pod> | undefined =>
    pod?.spec?.nodeName === nodeName ? pod : undefined;
  return {
    informer,
    byUid: (uid) => own(informer.byIndex(BY_UID, uid)[0]),
    find: (namespace, name) => own(informer.get(`${namespace}/${name}`)),
  };
}
