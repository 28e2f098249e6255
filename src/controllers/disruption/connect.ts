// Connects budgets and pods to the keys of the budgets concerned.
import type { Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { podDisruptionBudgets, pods } from '#api/resources.ts';
import type { InformerEvent } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { disruptionReconcile } from './reconcile.ts';
import { BUDGETS_BY_NAMESPACE, budgetIndexes, disruptionPodIndexes, selects } from './view.ts';

export interface DisruptionOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that keeps the status of PodDisruptionBudgets. */
export function disruptionLoop(deps: LoopDeps, { concurrency = 4 }: DisruptionOptions = {}): Service {
  const budgets = deps.informers.informer(podDisruptionBudgets, budgetIndexes);
  const podCache = deps.informers.informer(pods, disruptionPodIndexes);
  return runLoop(deps, {
    name: 'disruption',
    concurrency,
    reconcile: disruptionReconcile(deps, { budgets, pods: podCache }),
    connect: (enqueue) => [
      budgets.subscribe(({ object }) => enqueue(keyOf(object))),
      podCache.subscribe((event) => {
        const versions = versionsThatCount(event);
        if (versions.length === 0) return;
        const namespace = event.object.metadata.namespace ?? '';
        for (const budget of budgets.byIndex(BUDGETS_BY_NAMESPACE, namespace)) {
          if (versions.some(({ metadata }) => selects(budget, metadata.labels))) enqueue(keyOf(budget));
        }
      }),
    ],
  });
}

/** The pod before and after a change that a budget may see; none when it sees none (DIS10). */
function versionsThatCount(event: InformerEvent<Pod>): readonly Stored<Pod>[] {
  if (event.kind !== 'updated') return [event.object];
  const { object, previous } = event;
  return whatCounts(object) === whatCounts(previous) ? [] : [object, previous];
}

function whatCounts({ metadata, status }: Pod): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return JSON.stringify([metadata.uid, metadata.labels, metadata.deletionTimestamp, ready]);
}
