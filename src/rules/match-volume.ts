// Which existing volume a claim gets. One predicate per reason a volume is out, and two callers: the binding loop
// (claims that bind at once) and the scheduler (delayed claims, a node in hand).
// Order: a volume that already points at the claim; then fewest extra access modes; then the smallest that is enough.
import { compareQuantities } from '#api/quantity.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { extraModes, offersModes } from './access-modes.ts';
import { pointsAtClaim } from './claim-ref.ts';
import { classOfClaim, classOfVolume } from './storage-class.ts';

/** What keeps a volume from serving a claim; `field` is the one that refused, `text` says it with both values. */
export interface Mismatch {
  readonly field: string;
  readonly text: string;
}

/** The claim's requested size, "0" when it names none. */
export function requestedSize(claim: PersistentVolumeClaim): string {
  return claim.spec?.resources?.requests?.['storage'] ?? '0';
}

/** The volume's size, "0" when it names none. */
export function sizeOf(volume: PersistentVolume): string {
  return volume.spec?.capacity?.['storage'] ?? '0';
}

/** Filesystem unless the object says Block. */
export function volumeModeOf(object: PersistentVolume | PersistentVolumeClaim): 'Block' | 'Filesystem' {
  return object.spec?.volumeMode ?? 'Filesystem';
}

function sizeMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Mismatch | undefined {
  const [has, wants] = [sizeOf(volume), requestedSize(claim)];
  if (compareQuantities(has, wants) >= 0) return undefined;
  return {
    field: 'spec.capacity.storage',
    text: `requested PV is too small: it has ${has}, needed ${wants}`,
  };
}

function modeMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Mismatch | undefined {
  const [has, wants] = [volumeModeOf(volume), volumeModeOf(claim)];
  if (has === wants) return undefined;
  return { field: 'spec.volumeMode', text: `incompatible volumeMode: it is ${has}, needed ${wants}` };
}

function accessMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Mismatch | undefined {
  const has = volume.spec?.accessModes ?? [];
  const wants = claim.spec?.accessModes ?? [];
  if (offersModes(has, wants)) return undefined;
  const text = `incompatible accessMode: it offers [${has.join(' ')}], needed [${wants.join(' ')}]`;
  return { field: 'spec.accessModes', text };
}

function classMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Mismatch | undefined {
  const [has, wants] = [classOfVolume(volume), classOfClaim(claim)];
  if (has === wants) return undefined;
  const text = `storageClassName does not match: it is "${has}", needed "${wants}"`;
  return { field: 'spec.storageClassName', text };
}

function attributesMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Mismatch | undefined {
  const has = volume.spec?.volumeAttributesClassName ?? '';
  const wants = claim.spec?.volumeAttributesClassName ?? '';
  if (has === wants) return undefined;
  const text = `volumeAttributesClassName does not match: it is "${has}", needed "${wants}"`;
  return { field: 'spec.volumeAttributesClassName', text };
}

/** Why the volume that a claim names cannot serve it, or undefined. The selector is not asked (RUL34). */
export function mismatchWithNamedVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): Mismatch | undefined {
  return (
    sizeMismatch(volume, claim) ??
    classMismatch(volume, claim) ??
    modeMismatch(volume, claim) ??
    accessMismatch(volume, claim) ??
    attributesMismatch(volume, claim)
  );
}

/** Why a volume that points at the claim cannot serve it, or undefined. Its class does not matter (RUL33). */
export function mismatchWithPreboundVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): Mismatch | undefined {
  return sizeMismatch(volume, claim) ?? modeMismatch(volume, claim) ?? accessMismatch(volume, claim);
}

/** True when a free volume can be given to the claim (RUL30). */
export function isFreeFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.spec?.claimRef !== undefined || volume.status?.phase !== 'Available') return false;
  if (volume.metadata.deletionTimestamp !== undefined) return false;
  if (mismatchWithNamedVolume(volume, claim) !== undefined) return false;
  const selector = claim.spec?.selector;
  return selector === undefined || matchesLabels(selectorFromObject(selector), volume.metadata.labels ?? {});
}

/** Among the volumes that point at the claim, the smallest that can serve it (RUL33). */
export function findPreboundVolume<V extends PersistentVolume>(
  volumes: Iterable<V>,
  claim: PersistentVolumeClaim,
): V | undefined {
  return best(volumes, claim, (volume) => {
    if (!pointsAtClaim(volume, claim) || volume.metadata.deletionTimestamp !== undefined) return false;
    return mismatchWithPreboundVolume(volume, claim) === undefined;
  });
}

/** Among the free volumes, the one to give to the claim: `accepts` adds the caller's own condition (RUL31, RUL32). */
export function findFreeVolume<V extends PersistentVolume>(
  volumes: Iterable<V>,
  claim: PersistentVolumeClaim,
  accepts: (volume: V) => boolean = () => true,
): V | undefined {
  return best(volumes, claim, (volume) => isFreeFor(volume, claim) && accepts(volume));
}

/** All free volumes for the claim, in the order in which they would be given (RUL31, RUL32). */
export function rankFreeVolumes<V extends PersistentVolume>(
  volumes: Iterable<V>,
  claim: PersistentVolumeClaim,
): readonly V[] {
  const free = [...volumes].filter((volume) => isFreeFor(volume, claim));
  return free.sort((a, b) => (comesFirst(a, b, claim) ? -1 : 1));
}

function best<V extends PersistentVolume>(
  volumes: Iterable<V>,
  claim: PersistentVolumeClaim,
  fits: (volume: V) => boolean,
): V | undefined {
  let chosen: V | undefined;
  for (const volume of volumes) {
    if (fits(volume) && (chosen === undefined || comesFirst(volume, chosen, claim))) chosen = volume;
  }
  return chosen;
}

function comesFirst(a: PersistentVolume, b: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wants = claim.spec?.accessModes ?? [];
  const extra = extraModes(a.spec?.accessModes ?? [], wants) - extraModes(b.spec?.accessModes ?? [], wants);
  if (extra !== 0) return extra < 0;
  const size = compareQuantities(sizeOf(a), sizeOf(b));
  return size === 0 ? (a.metadata.name ?? '') < (b.metadata.name ?? '') : size < 0;
}
