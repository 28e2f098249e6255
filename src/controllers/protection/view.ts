// What the protection loop knows of one claim or volume, from its caches.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { isTerminal, podLabel } from '#rules/pod-state.ts';
import { claimKeysOfPod, claimsOfPod, isClaimOwnedByPod } from '#rules/pod-volumes.ts';
import { PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER } from '#rules/well-known.ts';

export const PODS_BY_CLAIM = 'claim';
export const podIndexes = { [PODS_BY_CLAIM]: (pod: Pod): readonly string[] => claimKeysOfPod(pod) };

/** A claim or volume as far as its protection goes. */
export interface ProtectionView {
  readonly isDeleting: boolean;
  readonly isProtected: boolean;
  /** Who still needs it, for messages: `pod default/web`. */
  readonly neededBy: string | undefined;
}

export function viewClaim(claim: PersistentVolumeClaim, podsNamingIt: Iterable<Pod>): ProtectionView {
  const user = firstUser(claim, podsNamingIt);
  return {
    isDeleting: claim.metadata.deletionTimestamp !== undefined,
    isProtected: (claim.metadata.finalizers ?? []).includes(PVC_PROTECTION_FINALIZER),
    neededBy: user === undefined ? undefined : `pod ${podLabel(user)}`,
  };
}

/** A pod that has not ended and names the claim. Pods without a node count too: they may get one at any moment. */
function firstUser(claim: PersistentVolumeClaim, candidates: Iterable<Pod>): Pod | undefined {
  for (const pod of candidates) {
    if (!isTerminal(pod) && usesClaim(pod, claim)) return pod;
  }
  return undefined;
}

/** A generic ephemeral volume uses only the claim made for its pod: a foreign one of that name is in its way. */
function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (pod.metadata.namespace !== claim.metadata.namespace) return false;
  return claimsOfPod(pod).some(
    ({ claimName, ephemeral }) =>
      claimName === claim.metadata.name && (!ephemeral || isClaimOwnedByPod(claim, pod)),
  );
}

/** `claim` is the one under the key that the volume points at, if there is one. */
export function viewVolume(
  volume: PersistentVolume,
  claim: Stored<PersistentVolumeClaim> | undefined,
): ProtectionView {
  const pointed = claimKeyOf(volume);
  const uid = volume.spec?.claimRef?.uid;
  const isOwn = claim !== undefined && claim.metadata.uid === uid;
  const isNamed = isOwn && claim.spec?.volumeName === volume.metadata.name;
  const isBound = volume.status?.phase === 'Bound';
  return {
    isDeleting: volume.metadata.deletionTimestamp !== undefined,
    isProtected: (volume.metadata.finalizers ?? []).includes(PV_PROTECTION_FINALIZER),
    neededBy: isBound || isNamed ? `claim ${pointed ?? ''}` : undefined,
  };
}
