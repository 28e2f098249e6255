// The pointer from a volume to its claim, and what each of its forms means.
import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { BOUND_BY_CONTROLLER } from './well-known.ts';

/** True when the volume points at this claim: same namespace and name, and the same UID or none yet (RUL20). */
export function pointsAtClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (ref === undefined) return false;
  if (ref.namespace !== claim.metadata.namespace || ref.name !== claim.metadata.name) return false;
  return !hasUid(ref) || ref.uid === claim.metadata.uid;
}

/** True when the volume points at exactly this claim, not at an earlier one of the same name (RUL21). */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return pointsAtClaim(volume, claim) && hasUid(volume.spec?.claimRef);
}

export function hasUid(ref: ObjectReference | undefined): boolean {
  return ref?.uid !== undefined && ref.uid !== '';
}

/** The `namespace/name` key of the claim that a volume points at. */
export function claimKeyOf(volume: PersistentVolume): string | undefined {
  const ref = volume.spec?.claimRef;
  return ref === undefined ? undefined : `${ref.namespace ?? ''}/${ref.name ?? ''}`;
}

/** A full pointer to the claim, as it is stored in `spec.claimRef`. */
export function claimRefTo(claim: PersistentVolumeClaim): ObjectReference {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}

/** The volume reserved for the claim, and marked as our choice unless it pointed there already (RUL22). */
export function reservedVolume(
  volume: Stored<PersistentVolume>,
  claim: PersistentVolumeClaim,
): Stored<PersistentVolume> {
  const chosen = pointsAtClaim(volume, claim) ? {} : { [BOUND_BY_CONTROLLER]: 'yes' };
  const annotations = { ...volume.metadata.annotations, ...chosen };
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: { ...volume.spec, claimRef: claimRefTo(claim) },
  };
}
