// The class of a claim or a volume, the default class, and what a class says about when and by whom volumes are made.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import { BETA_DEFAULT_CLASS, BETA_STORAGE_CLASS, DEFAULT_CLASS } from './well-known.ts';
import { IN_TREE_PREFIX } from './well-known.ts';

/** The claim's class; empty means: no class, only volumes without one (RUL10). */
export function classOfClaim(claim: PersistentVolumeClaim): string {
  return claim.metadata.annotations?.[BETA_STORAGE_CLASS] ?? claim.spec?.storageClassName ?? '';
}

/** The volume's class; absent and empty are the same (RUL10). */
export function classOfVolume(volume: PersistentVolume): string {
  return volume.metadata.annotations?.[BETA_STORAGE_CLASS] ?? volume.spec?.storageClassName ?? '';
}

/** True when the claim leaves its class open, so that a default may be filled in, also later (RUL11). */
export function leavesClassOpen(claim: PersistentVolumeClaim): boolean {
  if (claim.metadata.annotations?.[BETA_STORAGE_CLASS] !== undefined) return false;
  return claim.spec?.storageClassName === undefined;
}

/** The default class: of several, the newest; of equally old ones, the first by name (RUL12). */
export function defaultClass<C extends StorageClass>(classes: Iterable<C>): C | undefined {
  let best: C | undefined;
  for (const candidate of classes) {
    if (isDefault(candidate) && (best === undefined || isPreferred(candidate, best))) best = candidate;
  }
  return best;
}

function isDefault({ metadata: { annotations } }: StorageClass): boolean {
  return annotations?.[DEFAULT_CLASS] === 'true' || annotations?.[BETA_DEFAULT_CLASS] === 'true';
}

function isPreferred(a: StorageClass, b: StorageClass): boolean {
  const madeA = a.metadata.creationTimestamp ?? '';
  const madeB = b.metadata.creationTimestamp ?? '';
  return madeA === madeB ? (a.metadata.name ?? '') < (b.metadata.name ?? '') : madeA > madeB;
}

/** True when claims of this class wait until a pod that uses them is being scheduled (RUL13). */
export function bindsOnFirstConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** True when something can make volumes of this class: its provisioner is not an in-tree name (RUL14). */
export function canProvision(storageClass: StorageClass): boolean {
  return storageClass.provisioner !== '' && !storageClass.provisioner.startsWith(IN_TREE_PREFIX);
}
