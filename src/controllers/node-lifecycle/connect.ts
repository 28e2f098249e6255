// Connects nodes, their leases and their pods to the loop's keys, and looks at every node again from time to time.
// Rule NLC9 is carried out here too.
import { keyOf } from '#api/object.ts';
import { leases, nodes, pods } from '#api/resources.ts';
import type { Clock, Timer } from '#base/clock.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { nodeReconcile } from './reconcile.ts';
import { LEASE_NAMESPACE, podIndexes, PODS_BY_NODE } from './view.ts';

/** Kubernetes' node-monitor-period. Silence makes no event. */
const LOOK_MS = 5000;

export interface NodeLifecycleOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that marks silent nodes and removes pods of nodes that are gone. */
export function nodeLifecycleLoop(deps: LoopDeps, { concurrency = 8 }: NodeLifecycleOptions = {}): Service {
  const { informers, clock } = deps;
  const nodeCache = informers.informer(nodes);
  const leaseCache = informers.informer(leases);
  const podCache = informers.informer(pods, podIndexes);
  const reconcile = nodeReconcile(deps, { nodes: nodeCache, leases: leaseCache, pods: podCache });
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    nodeCache.subscribe(({ kind, object }) => {
      const { name } = object.metadata;
      enqueue(`node/${name}`);
      if (kind === 'updated') return;
      for (const pod of podCache.byIndex(PODS_BY_NODE, name)) enqueue(`pod/${keyOf(pod)}`);
    }),
    leaseCache.subscribe(({ object }) => {
      if (object.metadata.namespace === LEASE_NAMESPACE) enqueue(`node/${object.metadata.name}`);
    }),
    podCache.subscribe(({ kind, object }) => {
      const node = object.spec?.nodeName ?? '';
      const isOrphan = node !== '' && nodeCache.get(node) === undefined;
      if (kind !== 'deleted' && isOrphan) enqueue(`pod/${keyOf(object)}`);
    }),
    every(clock, LOOK_MS, () => {
      for (const node of nodeCache.list()) enqueue(`node/${node.metadata.name}`);
    }),
  ];
  return runLoop(deps, { name: 'node-lifecycle', concurrency, reconcile, connect });
}

/** Calls `act` every `ms` until the returned function is called. */
function every(clock: Clock, ms: number, act: () => void): () => void {
  let timer: Timer;
  const again = (): void => {
    timer = clock.after(ms, 'periodic', () => {
      act();
      again();
    });
  };
  again();
  return () => timer.cancel();
}
