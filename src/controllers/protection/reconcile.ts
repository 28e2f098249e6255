// Carries out one protection step. Keys are `claim/<namespace>/<name>`, `volume/<name>` and `attributes-class/<name>`.
// Rule PRT7 is carried out here too.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { ObjectMeta } from '#api/generated/meta-v1.ts';
import { type ResourceType, type Stored, splitKey } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import {
  PV_PROTECTION_FINALIZER,
  PVC_PROTECTION_FINALIZER,
  VAC_PROTECTION_FINALIZER,
} from '#rules/well-known.ts';
import {
  CLAIMS_BY_ATTRIBUTES_CLASS,
  viewAttributesClass,
  VOLUMES_BY_ATTRIBUTES_CLASS,
} from './attributes-class.ts';
import { decideProtection, type ProtectionStep } from './decide.ts';
import { PODS_BY_CLAIM, viewClaim, viewVolume } from './view.ts';

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1000;

export interface ProtectionCaches {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly pods: Informer<Pod>;
  readonly attributesClasses: Informer<VolumeAttributesClass>;
}

export function protectionReconcile(deps: LoopDeps, caches: ProtectionCaches): Reconcile {
  return async (key, signal) => {
    const slash = key.indexOf('/');
    const name = key.slice(slash + 1);
    try {
      if (key.startsWith('claim/')) return await reconcileClaim(deps, caches, name, signal);
      if (key.startsWith('volume/')) return await reconcileVolume(deps, caches, name, signal);
      return await reconcileAttributesClass(deps, caches, name, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileClaim(
  deps: LoopDeps,
  { claims, pods: podCache }: ProtectionCaches,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const claim = claims.get(key);
  if (claim === undefined) return { kind: 'settled' };
  const step = decideProtection(viewClaim(claim, podCache.byIndex(PODS_BY_CLAIM, key)));
  return carryOut(deps, step, {
    type: persistentVolumeClaims,
    informer: claims,
    object: claim,
    finalizer: PVC_PROTECTION_FINALIZER,
    signal,
    decideLive: async () => {
      const { namespace } = splitKey(key);
      const live = await deps.api.list(pods, { namespace }, signal);
      return decideProtection(viewClaim(claim, live.items)); // PRT3
    },
  });
}

async function reconcileVolume(
  deps: LoopDeps,
  { claims, volumes }: ProtectionCaches,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const volume = volumes.get(name);
  if (volume === undefined) return { kind: 'settled' };
  const pointed = claimKeyOf(volume);
  const step = decideProtection(viewVolume(volume, pointed === undefined ? undefined : claims.get(pointed)));
  return carryOut(deps, step, {
    type: persistentVolumes,
    informer: volumes,
    object: volume,
    finalizer: PV_PROTECTION_FINALIZER,
    signal,
    decideLive: async () => {
      const live = await deps.api.find(persistentVolumes, { name }, signal); // PRT5
      if (live === undefined) return { kind: 'settled' };
      const key = claimKeyOf(live);
      const claim =
        key === undefined ? undefined : await deps.api.find(persistentVolumeClaims, splitKey(key), signal);
      return decideProtection(viewVolume(live, claim));
    },
  });
}

async function reconcileAttributesClass(
  deps: LoopDeps,
  { claims, volumes, attributesClasses }: ProtectionCaches,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const object = attributesClasses.get(name);
  if (object === undefined) return { kind: 'settled' };
  const cached = {
    claims: claims.byIndex(CLAIMS_BY_ATTRIBUTES_CLASS, name),
    volumes: volumes.byIndex(VOLUMES_BY_ATTRIBUTES_CLASS, name),
  };
  return carryOut(deps, decideProtection(viewAttributesClass(object, cached)), {
    type: volumeAttributesClasses,
    informer: attributesClasses,
    object,
    finalizer: VAC_PROTECTION_FINALIZER,
    signal,
    decideLive: async () => {
      const [liveClaims, liveVolumes] = await Promise.all([
        deps.api.list(persistentVolumeClaims, {}, signal),
        deps.api.list(persistentVolumes, {}, signal),
      ]);
      const users = { claims: liveClaims.items, volumes: liveVolumes.items };
      return decideProtection(viewAttributesClass(object, users)); // PRT9
    },
  });
}

interface Target<T extends { readonly metadata: ObjectMeta }> {
  readonly type: ResourceType<T>;
  readonly informer: Informer<T>;
  readonly object: Stored<T>;
  readonly finalizer: string;
  readonly signal: AbortSignal;
  /** The decision made again from live reads. */
  decideLive(): Promise<ProtectionStep>;
}

async function carryOut<T extends { readonly metadata: ObjectMeta }>(
  deps: LoopDeps,
  step: ProtectionStep,
  target: Target<T>,
): Promise<Outcome> {
  const finalizers = target.object.metadata.finalizers ?? [];
  switch (step.kind) {
    case 'settled':
    case 'keep':
      return { kind: 'settled' };
    case 'protect':
      return writeFinalizers(deps, target, [...finalizers, target.finalizer]);
    case 'release': {
      const live = await target.decideLive();
      if (live.kind !== 'release') {
        const because = live.kind === 'keep' ? `${live.neededBy} needs it` : 'it has changed';
        return { kind: 'blocked', because, retryAfterMs: BEHIND_MS };
      }
      deps.log.info('removing a protection finalizer', {
        kind: target.type.kind,
        name: target.object.metadata.name,
        namespace: target.object.metadata.namespace,
        resourceVersion: target.object.metadata.resourceVersion,
      });
      return writeFinalizers(
        deps,
        target,
        finalizers.filter((one) => one !== target.finalizer),
      );
    }
    default:
      return assertNever(step);
  }
}

/** Conditional on the version that was observed (PRT6). */
async function writeFinalizers<T extends { readonly metadata: ObjectMeta }>(
  { api }: LoopDeps,
  { type, informer, object, signal }: Target<T>,
  finalizers: readonly string[],
): Promise<Outcome> {
  const { uid, resourceVersion, name, namespace } = object.metadata;
  const target = namespace === undefined ? { name } : { namespace, name };
  const patch = { metadata: { uid, resourceVersion, finalizers } };
  const written = await api.patch(type, target, { type: 'merge', patch }, signal);
  return {
    kind: 'progressed',
    wrote: { informer, resourceVersion: written.metadata.resourceVersion },
  };
}
