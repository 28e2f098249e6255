// The one gate before DeleteVolume (law 4): live reads that make a DeleteProof, or say what is in the way.
import type { Brand } from '#base/brand.ts';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, persistentVolumeClaims, persistentVolumes, volumeAttachments } from '#api/resources.ts';
import { EXTERNAL_PROVISIONER_FINALIZER, PROVISIONED_BY } from '#rules/well-known.ts';
import type { ProvisionerDeps } from './deps.ts';
import { type Intent, INTENT_NAMESPACE } from './intent.ts';
import { claimFacts } from './view.ts';

/** Says that deleting `handle` on the driver destroys nothing that anybody may still use. Only this file makes one. */
export type DeleteProof = Brand<
  {
    readonly handle: string;
    /** The object whose UID and version the proof rests on: the volume, or the intent of a claim that has gone. */
    readonly uid: string;
    readonly resourceVersion: string;
    readonly evidence: string;
  },
  'DeleteProof'
>;

export type ProofResult<Subject> =
  | { readonly kind: 'proven'; readonly proof: DeleteProof; readonly subject: Subject }
  /** Somebody may still need it: look again later. */
  | { readonly kind: 'in-the-way'; readonly because: string }
  /** There is nothing left to delete. */
  | { readonly kind: 'gone' };

/** Proves that a PersistentVolume's backend may go (PRV20, PRV21). */
export async function proveVolumeDelete(
  deps: ProvisionerDeps,
  name: string,
  signal: AbortSignal,
): Promise<ProofResult<Stored<PersistentVolume>>> {
  const volume = await deps.api.find(persistentVolumes, { name }, signal);
  if (volume === undefined) return { kind: 'gone' };
  const { spec, status, metadata } = volume;
  // Our finalizer went after a confirmed DeleteVolume: only the object is still there, for others.
  const isOurs = (metadata.finalizers ?? []).includes(EXTERNAL_PROVISIONER_FINALIZER);
  if (metadata.deletionTimestamp !== undefined && !isOurs) return { kind: 'gone' };
  const inTheWay = (because: string): ProofResult<never> => ({ kind: 'in-the-way', because });
  if (spec?.csi?.driver !== deps.driver.name || metadata.annotations?.[PROVISIONED_BY] !== deps.driver.name) {
    return inTheWay('it was provisioned by somebody else');
  }
  if (spec.persistentVolumeReclaimPolicy !== 'Delete') return inTheWay('its reclaim policy is not Delete');
  if (status?.phase !== 'Released' && status?.phase !== 'Failed')
    return inTheWay(`its phase is ${status?.phase ?? ''}`);
  const claimRef = spec.claimRef;
  if (claimRef?.name === undefined || claimRef.namespace === undefined || claimRef.uid === undefined) {
    return inTheWay('its claimRef does not say whose it was');
  }
  const claim = await deps.api.find(
    persistentVolumeClaims,
    { namespace: claimRef.namespace, name: claimRef.name },
    signal,
  );
  if (claim !== undefined && claim.metadata.uid === claimRef.uid) return inTheWay('its claim still exists');
  const attachments = await deps.api.list(volumeAttachments, {}, signal);
  const attachment = attachments.items.find((a) => a.spec.source.persistentVolumeName === name);
  if (attachment !== undefined) {
    return inTheWay(
      `VolumeAttachment "${attachment.metadata.name}" says that node "${attachment.spec.nodeName}" has it`,
    );
  }
  const twin = await findByHandle(deps, spec.csi.volumeHandle, name, signal);
  if (twin !== undefined) return inTheWay(`PersistentVolume "${twin}" has the same handle`);
  return {
    kind: 'proven',
    subject: volume,
    proof: {
      handle: spec.csi.volumeHandle,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      evidence: `phase ${status.phase}, policy Delete, claim ${claimRef.uid} absent, no attachment, no twin`,
    } as DeleteProof,
  };
}

/** Proves that nothing but the intent knows of the volume it made: no claim wants it, no PersistentVolume has it. */
export async function proveAbandon(
  deps: ProvisionerDeps,
  intent: Intent,
  handle: string,
  signal: AbortSignal,
): Promise<ProofResult<undefined>> {
  const stored = await deps.api.find(configMaps, { namespace: INTENT_NAMESPACE, name: intent.name }, signal);
  if (stored === undefined) return { kind: 'gone' };
  const { plan } = intent;
  const claim = await deps.api.find(
    persistentVolumeClaims,
    { namespace: plan.claimNamespace, name: plan.claimName },
    signal,
  );
  const facts = claim === undefined ? undefined : claimFacts(claim);
  if (facts !== undefined && facts.uid === plan.claimUid && !facts.isDeleting && facts.volumeName === '') {
    if (intent.phase !== 'deleting') return { kind: 'in-the-way', because: 'its claim waits for it' };
  }
  const volume = await deps.api.find(persistentVolumes, { name: intent.name }, signal);
  if (volume?.spec?.claimRef?.uid === plan.claimUid)
    return { kind: 'in-the-way', because: 'its PersistentVolume exists' };
  const owner = handle === '' ? undefined : await findByHandle(deps, handle, intent.name, signal);
  if (owner !== undefined)
    return { kind: 'in-the-way', because: `PersistentVolume "${owner}" has the same handle` };
  return {
    kind: 'proven',
    subject: undefined,
    proof: {
      handle,
      uid: stored.metadata.uid,
      resourceVersion: stored.metadata.resourceVersion,
      evidence: `claim ${plan.claimUid} does not want it, no PersistentVolume has it`,
    } as DeleteProof,
  };
}

async function findByHandle(
  deps: ProvisionerDeps,
  handle: string,
  except: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const all = await deps.api.list(persistentVolumes, {}, signal);
  return all.items.find(
    (v) =>
      v.metadata.name !== except &&
      v.spec?.csi?.driver === deps.driver.name &&
      v.spec.csi.volumeHandle === handle,
  )?.metadata.name;
}
