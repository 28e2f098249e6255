// What the loop sees: a pod with its generic ephemeral volumes and the claims under their names, and a claim with the
// pods that own it.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { ephemeralClaimName } from '#rules/pod-volumes.ts';

/** The part of an informer that a view reads. */
export interface Cache<T extends ApiObject> {
  get(key: string): Stored<T> | undefined;
}

export interface EphemeralCaches {
  readonly pods: Cache<Pod>;
  readonly claims: Cache<PersistentVolumeClaim>;
}

type Template = NonNullable<
  NonNullable<NonNullable<NonNullable<Pod['spec']>['volumes']>[number]['ephemeral']>['volumeClaimTemplate']
>;

export interface EphemeralVolume {
  /** The pod's name for the volume. */
  readonly name: string;
  readonly claimName: string;
  readonly template: Template;
  /** Whatever claim has that name. */
  readonly claim: Stored<PersistentVolumeClaim> | undefined;
}

export interface PodView {
  readonly pod: Stored<Pod>;
  readonly volumes: readonly EphemeralVolume[];
}

/** Reads a pod's ephemeral volumes. */
export function viewPod({ claims }: EphemeralCaches, pod: Stored<Pod>): PodView {
  const volumes = (pod.spec?.volumes ?? []).flatMap(({ name, ephemeral }) => {
    const template = ephemeral?.volumeClaimTemplate;
    if (template === undefined) return [];
    const claimName = ephemeralClaimName(pod, name);
    return [{ name, claimName, template, claim: claims.get(`${pod.metadata.namespace ?? ''}/${claimName}`) }];
  });
  return { pod, volumes };
}

export interface ClaimView {
  readonly claim: Stored<PersistentVolumeClaim>;
  /** The pods of the names of its owners, as the cache has them. */
  readonly pods: ReadonlyMap<string, Stored<Pod>>;
}

/** Reads a claim's owners. */
export function viewClaim({ pods }: EphemeralCaches, claim: Stored<PersistentVolumeClaim>): ClaimView {
  const namespace = claim.metadata.namespace ?? '';
  const found = new Map<string, Stored<Pod>>();
  for (const { kind, name } of claim.metadata.ownerReferences ?? []) {
    const pod = kind === 'Pod' ? pods.get(`${namespace}/${name}`) : undefined;
    if (pod !== undefined) found.set(name, pod);
  }
  return { claim, pods: found };
}
