// Which claims a pod uses: those it names, and those made for its generic ephemeral volumes.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';

export interface ClaimUse {
  /** The pod's name for the volume. */
  readonly volume: string;
  readonly claimName: string;
  /** True when the claim is made for this pod and must be owned by it. */
  readonly ephemeral: boolean;
  readonly readOnly: boolean;
}

/** The claims a pod uses, in the order of its volumes (RUL71). */
export function claimsOfPod(pod: Pod): readonly ClaimUse[] {
  const uses: ClaimUse[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const claim = volume.persistentVolumeClaim;
    if (claim !== undefined) {
      const { claimName, readOnly = false } = claim;
      uses.push({ volume: volume.name, claimName, ephemeral: false, readOnly });
    } else if (volume.ephemeral !== undefined) {
      const claimName = ephemeralClaimName(pod, volume.name);
      uses.push({ volume: volume.name, claimName, ephemeral: true, readOnly: false });
    }
  }
  return uses;
}

/** The name of the claim of a generic ephemeral volume (RUL72). */
export function ephemeralClaimName(pod: Pod, volume: string): string {
  return `${pod.metadata.name ?? ''}-${volume}`;
}

/** True when the claim was made for this very pod, not for an earlier one of its name (RUL73). */
export function isClaimOwnedByPod(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.kind === 'Pod' && owner.uid === pod.metadata.uid,
  );
}

/** Keys `namespace/name` of the claims a pod uses, for indexes. */
export function claimKeysOfPod(pod: Pod): readonly string[] {
  return claimsOfPod(pod).map(({ claimName }) => `${pod.metadata.namespace ?? ''}/${claimName}`);
}
