// The scheduler's own picture of the cluster: every node with what is promised on it, followed event by event from the
// caches, and on top of that the pods that are assumed and not yet seen. Everything here can be rebuilt from the caches
// and the assumptions; nothing is summed anew in a pass.
//
// 1. A pod stands on at most one node. What the cache shows replaces what was assumed.
// 2. What a pod added to a node is what its removal takes away, even if its claims changed meanwhile: a change of a
//    claim or volume replaces the pod's entry.
// 3. A name without a Node object keeps its pods and is not offered as a node.
// Rule SCH79 is carried out here too.
import type { PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimsOfPod } from '#rules/pod-volumes.ts';
import { classOfClaim } from '#rules/storage-class.ts';
import type { SchedulerCaches, SubscribableCaches } from './caches.ts';
import { CLAIMS_BY_VOLUME, PODS_BY_CLAIM } from './indexes.ts';
import { NodeInfo, type PlacedPod, type VolumePlaces, type VolumeUse } from './node-info.ts';
import { factsOf } from './pod-facts.ts';

interface Attached {
  readonly nodeName: string;
  readonly volumeName: string;
  readonly use: VolumeUse | undefined;
}

export class ClusterState {
  readonly #caches: SchedulerCaches;
  readonly #infos = new Map<string, NodeInfo>();
  readonly #placed = new Map<string, PlacedPod>();
  readonly #byNamespace = new Map<string, Map<string, PlacedPod>>();
  readonly #withTerms = new Map<string, PlacedPod>();
  readonly #attached = new Map<string, Attached>();
  readonly #attachedByVolume = new Map<string, Set<string>>();
  readonly #nodesByVolume = new VolumeNodes();
  #nodes: readonly NodeInfo[] | undefined;

  constructor(caches: SchedulerCaches) {
    this.#caches = caches;
  }

  /** Follows the caches until the returned functions are called. Subscribe before whoever reads this picture. */
  follow(caches: SubscribableCaches): (() => void)[] {
    return [
      caches.nodes.subscribe(({ kind, object }) => {
        this.#info(object.metadata.name).setNode(kind === 'deleted' ? undefined : object);
        this.#nodes = undefined;
      }),
      caches.csiNodes.subscribe(({ kind, object }) =>
        this.#info(object.metadata.name).setCsiNode(kind === 'deleted' ? undefined : object),
      ),
      caches.pods.subscribe(({ kind, object }) => this.#followPod(object, kind === 'deleted')),
      caches.claims.subscribe(({ object }) => this.#followClaim(keyOf(object))),
      caches.volumes.subscribe(({ object }) => this.#followVolume(object)),
      caches.classes.subscribe(() => this.#followClasses()),
      caches.attachments.subscribe(({ kind, object }) => this.#followAttachment(object, kind === 'deleted')),
    ];
  }

  /** The registered nodes by name. */
  get nodes(): readonly NodeInfo[] {
    this.#nodes ??= [...this.#infos.values()]
      .filter((info) => info.isRegistered)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#nodes;
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#infos.get(name);
    return info?.isRegistered === true ? info : undefined;
  }

  pod(key: string): PlacedPod | undefined {
    return this.#placed.get(key);
  }

  podsIn(namespace: string): Iterable<PlacedPod> {
    return this.#byNamespace.get(namespace)?.values() ?? [];
  }

  get pods(): Iterable<PlacedPod> {
    return this.#placed.values();
  }

  /** Placed pods with affinity or anti-affinity to other pods. */
  get podsWithTerms(): Iterable<PlacedPod> {
    return this.#withTerms.values();
  }

  /** Names of the nodes on which the volume counts already. */
  nodesWith(use: VolumeUse): ReadonlySet<string> | undefined {
    return this.#nodesByVolume.nodesOf(use);
  }

  /** The pod counts on the node from now on, unless the cache shows it somewhere already. */
  assume(pod: Stored<Pod>, nodeName: string): void {
    const key = keyOf(pod);
    if (this.#placed.get(key)?.isAssumed === false) return;
    this.#place(pod, nodeName, true);
  }

  /** Takes an assumed pod back; one that the cache shows stays. */
  forget(key: string): void {
    if (this.#placed.get(key)?.isAssumed === true) this.#unplace(key);
  }

  /** What a pod would add to a node, for pods that are only imagined there. */
  entryFor(pod: Stored<Pod>, nodeName: string): PlacedPod {
    return { facts: factsOf(pod), nodeName, volumes: this.#volumesOf(pod), isAssumed: true };
  }

  #info(name: string): NodeInfo {
    const info = this.#infos.get(name) ?? new NodeInfo(name, this.#infos.size, this.#nodesByVolume);
    this.#infos.set(name, info);
    return info;
  }

  #followPod(pod: Stored<Pod>, isGone: boolean): void {
    const nodeName = pod.spec?.nodeName ?? '';
    const key = keyOf(pod);
    if (isGone || isTerminal(pod)) {
      if (this.#placed.get(key)?.facts.pod.metadata.uid === pod.metadata.uid) this.#unplace(key);
    } else if (nodeName !== '') {
      this.#place(pod, nodeName, false);
    }
  }

  #place(pod: Stored<Pod>, nodeName: string, isAssumed: boolean): void {
    const key = keyOf(pod);
    this.#unplace(key);
    const placed = { facts: factsOf(pod), nodeName, volumes: this.#volumesOf(pod), isAssumed };
    this.#placed.set(key, placed);
    const namespace = pod.metadata.namespace ?? '';
    const neighbours = this.#byNamespace.get(namespace) ?? new Map<string, PlacedPod>();
    this.#byNamespace.set(namespace, neighbours.set(key, placed));
    const { required, requiredAnti, preferred } = placed.facts.terms;
    if (required.length + requiredAnti.length + preferred.length > 0) this.#withTerms.set(key, placed);
    this.#info(nodeName).addPod(placed);
  }

  #unplace(key: string): void {
    const placed = this.#placed.get(key);
    if (placed === undefined) return;
    this.#placed.delete(key);
    this.#withTerms.delete(key);
    const namespace = placed.facts.pod.metadata.namespace ?? '';
    const neighbours = this.#byNamespace.get(namespace);
    neighbours?.delete(key);
    if (neighbours?.size === 0) this.#byNamespace.delete(namespace);
    this.#info(placed.nodeName).removePod(key);
  }

  #followClaim(claimKey: string): void {
    for (const pod of this.#caches.pods.byIndex(PODS_BY_CLAIM, claimKey)) this.#recount(keyOf(pod));
  }

  #followVolume(volume: PersistentVolume): void {
    const { name = '' } = volume.metadata;
    for (const claim of this.#caches.claims.byIndex(CLAIMS_BY_VOLUME, name)) this.#followClaim(keyOf(claim));
    for (const attached of this.#attachedByVolume.get(name) ?? []) this.#recountAttached(attached);
  }

  #followClasses(): void {
    for (const [key, { facts }] of this.#placed) if (claimsOfPod(facts.pod).length > 0) this.#recount(key);
  }

  /** Replaces the pod's entry if its volumes are others now. */
  #recount(key: string): void {
    const placed = this.#placed.get(key);
    if (placed === undefined) return;
    const volumes = this.#volumesOf(placed.facts.pod);
    const isSame =
      volumes.length === placed.volumes.length &&
      volumes.every(
        ({ driver, id }, at) => placed.volumes[at]?.driver === driver && placed.volumes[at].id === id,
      );
    if (!isSame) this.#place(placed.facts.pod, placed.nodeName, placed.isAssumed);
  }

  #volumesOf(pod: Pod): readonly VolumeUse[] {
    const { claims, classes } = this.#caches;
    return claimsOfPod(pod).flatMap(({ claimName }): readonly VolumeUse[] => {
      const key = `${pod.metadata.namespace ?? ''}/${claimName}`;
      const claim = claims.get(key);
      const use = this.#useOf(claim?.spec?.volumeName ?? '');
      if (use !== undefined) return [use];
      const driver = claim === undefined ? undefined : classes.get(classOfClaim(claim))?.provisioner;
      return driver === undefined ? [] : [{ driver, id: claimVolumeId(key) }];
    });
  }

  #useOf(volumeName: string): VolumeUse | undefined {
    const csi = this.#caches.volumes.get(volumeName)?.spec?.csi;
    return csi === undefined ? undefined : { driver: csi.driver, id: csi.volumeHandle };
  }

  #followAttachment({ metadata, spec }: Stored<VolumeAttachment>, isGone: boolean): void {
    const { name } = metadata;
    this.#detach(name);
    const volumeName = spec.source.persistentVolumeName;
    if (isGone || volumeName === undefined) return;
    this.#attached.set(name, { nodeName: spec.nodeName, volumeName, use: undefined });
    const names = this.#attachedByVolume.get(volumeName) ?? new Set<string>();
    this.#attachedByVolume.set(volumeName, names.add(name));
    this.#recountAttached(name);
  }

  #recountAttached(name: string): void {
    const attached = this.#attached.get(name);
    if (attached === undefined) return;
    const use = this.#useOf(attached.volumeName) ?? attached.use; // a volume object that is gone is still attached
    if (use?.id === attached.use?.id && use?.driver === attached.use?.driver) return;
    const info = this.#info(attached.nodeName);
    if (attached.use !== undefined) info.removeVolume(attached.use);
    if (use !== undefined) info.addVolume(use);
    this.#attached.set(name, { ...attached, use });
  }

  #detach(name: string): void {
    const attached = this.#attached.get(name);
    if (attached === undefined) return;
    this.#attached.delete(name);
    const names = this.#attachedByVolume.get(attached.volumeName);
    names?.delete(name);
    if (names?.size === 0) this.#attachedByVolume.delete(attached.volumeName);
    if (attached.use !== undefined) this.#info(attached.nodeName).removeVolume(attached.use);
  }
}

/** Where each volume is, the other way round than nodes know it. */
class VolumeNodes implements VolumePlaces {
  readonly #nodes = new Map<string, Set<string>>();

  nodesOf(use: VolumeUse): ReadonlySet<string> | undefined {
    return this.#nodes.get(keyOfUse(use));
  }

  came(use: VolumeUse, nodeName: string): void {
    const key = keyOfUse(use);
    this.#nodes.set(key, (this.#nodes.get(key) ?? new Set<string>()).add(nodeName));
  }

  left(use: VolumeUse, nodeName: string): void {
    const key = keyOfUse(use);
    const nodes = this.#nodes.get(key);
    nodes?.delete(nodeName);
    if (nodes?.size === 0) this.#nodes.delete(key);
  }
}

function keyOfUse({ driver, id }: VolumeUse): string {
  return `${driver}^${id}`;
}

/** How a volume that is still to be made for a claim counts against a driver's limit. */
export function claimVolumeId(claimKey: string): string {
  return `claim ${claimKey}`;
}
