// What the scheduler sees of one pod: its claims with everything that decides about them, and every node with what is
// already promised on it, assumed pods included. Plain readonly data, read once from the caches.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { CSINode, StorageClass, VolumeAttachment } from '#api/generated/storage-v1.ts';
import { type ApiObject, keyOf, type Stored } from '#api/object.ts';
import { isTerminal, podLabel } from '#rules/pod-state.ts';
import { addTo, type Amounts, requestsOfPod } from '#rules/pod-resources.ts';
import { type ClaimUse, claimsOfPod } from '#rules/pod-volumes.ts';
import { classOfClaim } from '#rules/storage-class.ts';
import type { Assumptions, Plan } from './assumptions.ts';
import {
  FREE_VOLUMES_BY_CLASS,
  ATTACHMENTS_BY_NODE,
  PODS_BY_CLAIM,
  PODS_BY_NODE,
  VOLUMES_BY_CLAIM,
} from './indexes.ts';

/** The part of an informer that a view reads. */
export interface Cache<T extends ApiObject> {
  readonly revision: number;
  get(key: string): Stored<T> | undefined;
  list(): Iterable<Stored<T>>;
  byIndex(index: string, value: string): readonly Stored<T>[];
}

export interface SchedulerCaches {
  readonly pods: Cache<Pod>;
  readonly nodes: Cache<Node>;
  readonly claims: Cache<PersistentVolumeClaim>;
  readonly volumes: Cache<PersistentVolume>;
  readonly classes: Cache<StorageClass>;
  readonly csiNodes: Cache<CSINode>;
  readonly attachments: Cache<VolumeAttachment>;
}

export interface ClaimState {
  readonly use: ClaimUse;
  readonly claim: Stored<PersistentVolumeClaim> | undefined;
  /** The volume that the claim names. */
  readonly volume: Stored<PersistentVolume> | undefined;
  /** Volumes whose claimRef has the claim's namespace and name. */
  readonly pointing: readonly Stored<PersistentVolume>[];
  /** Free volumes of the claim's class that no other pod's plan holds. */
  readonly free: readonly Stored<PersistentVolume>[];
  readonly storageClass: Stored<StorageClass> | undefined;
  /** Other pods that use the claim and have a node, also an assumed one. */
  readonly users: readonly string[];
  /** What is already planned for the claim, for another pod that shares it. */
  readonly planned: { readonly nodeName: string; readonly plan: Plan } | undefined;
}

export interface NodeState {
  readonly node: Stored<Node>;
  readonly csiNode: Stored<CSINode> | undefined;
  /** Requests of the pods on the node and of those assumed there. */
  readonly used: Amounts;
  /** Driver to the volumes that count against its limit: handles, and claims whose volume is still to be made. */
  readonly volumes: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface PodView {
  readonly pod: Stored<Pod>;
  readonly requests: Amounts;
  readonly claims: readonly ClaimState[];
  readonly nodes: readonly NodeState[];
}

/** Reads what concerns the placement of one pod. */
export function observePod(caches: SchedulerCaches, pod: Stored<Pod>, assumptions: Assumptions): PodView {
  const key = keyOf(pod);
  const claims = claimsOfPod(pod).map((use) => observeClaim(caches, pod, use, assumptions));
  const nodes = [...caches.nodes.list()].map((node) => observeNode(caches, node, assumptions, key));
  return { pod, requests: requestsOfPod(pod), claims, nodes };
}

function observeClaim(
  caches: SchedulerCaches,
  pod: Stored<Pod>,
  use: ClaimUse,
  assumptions: Assumptions,
): ClaimState {
  const claimKey = `${pod.metadata.namespace ?? ''}/${use.claimName}`;
  const podKey = keyOf(pod);
  const claim = caches.claims.get(claimKey);
  const className = claim === undefined ? '' : classOfClaim(claim);
  const free = caches.volumes.byIndex(FREE_VOLUMES_BY_CLASS, className);
  return {
    use,
    claim,
    volume: caches.volumes.get(claim?.spec?.volumeName ?? ''),
    pointing: caches.volumes.byIndex(VOLUMES_BY_CLAIM, claimKey),
    free: free.filter(({ metadata }) => !assumptions.isVolumeTaken(metadata.name, claimKey)),
    storageClass: className === '' ? undefined : caches.classes.get(className),
    users: usersOf(caches, claimKey, podKey, assumptions),
    planned: assumptions.planFor(claimKey, podKey),
  };
}

function usersOf(
  caches: SchedulerCaches,
  claimKey: string,
  podKey: string,
  assumptions: Assumptions,
): readonly string[] {
  const others = caches.pods.byIndex(PODS_BY_CLAIM, claimKey).filter((pod) => keyOf(pod) !== podKey);
  const placed = others.filter(
    (pod) =>
      !isTerminal(pod) && ((pod.spec?.nodeName ?? '') !== '' || assumptions.get(keyOf(pod)) !== undefined),
  );
  return placed.map(podLabel);
}

function observeNode(
  caches: SchedulerCaches,
  node: Stored<Node>,
  assumptions: Assumptions,
  podKey: string,
): NodeState {
  const { name } = node.metadata;
  const placed = caches.pods.byIndex(PODS_BY_NODE, name).filter((pod) => !isTerminal(pod));
  const known = new Set(placed.map(keyOf));
  const assumed = assumptions.podsOn(name).filter((pod) => keyOf(pod) !== podKey && !known.has(keyOf(pod)));
  const used = new Map<string, bigint>();
  const volumes = new Map<string, Set<string>>();
  for (const pod of [...placed, ...assumed]) {
    addTo(used, requestsOfPod(pod));
    for (const [driver, id] of volumesOfPod(caches, pod)) count(volumes, driver, id);
  }
  for (const { spec } of caches.attachments.byIndex(ATTACHMENTS_BY_NODE, name)) {
    const csi = caches.volumes.get(spec.source.persistentVolumeName ?? '')?.spec?.csi;
    if (csi !== undefined) count(volumes, csi.driver, csi.volumeHandle);
  }
  return { node, csiNode: caches.csiNodes.get(name), used, volumes };
}

function count(volumes: Map<string, Set<string>>, driver: string, id: string): void {
  const ids = volumes.get(driver) ?? new Set<string>();
  volumes.set(driver, ids.add(id));
}

function volumesOfPod(caches: SchedulerCaches, pod: Pod): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (const { claimName } of claimsOfPod(pod)) {
    const key = `${pod.metadata.namespace ?? ''}/${claimName}`;
    const claim = caches.claims.get(key);
    const csi = caches.volumes.get(claim?.spec?.volumeName ?? '')?.spec?.csi;
    const provisioner =
      claim === undefined ? undefined : caches.classes.get(classOfClaim(claim))?.provisioner;
    if (csi !== undefined) found.push([csi.driver, csi.volumeHandle]);
    else if (provisioner !== undefined) found.push([provisioner, claimVolumeId(key)]);
  }
  return found;
}

/** How a volume that is still to be made for a claim counts against a driver's limit. */
export function claimVolumeId(claimKey: string): string {
  return `claim ${claimKey}`;
}
