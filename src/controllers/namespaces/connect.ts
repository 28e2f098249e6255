// Connects namespaces, and the ends of their pods and claims, to the loop's keys.
import type { ApiObject } from '#api/object.ts';
import { keyOf } from '#api/object.ts';
import { namespaces, persistentVolumeClaims, pods } from '#api/resources.ts';
import type { InformerEvent } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { namespaceReconcile } from './reconcile.ts';

export interface NamespacesOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that empties deleted namespaces and lets them go. */
export function namespacesLoop(deps: LoopDeps, { concurrency = 4 }: NamespacesOptions = {}): Service {
  const { informers } = deps;
  const spaces = informers.informer(namespaces);
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    const onEnd = ({ kind, object }: InformerEvent<ApiObject>): void => {
      const { namespace } = object.metadata;
      if (kind !== 'deleted' || namespace === undefined) return;
      if (spaces.get(namespace)?.metadata.deletionTimestamp !== undefined) enqueue(namespace);
    };
    return [
      spaces.subscribe(({ object }) => enqueue(keyOf(object))),
      informers.informer(pods).subscribe(onEnd),
      informers.informer(persistentVolumeClaims).subscribe(onEnd),
    ];
  };
  const reconcile = namespaceReconcile(deps, spaces);
  return runLoop(deps, { name: 'namespaces', concurrency, reconcile, connect });
}
