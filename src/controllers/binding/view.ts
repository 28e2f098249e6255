// What the binding loop sees: the caches read once into plain readonly data.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import { keyOf, type ApiObject, type Stored } from '#api/object.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import type { FreeVolumes } from '#rules/free-volumes.ts';
import { isTerminal, podLabel } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { classOfClaim, defaultClass } from '#rules/storage-class.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import type { Reservations } from '#rules/reservations.ts';
import { SCRUBBER_NAMESPACE, scrubberName, SCRUBS_AFTER } from './scrubber.ts';

/** The part of an informer that a view reads. */
export interface Cache<T extends ApiObject> {
  readonly revision: number;
  get(key: string): Stored<T> | undefined;
  list(): Iterable<Stored<T>>;
  byIndex(index: string, value: string): readonly Stored<T>[];
}

export interface BindingCaches {
  readonly claims: Cache<PersistentVolumeClaim>;
  readonly volumes: Cache<PersistentVolume>;
  /** Follows `volumes`. */
  readonly free: FreeVolumes<Stored<PersistentVolume>>;
  readonly classes: Cache<StorageClass>;
  readonly pods: Cache<Pod>;
}

/** Index names carry the loop's: informers are shared by all loops of a process. */
export const VOLUMES_BY_CLAIM = 'binding/claim';
export const OPEN_CLAIMS_BY_CLASS = 'binding/open-class';
export const CLAIMS_BY_VOLUME = 'binding/volume';
export const PODS_BY_CLAIM = 'binding/claim';

export const volumeIndexes = {
  [VOLUMES_BY_CLAIM]: (volume: PersistentVolume): readonly string[] => {
    const key = claimKeyOf(volume);
    return key === undefined ? [] : [key];
  },
};

export const claimIndexes = {
  [OPEN_CLAIMS_BY_CLASS]: (claim: PersistentVolumeClaim): readonly string[] =>
    isOpen(claim) ? [classOfClaim(claim)] : [],
  [CLAIMS_BY_VOLUME]: (claim: PersistentVolumeClaim): readonly string[] => {
    const volume = claim.spec?.volumeName ?? '';
    return volume === '' ? [] : [volume];
  },
};

export const podIndexes = { [PODS_BY_CLAIM]: claimKeysOfPod };

/** True for a volume that belongs to nobody and may be given away. */
export function isFree({ spec, status }: PersistentVolume): boolean {
  return spec?.claimRef === undefined && status?.phase === 'Available';
}

/** True for a claim that still looks for a volume. */
export function isOpen({ metadata, spec }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[BIND_COMPLETED] === undefined && (spec?.volumeName ?? '') === '';
}

export interface ClaimView {
  readonly claim: Stored<PersistentVolumeClaim>;
  /** The volume that the claim names. */
  readonly volume: Stored<PersistentVolume> | undefined;
  /** Volumes whose claimRef has the claim's namespace and name. */
  readonly pointing: readonly Stored<PersistentVolume>[];
  /** The best free volumes that fit, one of each shape, and that no other claim is about to take. */
  readonly free: readonly Stored<PersistentVolume>[];
  readonly storageClass: Stored<StorageClass> | undefined;
  /** The name of the cluster's default class. */
  readonly defaultClass: string | undefined;
  /** Names of pods that use the claim and have no node yet. */
  readonly waitingPods: readonly string[];
}

export interface VolumeView {
  readonly volume: Stored<PersistentVolume>;
  /** The claim with the namespace and name in claimRef, whatever its UID. */
  readonly claim: Stored<PersistentVolumeClaim> | undefined;
  /** Of a volume with policy Recycle: the pod that scrubs it, and who still uses its old claim. */
  readonly recycling?: Recycling;
}

export interface Recycling {
  readonly scrubber: Scrubber | undefined;
  readonly users: readonly string[];
}

export interface Scrubber {
  readonly name: string;
  readonly phase: string;
  /** The UID of the claim after which it scrubs: a pod of an earlier time proves nothing. */
  readonly claimUid: string;
}

/** Reads what concerns one claim (`namespace/name`). */
export function observeClaim(
  caches: BindingCaches,
  key: string,
  reservations: Reservations,
): ClaimView | undefined {
  const claim = caches.claims.get(key);
  if (claim === undefined) return undefined;
  const { uid } = claim.metadata;
  const { volumes, classes, pods } = caches;
  const className = classOfClaim(claim);
  const isMine = ({ metadata }: Stored<PersistentVolume>): boolean =>
    !reservations.isHeldByOther(metadata.name, uid, volumes.revision);
  return {
    claim,
    volume: volumes.get(claim.spec?.volumeName ?? ''),
    pointing: volumes.byIndex(VOLUMES_BY_CLAIM, key),
    free: isOpen(claim) ? caches.free.candidates(claim, isMine) : [],
    storageClass: className === '' ? undefined : classes.get(className),
    defaultClass: defaultClass(classes.list())?.metadata.name,
    waitingPods: isOpen(claim) ? waitingPods(pods.byIndex(PODS_BY_CLAIM, key)) : [],
  };
}

function waitingPods(pods: readonly Stored<Pod>[]): readonly string[] {
  const waiting = pods.filter((pod) => (pod.spec?.nodeName ?? '') === '' && !isTerminal(pod));
  return waiting.map(({ metadata }) => metadata.name).sort();
}

/** Reads what concerns one volume. */
export function observeVolume(caches: BindingCaches, name: string): VolumeView | undefined {
  const volume = caches.volumes.get(name);
  if (volume === undefined) return undefined;
  const key = claimKeyOf(volume);
  const claim = key === undefined ? undefined : caches.claims.get(key);
  if (volume.spec?.persistentVolumeReclaimPolicy !== 'Recycle') return { volume, claim };
  const scrubber = caches.pods.get(`${SCRUBBER_NAMESPACE}/${scrubberName(name)}`);
  const users =
    key === undefined ? [] : caches.pods.byIndex(PODS_BY_CLAIM, key).filter((pod) => !isTerminal(pod));
  return {
    volume,
    claim,
    recycling: {
      scrubber:
        scrubber === undefined
          ? undefined
          : {
              name: scrubber.metadata.name,
              phase: scrubber.status?.phase ?? '',
              claimUid: scrubber.metadata.annotations?.[SCRUBS_AFTER] ?? '',
            },
      users: users.map((pod) => podLabel(pod)).sort(),
    },
  };
}

/** The queue's keys. */
export function claimKey(claim: PersistentVolumeClaim): string {
  return `claim/${keyOf(claim)}`;
}

export function volumeKey(name: string): string {
  return `volume/${name}`;
}
