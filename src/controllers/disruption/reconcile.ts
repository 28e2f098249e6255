// Writes the status of one budget. Keys are `namespace/name`. No policy here.
import type { Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type { ApiObject } from '#api/object.ts';
import { podDisruptionBudgets } from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { decideBudget } from './decide.ts';
import { observeBudget } from './view.ts';

export interface DisruptionCaches {
  readonly budgets: Informer<PodDisruptionBudget>;
  readonly pods: Informer<Pod>;
}

export function disruptionReconcile(deps: LoopDeps, caches: DisruptionCaches): Reconcile {
  return async (key, signal) => {
    try {
      return await reconcileBudget(deps, caches, key, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileBudget(
  { api, clock, events }: LoopDeps,
  caches: DisruptionCaches,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const view = observeBudget(caches, key);
  if (view === undefined) return { kind: 'settled' }; // DIS9
  const { kind, status, notDeleted, again } = decideBudget(view, clock.now());
  if (kind === 'rest') {
    if (again === undefined) return { kind: 'settled' };
    const retryAfterMs = again - clock.now();
    return { kind: 'blocked', because: 'a disrupted pod is still to be deleted', retryAfterMs };
  }
  const { budget, pods } = view;
  const written = await api.updateStatus(podDisruptionBudgets, { ...budget, status }, signal);
  for (const pod of notDeleted) {
    const about: ApiObject = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`;
    events.record(about, { type: 'Warning', reason: 'NotDeleted', message }); // DIS7
  }
  if (pods.length === 0) {
    const about: ApiObject = { ...budget, apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' };
    events.record(about, { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' }); // DIS11
  }
  const { resourceVersion } = written.metadata;
  return { kind: 'progressed', wrote: { informer: caches.budgets, resourceVersion } };
}
