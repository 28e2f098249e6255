// What a pod's claims say about every node alike: whether the pod can be placed at all now.
import type { Pod } from '#api/generated/core-v1.ts';
import { isOnePodOnly } from '#rules/access-modes.ts';
import { isClaimOwnedByPod } from '#rules/pod-volumes.ts';
import { bindsOnFirstConsumer, classOfClaim } from '#rules/storage-class.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import type { Refusal } from './refusal.ts';
import type { ClaimState } from './view.ts';

/** The first thing in the pod's claims that refuses every node; undefined: nodes decide (SCH20 to SCH26). */
export function refusalOfClaims(pod: Pod, claims: readonly ClaimState[]): Refusal | undefined {
  for (const state of claims) {
    const refusal = refusalOfClaim(pod, state);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusalOfClaim(pod: Pod, { use, claim, users, storageClass }: ClaimState): Refusal | undefined {
  const name = use.claimName;
  if (claim === undefined) return missing(use.ephemeral, name); // SCH20
  if (use.ephemeral && !isClaimOwnedByPod(claim, pod)) {
    const reason = `PersistentVolumeClaim "${name}" was not created for pod "${pod.metadata.name}"`;
    return { reason, detail: 'its metadata.ownerReferences names another owner: delete the claim' }; // SCH21
  }
  if (claim.metadata.deletionTimestamp !== undefined) {
    return { reason: `persistentvolumeclaim "${name}" is being deleted` }; // SCH22
  }
  if (claim.status?.phase === 'Lost') {
    const volume = claim.spec?.volumeName ?? '';
    return { reason: `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volume}"` }; // SCH23
  }
  if (isOnePodOnly(claim.spec?.accessModes) && users.length > 0) {
    const reason =
      'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
    return { reason, detail: `claim "${name}" is in use by pod ${users.join(', ')}` }; // SCH25
  }
  if (isBound(claim) || bindsOnFirstConsumer(storageClass)) return undefined;
  const detail = `claim "${name}" of class "${classOfClaim(claim)}" is not bound yet: see its events`;
  return { reason: 'pod has unbound immediate PersistentVolumeClaims', detail }; // SCH24
}

function missing(isEphemeral: boolean, name: string): Refusal {
  if (!isEphemeral) return { reason: `persistentvolumeclaim "${name}" not found` };
  return { reason: `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"` };
}

/** True when the claim's binding is complete. */
export function isBound(claim: NonNullable<ClaimState['claim']>): boolean {
  return claim.metadata.annotations?.[BIND_COMPLETED] !== undefined && (claim.spec?.volumeName ?? '') !== '';
}
