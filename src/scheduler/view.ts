// What the scheduler sees of one pod: its claims with everything that decides about them, and the cluster with what is
// already promised in it, assumed pods included. Read from the caches and the picture that follows them.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type { CSIStorageCapacity, StorageClass } from '#api/generated/storage-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { type ClaimUse, claimsOfPod } from '#rules/pod-volumes.ts';
import { isVictimFor } from '#rules/preemption.ts';
import { bindsOnFirstConsumer, classOfClaim } from '#rules/storage-class.ts';
import type { Assumptions, Plan } from './assumptions.ts';
import type { SchedulerCaches } from './caches.ts';
import type { ClusterState } from './cluster-state.ts';
import { isBound } from './filter-claims.ts';
import {
  CAPACITIES_BY_CLASS,
  FREE_VOLUMES_BY_CLASS,
  NOMINATED,
  NOMINATED_PODS,
  PODS_BY_CLAIM,
  VOLUMES_BY_CLAIM,
} from './indexes.ts';
import type { NodeState, PlacedPod, VolumeUse } from './node-info.ts';
import { factsOf, type PodFacts } from './pod-facts.ts';

export interface ClaimState {
  readonly use: ClaimUse;
  readonly claim: Stored<PersistentVolumeClaim> | undefined;
  /** The volume that the claim names. */
  readonly volume: Stored<PersistentVolume> | undefined;
  /** Volumes whose claimRef has the claim's namespace and name. */
  readonly pointing: readonly Stored<PersistentVolume>[];
  /** Of a delayed claim: free volumes of its class that no other pod's plan holds. */
  readonly free: readonly Stored<PersistentVolume>[];
  readonly storageClass: Stored<StorageClass> | undefined;
  /** The class's provisioner is a CSI driver. */
  readonly isCsi: boolean;
  /** What the driver says of its room for the class; undefined: it does not say. */
  readonly capacities: readonly Stored<CSIStorageCapacity>[] | undefined;
  /** Keys of other pods that use the claim and have a node, also an assumed one. */
  readonly users: readonly string[];
  /** What is already planned for the claim, for another pod that shares it. */
  readonly planned: { readonly nodeName: string; readonly plan: Plan } | undefined;
}

/** The cluster as a pass sees it. */
export interface ClusterView {
  readonly nodes: readonly NodeState[];
  node(name: string): NodeState | undefined;
  readonly pods: Iterable<PlacedPod>;
  podsIn(namespace: string): Iterable<PlacedPod>;
  readonly podsWithTerms: Iterable<PlacedPod>;
  nodesWith(use: VolumeUse): ReadonlySet<string> | undefined;
}

export interface PodView {
  readonly facts: PodFacts;
  readonly claims: readonly ClaimState[];
  readonly cluster: ClusterView;
  /** All disruption budgets. */
  budgets(): Iterable<Stored<PodDisruptionBudget>>;
  labelsOfNamespace(name: string): Readonly<Record<string, string>> | undefined;
  /** By node: pods of at least this one's priority that a preemption made room for there. */
  readonly nominated: ReadonlyMap<string, readonly PlacedPod[]>;
  /** Nodes for which the pod's volumes could not be made, the one longest ago first. */
  readonly declined: ReadonlySet<string>;
  /** Keys of pods imagined away. */
  readonly without: ReadonlySet<string>;
}

export interface Sources {
  readonly caches: SchedulerCaches;
  readonly state: ClusterState;
  readonly assumptions: Assumptions;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Reads what concerns the placement of one pod. */
export function observePod(sources: Sources, pod: Stored<Pod>): PodView {
  const { caches, state, assumptions } = sources;
  return {
    facts: factsOf(pod),
    claims: claimsOfPod(pod).map((use) => observeClaim(sources, pod, use)),
    cluster: state,
    budgets: () => caches.budgets.list(),
    labelsOfNamespace: (name) => caches.namespaces.get(name)?.metadata.labels,
    nominated: observeNominated(sources, pod),
    declined: assumptions.declined.for(pod),
    without: NOBODY,
  };
}

function observeClaim(sources: Sources, pod: Stored<Pod>, use: ClaimUse): ClaimState {
  const { caches, assumptions } = sources;
  const claimKey = `${pod.metadata.namespace ?? ''}/${use.claimName}`;
  const podKey = keyOf(pod);
  const claim = caches.claims.get(claimKey);
  const className = claim === undefined ? '' : classOfClaim(claim);
  const storageClass = className === '' ? undefined : caches.classes.get(className);
  const isDelayed = claim !== undefined && !isBound(claim) && bindsOnFirstConsumer(storageClass);
  const free = isDelayed ? caches.volumes.byIndex(FREE_VOLUMES_BY_CLASS, className) : [];
  const driver = caches.csiDrivers.get(storageClass?.provisioner ?? '');
  return {
    use,
    claim,
    volume: caches.volumes.get(claim?.spec?.volumeName ?? ''),
    pointing: isDelayed ? caches.volumes.byIndex(VOLUMES_BY_CLAIM, claimKey) : [],
    free: free.filter(({ metadata }) => !assumptions.isVolumeTaken(metadata.name, claimKey)),
    storageClass,
    isCsi: driver !== undefined,
    capacities:
      driver?.spec.storageCapacity === true && isDelayed
        ? caches.capacities.byIndex(CAPACITIES_BY_CLASS, className)
        : undefined,
    users: usersOf(sources, claimKey, podKey),
    planned: assumptions.planFor(claimKey, podKey),
  };
}

function usersOf({ caches, state }: Sources, claimKey: string, podKey: string): readonly string[] {
  const users = caches.pods.byIndex(PODS_BY_CLAIM, claimKey);
  if (users.length < 2) return [];
  return users.map(keyOf).filter((key) => key !== podKey && state.pod(key) !== undefined);
}

function observeNominated(
  { caches, state }: Sources,
  pod: Stored<Pod>,
): ReadonlyMap<string, readonly PlacedPod[]> {
  const byNode = new Map<string, PlacedPod[]>();
  const key = keyOf(pod);
  for (const one of caches.pods.byIndex(NOMINATED_PODS, NOMINATED)) {
    // One that is assumed somewhere counts there already.
    if (keyOf(one) === key || isVictimFor(one, pod) || state.pod(keyOf(one)) !== undefined) continue;
    const nodeName = one.status?.nominatedNodeName ?? '';
    const entry = state.entryFor(one, nodeName);
    byNode.set(nodeName, [...(byNode.get(nodeName) ?? []), entry]);
  }
  return byNode;
}
