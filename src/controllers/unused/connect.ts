// Connects claims and pods to the keys of the claims concerned.
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { podIndexes, unusedReconcile } from './reconcile.ts';

export interface UnusedOptions {
  readonly gates?: FeatureGates;
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that keeps the Unused condition of claims. */
export function unusedLoop(deps: LoopDeps, options: UnusedOptions = {}): Service {
  const { gates = DEFAULT_GATES, concurrency = 16 } = options;
  // UNU6
  if (!gates.PersistentVolumeClaimUnusedSinceTime) return { name: 'unused', run: () => Promise.resolve() };
  const claims = deps.informers.informer(persistentVolumeClaims);
  const podCache = deps.informers.informer(pods, podIndexes);
  return runLoop(deps, {
    name: 'unused',
    concurrency,
    reconcile: unusedReconcile(deps, { claims, pods: podCache }),
    connect: (enqueue) => [
      claims.subscribe(({ object }) => enqueue(keyOf(object))),
      podCache.subscribe(({ object }) => {
        for (const claim of claimKeysOfPod(object)) enqueue(claim);
      }),
    ],
  });
}
