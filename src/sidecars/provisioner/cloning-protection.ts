// The finalizer that keeps a claim while others are cloned from it: put on before the clone's intent is stored, taken off
// when neither a waiting claim nor an intent needs it, as read live. Its owner is the provisioner of the source's driver,
// and every event of the source, of its clones and of their intents asks again, so none is left behind. PRV46.
import type { ConfigMap, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, persistentVolumeClaims } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { CLONING_PROTECTION_FINALIZER } from '#rules/content-source.ts';
import type { ClonedClaim } from './content-source.ts';
import { dataSourceOf } from './data-source.ts';
import type { ProvisionerDeps } from './deps.ts';
import { decodeIntent, INTENT_NAMESPACE } from './intent.ts';

const SETTLED: Outcome = { kind: 'settled' };

export interface CloningView {
  readonly hasFinalizer: boolean;
  /** Its volume is one of this driver, or nobody can say whose it is. */
  readonly isOurs: boolean;
  /** Who still copies from it, for the log. */
  readonly neededBy: string | undefined;
}

export type CloningStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'keep'; readonly neededBy: string }
  | { readonly kind: 'release' };

export function decideCloningProtection({ hasFinalizer, isOurs, neededBy }: CloningView): CloningStep {
  if (!hasFinalizer || !isOurs) return { kind: 'none' };
  return neededBy === undefined ? { kind: 'release' } : { kind: 'keep', neededBy };
}

/** Who copies from the claim: a waiting claim that names it, or an intent that was made for one. */
export function clonersOf(
  source: Stored<PersistentVolumeClaim>,
  claims: Iterable<PersistentVolumeClaim>,
  intents: Iterable<Stored<ConfigMap>>,
): string | undefined {
  const { namespace, name, uid } = source.metadata;
  for (const claim of claims) {
    const from = dataSourceOf(claim);
    const isWaiting = (claim.spec?.volumeName ?? '') === '';
    if (isWaiting && from.kind === 'claim' && from.namespace === namespace && from.name === name)
      return `claim ${claim.metadata.namespace ?? ''}/${claim.metadata.name ?? ''}`;
  }
  for (const intent of intents) {
    if (decodeIntent(intent)?.plan.cloneOf?.uid === uid) return `intent ${intent.metadata.name}`;
  }
  return undefined;
}

/** One pass over a claim that others may be cloned from. */
export async function reconcileCloningProtection(
  deps: ProvisionerDeps,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches, api } = deps;
  const claim = caches.claims.get(key);
  const finalizers = claim?.metadata.finalizers ?? [];
  // Most claims: not worth a look at all the others.
  if (claim === undefined || !finalizers.includes(CLONING_PROTECTION_FINALIZER)) return SETTLED;
  const view = (neededBy: string | undefined): CloningView => ({
    hasFinalizer: finalizers.includes(CLONING_PROTECTION_FINALIZER),
    isOurs: isOurs(deps, claim),
    neededBy,
  });
  const cached = decideCloningProtection(view(clonersOf(claim, caches.claims.list(), caches.intents.list())));
  if (cached.kind !== 'release') return SETTLED;
  const { namespace = '' } = claim.metadata;
  const isAnywhere = deps.behaviour.gates.CrossNamespaceVolumeDataSource;
  const [claims, intents] = [
    await api.list(persistentVolumeClaims, isAnywhere ? {} : { namespace }, signal),
    await api.list(configMaps, { namespace: INTENT_NAMESPACE }, signal),
  ];
  const live = decideCloningProtection(view(clonersOf(claim, claims.items, intents.items)));
  if (live.kind !== 'release') {
    const because = live.kind === 'keep' ? `${live.neededBy} copies from it` : 'it has changed';
    return { kind: 'blocked', because, retryAfterMs: 1_000 };
  }
  const rest = finalizers.filter((one) => one !== CLONING_PROTECTION_FINALIZER);
  const { metadata } = await api.update(
    persistentVolumeClaims,
    { ...claim, metadata: { ...claim.metadata, finalizers: rest } },
    signal,
  );
  return {
    kind: 'progressed',
    wrote: { informer: caches.claims, resourceVersion: metadata.resourceVersion },
  };
}

function isOurs({ caches, driver }: ProvisionerDeps, claim: Stored<PersistentVolumeClaim>): boolean {
  const volume = caches.volumes.get(claim.spec?.volumeName ?? '');
  const owner = volume?.spec?.csi?.driver;
  return owner === undefined || owner === driver.name;
}

/** Puts the finalizer on the source, which must still be the one that was decided about. False: it is not. */
export async function protectSource(
  { api }: ProvisionerDeps,
  source: ClonedClaim,
  signal: AbortSignal,
): Promise<boolean> {
  const live = await api.find(persistentVolumeClaims, source, signal);
  if (live === undefined || live.metadata.uid !== source.uid) return false;
  // A claim that is being deleted takes no new finalizer.
  if (live.metadata.deletionTimestamp !== undefined) return false;
  const finalizers = live.metadata.finalizers ?? [];
  if (finalizers.includes(CLONING_PROTECTION_FINALIZER)) return true;
  const next = [...finalizers, CLONING_PROTECTION_FINALIZER];
  await api.update(
    persistentVolumeClaims,
    { ...live, metadata: { ...live.metadata, finalizers: next } },
    signal,
  );
  return true;
}

/** The claims whose protection an event of this one concerns: itself, and what it is cloned from. */
export function concernedBy(claim: PersistentVolumeClaim): readonly string[] {
  const { namespace = '', name = '', finalizers } = claim.metadata;
  const own = (finalizers ?? []).includes(CLONING_PROTECTION_FINALIZER) ? [`${namespace}/${name}`] : [];
  const from = dataSourceOf(claim);
  return from.kind === 'claim' ? [...own, `${from.namespace}/${from.name}`] : own;
}

/** The same for an intent. */
export function sourceOfIntent(intent: Stored<ConfigMap>): string | undefined {
  const source = decodeIntent(intent)?.plan.cloneOf;
  return source === undefined ? undefined : `${source.namespace}/${source.name}`;
}
