// Connects pods, and the claims under the names of their ephemeral volumes, to the loop's keys.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimsOfPod } from '#rules/pod-volumes.ts';
import { isController } from './decide.ts';
import { CLAIM_KEY, ephemeralReconcile, POD_KEY } from './reconcile.ts';

const PODS_BY_CLAIM = 'ephemeral/claim';

export interface EphemeralOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that makes the claims of generic ephemeral volumes, and deletes them after their pods. */
export function ephemeralLoop(deps: LoopDeps, { concurrency = 8 }: EphemeralOptions = {}): Service {
  const { informers } = deps;
  const caches = {
    pods: informers.informer(pods, { [PODS_BY_CLAIM]: ephemeralClaimKeys }),
    claims: informers.informer(persistentVolumeClaims),
  };
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    caches.pods.subscribe(({ kind, object }) => {
      const claimKeys = ephemeralClaimKeys(object);
      if (claimKeys.length === 0) return;
      enqueue(`${POD_KEY}${keyOf(object)}`);
      if (kind === 'deleted') for (const key of claimKeys) enqueue(`${CLAIM_KEY}${key}`);
    }),
    caches.claims.subscribe(({ object }) => {
      for (const pod of caches.pods.byIndex(PODS_BY_CLAIM, keyOf(object))) enqueue(`${POD_KEY}${keyOf(pod)}`);
      if (isMadeForPod(object)) enqueue(`${CLAIM_KEY}${keyOf(object)}`);
    }),
  ];
  const reconcile = ephemeralReconcile(deps, caches);
  return runLoop(deps, { name: 'ephemeral', concurrency, reconcile, connect });
}

function ephemeralClaimKeys(pod: Pod): readonly string[] {
  return claimsOfPod(pod)
    .filter(({ ephemeral }) => ephemeral)
    .map(({ claimName }) => `${pod.metadata.namespace ?? ''}/${claimName}`);
}

function isMadeForPod({ metadata }: PersistentVolumeClaim): boolean {
  return (metadata.ownerReferences ?? []).some(isController);
}
