// What is to be done for a pod's ephemeral volumes, and for a claim that a pod owns. Pure; rules EPH1 to EPH9 of SPEC.md.
import type { OwnerReference } from '#api/generated/meta-v1.ts';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { isClaimOwnedByPod } from '#rules/pod-volumes.ts';
import type { ClaimView, EphemeralVolume, PodView } from './view.ts';

export type PodStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'create'; readonly claim: PersistentVolumeClaim }
  /** Every volume that can have its claim has it; these names are taken. */
  | { readonly kind: 'conflict'; readonly volumes: readonly EphemeralVolume[] };

/** Decides for a pod. */
export function decidePod({ pod, volumes }: PodView): PodStep {
  if (pod.metadata.deletionTimestamp !== undefined || isTerminal(pod)) return { kind: 'settled' }; // EPH3
  const missing = volumes.find(({ claim }) => claim === undefined);
  if (missing !== undefined) return { kind: 'create', claim: claimFor(pod, missing) }; // EPH1, EPH5
  const taken = volumes.filter(({ claim }) => claim !== undefined && !isClaimOwnedByPod(claim, pod));
  return taken.length === 0 ? { kind: 'settled' } : { kind: 'conflict', volumes: taken }; // EPH4
}

function claimFor(pod: PodView['pod'], { claimName, template }: EphemeralVolume): PersistentVolumeClaim {
  const { labels, annotations } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      namespace: pod.metadata.namespace,
      name: claimName,
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ownerReferences: [ownedBy(pod)],
    },
    spec: template.spec,
  };
}

/** EPH2. */
function ownedBy({ metadata: { name, uid } }: PodView['pod']): OwnerReference {
  return { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
}

export type ClaimStep =
  | { readonly kind: 'settled' }
  /** As far as the cache shows all owners are gone: to be looked up live. */
  | { readonly kind: 'verify'; readonly owners: readonly OwnerReference[] };

/** Decides for a claim. */
export function decideClaim({ claim, pods }: ClaimView): ClaimStep {
  const owners = claim.metadata.ownerReferences ?? [];
  if (!owners.some(isController) || claim.metadata.deletionTimestamp !== undefined)
    return { kind: 'settled' }; // EPH9
  const mayLive = owners.some(
    (owner) => owner.kind !== 'Pod' || pods.get(owner.name)?.metadata.uid === owner.uid,
  );
  return mayLive ? { kind: 'settled' } : { kind: 'verify', owners }; // EPH8, EPH6
}

/** True for the reference to a pod that a claim was made for. */
export function isController({ kind, controller }: OwnerReference): boolean {
  return kind === 'Pod' && controller === true;
}
