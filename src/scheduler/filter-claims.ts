// What a pod's claims say about every node alike: whether the pod can be placed at all now.
import type { Pod } from '#api/generated/core-v1.ts';
import { isClaimOwnedByPod } from '#rules/pod-volumes.ts';
import { bindsOnFirstConsumer, classOfClaim } from '#rules/storage-class.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import type { Refusal } from './refusal.ts';
import type { ClaimState } from './view.ts';

/** The first thing in the pod's claims that refuses every node; undefined: nodes decide (SCH20 to SCH24, SCH26). */
export function refusalOfClaims(pod: Pod, claims: readonly ClaimState[]): Refusal | undefined {
  for (const state of claims) {
    const refusal = refusalOfClaim(pod, state);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusalOfClaim(pod: Pod, { use, claim, storageClass }: ClaimState): Refusal | undefined {
  const name = use.claimName;
  if (claim === undefined) return missing(use.ephemeral, name); // SCH20
  if (use.ephemeral && !isClaimOwnedByPod(claim, pod)) {
    const reason = `PersistentVolumeClaim "${name}" was not created for pod "${pod.metadata.name}"`;
    return {
      cause: 'claims',
      reason,
      detail: 'its metadata.ownerReferences names another owner: delete the claim',
    }; // SCH21
  }
  if (claim.metadata.deletionTimestamp !== undefined) {
    return { cause: 'claims', reason: `persistentvolumeclaim "${name}" is being deleted` }; // SCH22
  }
  if (claim.status?.phase === 'Lost') {
    const volume = claim.spec?.volumeName ?? '';
    const reason = `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volume}"`;
    return { cause: 'claims', reason }; // SCH23
  }
  if (isBound(claim) || bindsOnFirstConsumer(storageClass)) return undefined;
  const detail = `claim "${name}" of class "${classOfClaim(claim)}" is not bound yet: see its events`;
  return { cause: 'claims', reason: 'pod has unbound immediate PersistentVolumeClaims', detail }; // SCH24
}

function missing(isEphemeral: boolean, name: string): Refusal {
  const reason = isEphemeral
    ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
    : `persistentvolumeclaim "${name}" not found`;
  return { cause: 'claims', reason };
}

/** True when the claim's binding is complete. */
export function isBound(claim: NonNullable<ClaimState['claim']>): boolean {
  return claim.metadata.annotations?.[BIND_COMPLETED] !== undefined && (claim.spec?.volumeName ?? '') !== '';
}
