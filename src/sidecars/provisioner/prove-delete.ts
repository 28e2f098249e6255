// Asks for the proofs before DeleteVolume (law 4): rules/proofs.ts makes them from live reads; here only what this
// driver's provisioner adds, that the volume is its own.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { type DeleteProof, proveOrphanDeletable, proveVolumeDeletable } from '#rules/proofs.ts';
import { EXTERNAL_PROVISIONER_FINALIZER, PROVISIONED_BY } from '#rules/well-known.ts';
import type { ProvisionerDeps } from './deps.ts';
import { type Intent, INTENT_NAMESPACE } from './intent.ts';
import { claimFacts } from './view.ts';

export type Deletable<Subject> =
  | { readonly kind: 'proven'; readonly proof: DeleteProof; readonly subject: Subject }
  /** Somebody may still need it: look again later. */
  | { readonly kind: 'in-the-way'; readonly because: string }
  /** There is nothing left to delete. */
  | { readonly kind: 'gone' };

const inTheWay = (because: string) => ({ kind: 'in-the-way', because }) as const;

/** Whether a PersistentVolume's backend may go (PRV20, PRV21). */
export async function proveReleased(
  deps: ProvisionerDeps,
  name: string,
  signal: AbortSignal,
): Promise<Deletable<Stored<PersistentVolume>>> {
  const volume = await deps.api.find(persistentVolumes, { name }, signal);
  if (volume === undefined) return { kind: 'gone' };
  const { spec, metadata } = volume;
  // Our finalizer went after a confirmed DeleteVolume: only the object is still there, for others.
  const isOurs = (metadata.finalizers ?? []).includes(EXTERNAL_PROVISIONER_FINALIZER);
  if (metadata.deletionTimestamp !== undefined && !isOurs) return { kind: 'gone' };
  const driver = spec?.csi?.driver;
  if (driver !== deps.driver.name || (metadata.annotations?.[PROVISIONED_BY] ?? driver) !== driver) {
    return inTheWay('it was provisioned by somebody else');
  }
  const result = await proveVolumeDeletable(deps.live, name, signal);
  if (result.kind === 'refused') return inTheWay(result.because);
  const isSame = result.proof.preconditions?.resourceVersion === metadata.resourceVersion;
  return isSame ? { ...result, subject: volume } : inTheWay('it has just been changed');
}

/** Why an intent may not be given up; undefined: nobody wants what it makes (PRV11). */
export async function whyStillWanted(
  deps: ProvisionerDeps,
  intent: Intent,
  signal: AbortSignal,
): Promise<Exclude<Deletable<undefined>, { readonly kind: 'proven' }> | undefined> {
  const { plan } = intent;
  const stored = await deps.api.find(configMaps, { namespace: INTENT_NAMESPACE, name: intent.name }, signal);
  if (stored === undefined) return { kind: 'gone' };
  const volume = await deps.api.find(persistentVolumes, { name: intent.name }, signal);
  if (volume?.spec?.claimRef?.uid === plan.claimUid) return inTheWay('its PersistentVolume exists');
  if (intent.phase === 'deleting') return undefined;
  const name = { namespace: plan.claimNamespace, name: plan.claimName };
  const claim = await deps.api.find(persistentVolumeClaims, name, signal);
  const facts = claim === undefined ? undefined : claimFacts(claim);
  const waits = facts?.uid === plan.claimUid && !facts.isDeleting && facts.volumeName === '';
  return waits ? inTheWay('its claim waits for it') : undefined;
}

/** Proves that nothing but the intent, which gave it up, knows of the volume `handle`. */
export async function proveAbandoned(
  deps: ProvisionerDeps,
  { name, plan }: Intent,
  handle: string,
  signal: AbortSignal,
): Promise<Deletable<undefined>> {
  const orphan = {
    driver: deps.driver.name,
    volumeHandle: handle,
    claim: { namespace: plan.claimNamespace, name: plan.claimName, uid: plan.claimUid },
    intent: { namespace: INTENT_NAMESPACE, name },
  };
  const result = await proveOrphanDeletable(deps.live, orphan, signal);
  return result.kind === 'refused' ? inTheWay(result.because) : { ...result, subject: undefined };
}
