// What the attachment loop sees: of one volume, every node that wants it or has it; of one node, every attachment.
// Rules ATT2 and ATT8 are carried out here too.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { CSIDriver, VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { mayAttachToManyNodes } from '#rules/access-modes.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import { claimKeyOf, isReservedFor } from '#rules/claim-ref.ts';
import { inlineAttachables, isNodeAttachableName, nodeAttachableName } from '#rules/node-attachable.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';

/** The part of an informer that a view reads. */
export interface Cache<T extends ApiObject> {
  readonly revision: number;
  get(key: string): Stored<T> | undefined;
  byIndex(index: string, value: string): readonly Stored<T>[];
}

export interface AttachmentCaches {
  readonly pods: Cache<Pod>;
  readonly nodes: Cache<Node>;
  readonly claims: Cache<PersistentVolumeClaim>;
  readonly volumes: Cache<PersistentVolume>;
  readonly drivers: Cache<CSIDriver>;
  readonly attachments: Cache<VolumeAttachment>;
}

export const PODS_BY_CLAIM = 'attachment/claim';
export const PODS_BY_NODE = 'attachment/node';
export const PODS_BY_INLINE = 'attachment/inline';
export const NODES_BY_OFFER = 'attachment/offer';
export const VOLUMES_BY_BACKEND = 'attachment/backend';
export const ATTACHMENTS_BY_VOLUME = 'attachment/volume';
export const ATTACHMENTS_BY_NODE = 'attachment/node';

export const podIndexes = {
  [PODS_BY_CLAIM]: claimKeysOfPod,
  [PODS_BY_NODE]: ({ spec }: Pod): readonly string[] =>
    (spec?.nodeName ?? '') === '' ? [] : [spec?.nodeName ?? ''],
  [PODS_BY_INLINE]: inlineAttachables,
};
/** What is attached without a VolumeAttachment, by the nodes that are offered it. */
export const nodeIndexes = {
  [NODES_BY_OFFER]: ({ status }: Node): readonly string[] =>
    (status?.volumesAttached ?? []).map(({ name }) => name).filter(isNodeAttachableName),
};
export const volumeIndexes = {
  [VOLUMES_BY_BACKEND]: (volume: PersistentVolume): readonly string[] => {
    const name = statusNameOf(volume);
    return name === undefined ? [] : [name];
  },
};

/** The volume's name in the status of nodes; undefined for one that is not attached. */
export function statusNameOf({ metadata, spec = {} }: PersistentVolume): string | undefined {
  return spec.csi === undefined ? nodeAttachableName(spec, metadata.name ?? '') : uniqueVolumeName(spec.csi);
}
export const attachmentIndexes = {
  [ATTACHMENTS_BY_VOLUME]: ({ spec }: VolumeAttachment): readonly string[] => {
    const volume = spec.source.persistentVolumeName;
    return volume === undefined ? [] : [volume];
  },
  [ATTACHMENTS_BY_NODE]: ({ spec }: VolumeAttachment): readonly string[] => [spec.nodeName],
};

/** One node that wants the volume, has it, or both. */
export interface Place {
  readonly nodeName: string;
  readonly node: Stored<Node> | undefined;
  /** Pods on the node that want the volume, the oldest first. */
  readonly pods: readonly Stored<Pod>[];
  /** Its attachment, under this or another object of the same backend; one that is there may be attached. */
  readonly attachment: Stored<VolumeAttachment> | undefined;
  /** The configured wait is over (ATT45); never without that option. */
  readonly isOverdue: boolean;
}

export interface VolumeView {
  readonly volume: Stored<PersistentVolume> | undefined;
  readonly places: readonly Place[];
}

export interface NodeAttachment {
  readonly attachment: Stored<VolumeAttachment>;
  /** The volume's name in the node's status; undefined when its object is gone. */
  readonly uniqueName: string | undefined;
  readonly isWanted: boolean;
  readonly isOverdue: boolean;
}

/** Whether an attachment that nobody wants has waited longer than the cluster is configured to wait. */
export type IsOverdue = (attachment: Stored<VolumeAttachment>, node: Stored<Node> | undefined) => boolean;

/** A volume without VolumeAttachment that a pod of the node wants, or that the node is offered. */
export interface NodeAttachable {
  readonly uniqueName: string;
  /** For messages: the PersistentVolume's name, or the unique one. */
  readonly title: string;
  /** Pods of the node that want it, the oldest first. */
  readonly pods: readonly Stored<Pod>[];
  /** Other nodes that are offered it, or are about to be; none where many nodes may have it. */
  readonly holders: readonly string[];
  readonly isExclusive: boolean;
}

export interface NodeView {
  readonly node: Stored<Node>;
  readonly attachments: readonly NodeAttachment[];
  readonly attachables: readonly NodeAttachable[];
}

/** The node to which a volume was just offered by a write that the cache does not show yet, if it is another one. */
export type PendingOffer = (uniqueName: string, nodeName: string) => boolean;

/** Reads what concerns one volume, also one whose object is gone while attachments remain. */
export function observeVolume(caches: AttachmentCaches, name: string, isOverdue: IsOverdue): VolumeView {
  const volume = caches.volumes.get(name);
  const pods = volume === undefined ? [] : podsThatWant(caches, volume);
  const attachments = attachmentsOf(caches, name, volume);
  const nodeNames = new Set([
    ...pods.map(({ spec }) => spec?.nodeName ?? ''),
    ...attachments.map(({ spec }) => spec.nodeName),
  ]);
  const places = [...nodeNames].sort().map((nodeName): Place => {
    const node = caches.nodes.get(nodeName);
    const attachment = attachments.find(({ spec }) => spec.nodeName === nodeName);
    return {
      nodeName,
      node,
      pods: pods.filter(({ spec }) => spec?.nodeName === nodeName),
      attachment,
      isOverdue: attachment !== undefined && isOverdue(attachment, node),
    };
  });
  return { volume, places };
}

/** Two objects may name one backend; an attachment under either occupies it (I-11). */
function attachmentsOf(
  caches: AttachmentCaches,
  name: string,
  volume: Stored<PersistentVolume> | undefined,
): readonly Stored<VolumeAttachment>[] {
  const csi = volume?.spec?.csi;
  const twins = csi === undefined ? [] : caches.volumes.byIndex(VOLUMES_BY_BACKEND, uniqueVolumeName(csi));
  const names = new Set([name, ...twins.map(({ metadata }) => metadata.name)]);
  return [...names].flatMap((one) => caches.attachments.byIndex(ATTACHMENTS_BY_VOLUME, one));
}

/** Pods on a node that use the volume's claim, while claim and volume are a pair and the driver attaches (ATT1). */
export function podsThatWant(
  caches: AttachmentCaches,
  volume: Stored<PersistentVolume>,
): readonly Stored<Pod>[] {
  const csi = volume.spec?.csi;
  const claimKey = claimKeyOf(volume);
  if (statusNameOf(volume) === undefined || claimKey === undefined) return [];
  if (csi !== undefined && caches.drivers.get(csi.driver)?.spec.attachRequired === false) return [];
  const claim = caches.claims.get(claimKey);
  if (claim === undefined || !isPair(claim, volume)) return [];
  return caches.pods
    .byIndex(PODS_BY_CLAIM, claimKey)
    .filter((pod) => (pod.spec?.nodeName ?? '') !== '' && !isTerminal(pod))
    .sort(byAge);
}

function isPair(claim: Stored<PersistentVolumeClaim>, volume: Stored<PersistentVolume>): boolean {
  return (
    claim.metadata.annotations?.[BIND_COMPLETED] !== undefined &&
    claim.spec?.volumeName === volume.metadata.name &&
    isReservedFor(volume, claim)
  );
}

function byAge({ metadata: a }: Stored<Pod>, { metadata: b }: Stored<Pod>): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}

/** Reads what concerns one node. */
export function observeNode(
  caches: AttachmentCaches,
  name: string,
  { isOverdue, isPending }: { readonly isOverdue: IsOverdue; readonly isPending: PendingOffer },
): NodeView | undefined {
  const node = caches.nodes.get(name);
  if (node === undefined) return undefined;
  const attachments = caches.attachments.byIndex(ATTACHMENTS_BY_NODE, name).map((attachment) => {
    const volume = caches.volumes.get(attachment.spec.source.persistentVolumeName ?? '');
    const csi = volume?.spec?.csi;
    const pods = volume === undefined ? [] : podsThatWant(caches, volume);
    return {
      attachment,
      uniqueName: csi === undefined ? undefined : uniqueVolumeName(csi),
      isWanted: pods.some(({ spec }) => spec?.nodeName === name),
      isOverdue: isOverdue(attachment, node),
    };
  });
  return { node, attachments, attachables: attachablesOf(caches, node, isPending) };
}

function attachablesOf(
  caches: AttachmentCaches,
  node: Stored<Node>,
  isPending: PendingOffer,
): readonly NodeAttachable[] {
  const nodeName = node.metadata.name;
  const offered = (node.status?.volumesAttached ?? []).map(({ name }) => name).filter(isNodeAttachableName);
  const here = caches.pods.byIndex(PODS_BY_NODE, nodeName).filter((pod) => !isTerminal(pod));
  const volumes = here.flatMap((pod) =>
    volumesOfPod(caches, pod).flatMap((volume) => caches.volumes.get(volume) ?? []),
  );
  const claimed = volumes.flatMap(
    (volume) => nodeAttachableName(volume.spec ?? {}, volume.metadata.name) ?? [],
  );
  const names = new Set([...offered, ...here.flatMap(inlineAttachables), ...claimed]);
  return [...names].map((uniqueName): NodeAttachable => {
    const objects = caches.volumes.byIndex(VOLUMES_BY_BACKEND, uniqueName);
    const inline = caches.pods.byIndex(PODS_BY_INLINE, uniqueName).filter((pod) => !isTerminal(pod));
    const users = [...inline, ...objects.flatMap((volume) => podsThatWant(caches, volume))];
    // What stands in a pod itself has no access modes: its storage sees to it, as in Kubernetes.
    const isExclusive = objects.some(({ spec }) => !mayAttachToManyNodes(spec?.accessModes));
    const elsewhere = caches.nodes.byIndex(NODES_BY_OFFER, uniqueName).map(({ metadata }) => metadata.name);
    const others = elsewhere.filter((one) => one !== nodeName);
    const holders = isPending(uniqueName, nodeName) ? [...others, 'another node'] : others;
    return {
      uniqueName,
      title: objects[0]?.metadata.name ?? uniqueName,
      pods: users.filter(({ spec }) => spec?.nodeName === nodeName).sort(byAge),
      holders: isExclusive ? holders : [],
      isExclusive,
    };
  });
}

/** Names of volumes that a pod uses, as far as its claims are bound. */
export function volumesOfPod(caches: AttachmentCaches, pod: Pod): readonly string[] {
  return claimKeysOfPod(pod).flatMap((key) => {
    const volume = caches.claims.get(key)?.spec?.volumeName ?? '';
    return volume === '' ? [] : [volume];
  });
}
