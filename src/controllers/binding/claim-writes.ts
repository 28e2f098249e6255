// The objects that a claim's steps write: pure, each from the object that was read, whose resourceVersion it keeps, so
// that every write is conditional on what was decided on (I-28).
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { sizeOf } from '#rules/match-volume.ts';
import {
  BETA_STORAGE_PROVISIONER,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  PRE_RESIZE_CAPACITY,
  STORAGE_PROVISIONER,
} from '#rules/well-known.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

/** Write 3 (BND3). */
export function pointedClaim(claim: Claim, volume: Volume): Claim {
  const chosen = (claim.spec?.volumeName ?? '') === '' ? { [BOUND_BY_CONTROLLER]: 'yes' } : {};
  return {
    ...withAnnotations(claim, { ...chosen, [BIND_COMPLETED]: 'yes' }),
    spec: { ...claim.spec, volumeName: volume.metadata.name },
  };
}

/** Write 4 (BND4, BND5): capacity only when the claim becomes Bound; afterwards it belongs to expansion. */
export function publishedClaim(claim: Claim, volume: Volume): Claim {
  const storage = volume.metadata.annotations?.[PRE_RESIZE_CAPACITY] ?? sizeOf(volume);
  const becomes = claim.status?.phase === 'Bound' ? {} : { capacity: { ...volume.spec?.capacity, storage } };
  const attributes = volume.spec?.volumeAttributesClassName ?? '';
  const current = attributes === '' ? {} : { currentVolumeAttributesClassName: attributes };
  const accessModes = volume.spec?.accessModes ?? [];
  return { ...claim, status: { ...claim.status, phase: 'Bound', accessModes, ...becomes, ...current } };
}

/** BND19: what is not bound has no capacity and no modes. */
export function pendingClaim(claim: Claim): Claim {
  const { capacity, accessModes, ...status } = claim.status ?? {};
  return { ...claim, status: { ...status, phase: 'Pending' } };
}

/** BND40: what was known of the volume stays readable. */
export function lostClaim(claim: Claim): Claim {
  return { ...claim, status: { ...claim.status, phase: 'Lost' } };
}

/** BND18. */
export function claimWithClass(claim: Claim, className: string): Claim {
  return { ...claim, spec: { ...claim.spec, storageClassName: className } };
}

/** BND17: both names, since stock provisioners read either. */
export function claimForProvisioner(claim: Claim, provisioner: string): Claim {
  return withAnnotations(claim, {
    [STORAGE_PROVISIONER]: provisioner,
    [BETA_STORAGE_PROVISIONER]: provisioner,
  });
}

function withAnnotations<T extends Claim | Volume>(object: T, more: Readonly<Record<string, string>>): T {
  const annotations = { ...object.metadata.annotations, ...more };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
