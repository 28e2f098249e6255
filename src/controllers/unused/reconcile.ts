// Writes a claim's Unused condition. Keys are `namespace/name` of claims.
// Rule UNU7 is carried out here too.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { splitKey } from '#api/object.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { decideUnused } from './decide.ts';

export const PODS_BY_CLAIM = 'unused/claim';
export const podIndexes = { [PODS_BY_CLAIM]: claimKeysOfPod };

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1000;

export interface UnusedCaches {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly pods: Informer<Pod>;
}

export function unusedReconcile(deps: LoopDeps, caches: UnusedCaches): Reconcile {
  return async (key, signal) => {
    try {
      return await reconcileClaim(deps, caches, key, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileClaim(
  { api, clock }: LoopDeps,
  caches: UnusedCaches,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const claim = caches.claims.get(key);
  if (claim === undefined) return { kind: 'settled' };
  const isUsed = caches.pods.byIndex(PODS_BY_CLAIM, key).some((pod) => !isTerminal(pod));
  const step = decideUnused({ claim, isUsed }, clock.now());
  if (step.kind === 'rest') return { kind: 'settled' };
  if (!step.isUsed) {
    // UNU4
    const { items } = await api.list(pods, { namespace: splitKey(key).namespace }, signal);
    const user = items.find((pod) => !isTerminal(pod) && claimKeysOfPod(pod).includes(key));
    if (user !== undefined) return { kind: 'blocked', because: 'a pod uses it', retryAfterMs: BEHIND_MS };
  }
  const next = { ...claim, status: { ...claim.status, conditions: step.conditions } };
  const { metadata } = await api.updateStatus(persistentVolumeClaims, next, signal);
  const wrote = { informer: caches.claims, resourceVersion: metadata.resourceVersion };
  return { kind: 'progressed', wrote };
}
