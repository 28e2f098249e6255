// Carries out one step for a pod (`pods/namespace/name`) or a claim (`claims/namespace/name`).
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { FollowedCache, Outcome, Reconcile } from '#client/outcome.ts';
import { decideClaim, decidePod } from './decide.ts';
import { type EphemeralCaches, type EphemeralVolume, viewClaim, viewPod } from './view.ts';

export const POD_KEY = 'pods/';
export const CLAIM_KEY = 'claims/';

interface Pass {
  readonly deps: LoopDeps;
  readonly caches: EphemeralCaches & { readonly claims: FollowedCache };
  /** Pod key to the UIDs of the claims that it was told are in its way (EPH10). */
  readonly told: Map<string, string>;
}

export function ephemeralReconcile(deps: LoopDeps, caches: Pass['caches']): Reconcile {
  const pass: Pass = { deps, caches, told: new Map() };
  return async (key, signal) => {
    try {
      if (key.startsWith(POD_KEY)) return await reconcilePod(pass, key.slice(POD_KEY.length), signal);
      return await reconcileClaim(pass, key.slice(CLAIM_KEY.length), signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcilePod(pass: Pass, key: string, signal: AbortSignal): Promise<Outcome> {
  const pod = pass.caches.pods.get(key);
  if (pod === undefined) {
    pass.told.delete(key);
    return { kind: 'settled' };
  }
  const step = decidePod(viewPod(pass.caches, pod));
  switch (step.kind) {
    case 'settled':
      pass.told.delete(key);
      return { kind: 'settled' };
    case 'create': {
      const { metadata } = await pass.deps.api.create(persistentVolumeClaims, step.claim, signal);
      const { resourceVersion } = metadata;
      return { kind: 'progressed', wrote: { informer: pass.caches.claims, resourceVersion } };
    }
    case 'conflict':
      tellConflict(pass, pod, step.volumes);
      return { kind: 'settled' }; // the end of the claim in the way is an event
    default:
      return assertNever(step);
  }
}

function tellConflict({ deps, told }: Pass, pod: Stored<Pod>, volumes: readonly EphemeralVolume[]): void {
  const claims = volumes.map(({ claim }) => claim?.metadata.uid ?? '').join(' ');
  const what = `${pod.metadata.uid} ${claims}`;
  if (told.get(keyOf(pod)) === what) return;
  told.set(keyOf(pod), what);
  const { namespace = '', name } = pod.metadata;
  for (const volume of volumes) {
    const claim = `${namespace}/${volume.claimName}`;
    const why = `PVC ${claim} was not created for pod ${namespace}/${name} (pod is not owner)`;
    const message = `ephemeral volume ${volume.name}: ${why}; delete that claim or rename the pod`;
    const about = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    deps.events.record(about, { type: 'Warning', reason: 'FailedBinding', message });
  }
}

async function reconcileClaim(pass: Pass, key: string, signal: AbortSignal): Promise<Outcome> {
  const claim = pass.caches.claims.get(key);
  if (claim === undefined) return { kind: 'settled' };
  const step = decideClaim(viewClaim(pass.caches, claim));
  if (step.kind === 'settled') return { kind: 'settled' };
  for (const { name, uid } of step.owners) {
    if (await isPodThere(pass, { claim, name, uid }, signal)) {
      // OBSERVED: the cache of pods is behind: its event will bring the claim back.
      return { kind: 'blocked', because: `pod "${name}" is there`, retryAfterMs: BEHIND_MS };
    }
  }
  return await deleteClaim(pass, claim, signal);
}

const BEHIND_MS = 1000;

async function isPodThere(
  { deps }: Pass,
  owner: { readonly claim: PersistentVolumeClaim; readonly name: string; readonly uid: string },
  signal: AbortSignal,
): Promise<boolean> {
  const namespace = owner.claim.metadata.namespace ?? '';
  const pod = await deps.api.find(pods, { namespace, name: owner.name }, signal);
  return pod?.metadata.uid === owner.uid;
}

/** EPH7: what was looked at is what is deleted. */
async function deleteClaim(
  { deps }: Pass,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { namespace = '', name, uid, resourceVersion } = claim.metadata;
  const preconditions = { uid, resourceVersion };
  await deps.api.delete(persistentVolumeClaims, { namespace, name }, { preconditions }, signal);
  deps.log.info('a claim was deleted: the pod that owned it is gone', { claim: keyOf(claim), uid });
  return { kind: 'settled' }; // the event of its deletion brings it back
}
