// What the protection loop knows of one VolumeAttributesClass: who wants it, has it or is changing to it.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import { keyOf } from '#api/object.ts';
import { VAC_PROTECTION_FINALIZER } from '#rules/well-known.ts';
import type { ProtectionView } from './view.ts';

export const CLAIMS_BY_ATTRIBUTES_CLASS = 'attributes-class';
export const VOLUMES_BY_ATTRIBUTES_CLASS = 'attributes-class';

/** Every class that a claim names: the one it wants, the one it has, and the one it is changing to. */
export function attributesClassesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const named = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(named.filter((name): name is string => name !== undefined && name !== ''))];
}

/** The class that a volume carries, as a list for an index. */
export function attributesClassesOfVolume({ spec }: PersistentVolume): readonly string[] {
  const name = spec?.volumeAttributesClassName ?? '';
  return name === '' ? [] : [name];
}

/** `claims` and `volumes` may hold others than those that name the class. */
export function viewAttributesClass(
  attributesClass: VolumeAttributesClass,
  users: { readonly claims: Iterable<PersistentVolumeClaim>; readonly volumes: Iterable<PersistentVolume> },
): ProtectionView {
  return {
    isDeleting: attributesClass.metadata.deletionTimestamp !== undefined,
    isProtected: (attributesClass.metadata.finalizers ?? []).includes(VAC_PROTECTION_FINALIZER),
    neededBy: firstUser(attributesClass.metadata.name ?? '', users),
  };
}

function firstUser(
  name: string,
  users: { readonly claims: Iterable<PersistentVolumeClaim>; readonly volumes: Iterable<PersistentVolume> },
): string | undefined {
  for (const claim of users.claims) {
    if (attributesClassesOfClaim(claim).includes(name)) return `claim ${keyOf(claim)}`;
  }
  for (const volume of users.volumes) {
    if (attributesClassesOfVolume(volume).includes(name)) return `volume ${keyOf(volume)}`;
  }
  return undefined;
}
