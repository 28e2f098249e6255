// The next step for one volume, and for the list of attached volumes in one node's status. Pure; rules of SPEC.md.
//
//   wanted ─▶ VolumeAttachment made ─▶ attached (by the driver's attacher) ─▶ offered in node.status.volumesAttached
//   unwanted and not in use ─▶ taken from volumesAttached ─▶ proof by live reads ─▶ VolumeAttachment deleted ─▶ gone
//
// An attachment that exists counts as attached, whatever its status says: a call without an answer may have happened.
// No rule here knows the time: no timer is a proof. `isOverdue` is only ever true where an operator configured that.
// Rules ATT13, ATT18 and ATT44 are carried out here too.
import type { Node, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { mayAttachToManyNodes } from '#rules/access-modes.ts';
import { podLabel } from '#rules/pod-state.ts';
import { detachReason, hasRebooted, isGivenUp, lists } from '#rules/proofs.ts';
import { isOutOfService } from '#rules/taints.ts';
import type { NodeAttachable, NodeView, Place, VolumeView } from './view.ts';

/** What a pod's user is told. */
export interface PodNews {
  readonly pod: Stored<Pod>;
  readonly message: string;
}

export type VolumeStep =
  | { readonly kind: 'attach'; readonly volume: Stored<PersistentVolume>; readonly nodeName: string }
  /** Asks for a proof and, with it, deletes the attachment. */
  | { readonly kind: 'detach'; readonly attachment: Stored<VolumeAttachment> }
  /** The node wants the volume again after a reboot: the attachment now belongs to that boot. */
  | {
      readonly kind: 'record-boot';
      readonly attachment: Stored<VolumeAttachment>;
      readonly node: Stored<Node>;
    }
  | { readonly kind: 'rest'; readonly because: string; readonly news: readonly PodNews[] };

/** Decides the next step for one volume on all its nodes: detach before attach. */
export function decideVolume({ volume, places }: VolumeView): VolumeStep {
  for (const place of places) {
    const step = stepOfAttached(place);
    if (step !== undefined) return step;
  }
  if (volume === undefined) return { kind: 'rest', because: 'the volume has no object', news: [] }; // ATT17
  if (volume.spec?.csi === undefined)
    return { kind: 'rest', because: 'it is attached through the status of its node', news: [] }; // ATT60
  const wanting = places.filter(({ pods, attachment }) => pods.length > 0 && attachment === undefined);
  const open = wanting.filter((place) => inTheWay(volume, place, places).length === 0);
  const next = oldest(open.filter(({ node }) => node !== undefined));
  if (next !== undefined) return { kind: 'attach', volume, nodeName: next.nodeName }; // ATT1
  const refused = wanting.filter((place) => !open.includes(place));
  const kept = refused.flatMap((place) => newsOf(volume, place, inTheWay(volume, place, places))); // ATT6
  const news = [...kept, ...places.flatMap((place) => newsOfAttaching(volume, place))]; // ATT9
  const because = news[0]?.message ?? 'every node has what it wants, or still uses what it has';
  return { kind: 'rest', because, news };
}

function stepOfAttached({ node, pods, attachment, isOverdue }: Place): VolumeStep | undefined {
  if (attachment === undefined || attachment.metadata.deletionTimestamp !== undefined) return undefined;
  if (pods.length > 0) {
    // OBSERVED: wanted and attached.
    if (node === undefined || !hasRebooted(node, attachment)) return undefined;
    return { kind: 'record-boot', attachment, node }; // ATT16
  }
  // OBSERVED: attached, and no pod wants it.
  // ATT14, ATT43: a Node object that is gone proves nothing, an operator's word does.
  if (node === undefined) return isGivenUp(attachment) ? { kind: 'detach', attachment } : undefined;
  if (isOffered(node, attachment)) return undefined; // ATT11: first it leaves volumesAttached
  if (!isOverdue && detachReason(node, attachment) === undefined) return undefined; // ATT12
  return { kind: 'detach', attachment }; // ATT10
}

function isOffered(node: Node, attachment: VolumeAttachment): boolean {
  const offered = node.status?.volumesAttached?.map(({ name }) => name);
  return lists(offered, node, attachment.metadata.name ?? '');
}

/** The other nodes that hold a volume which only one node may hold (ATT4, ATT5). */
function inTheWay(volume: PersistentVolume, place: Place, places: readonly Place[]): readonly Place[] {
  if (mayAttachToManyNodes(volume.spec?.accessModes)) return [];
  return places.filter(({ nodeName, attachment }) => attachment !== undefined && nodeName !== place.nodeName);
}

/** The place whose first pod has waited longest, so that two nodes never take turns (ATT7). */
function oldest(places: readonly Place[]): Place | undefined {
  const ageOf = ({ pods: [first] }: Place): string =>
    `${first?.metadata.creationTimestamp ?? ''} ${first?.metadata.uid ?? ''}`;
  return [...places].sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1))[0];
}

function newsOf(
  volume: Stored<PersistentVolume>,
  { nodeName, pods }: Place,
  others: readonly Place[],
): readonly PodNews[] {
  const nodes = others.map((other) => `"${other.nodeName}"`).join(', ');
  const users = others.flatMap((other) => other.pods.map(podLabel));
  const by =
    users.length === 0 ? 'which still uses it or has not detached it' : `by pod(s) ${users.join(', ')}`;
  const message =
    `Multi-Attach error for volume "${volume.metadata.name}" Volume is already exclusively attached to node ` +
    `${nodes} and can't be attached to node "${nodeName}": it is held there, ${by}`;
  return pods.map((pod) => ({ pod, message }));
}

/** What the driver refused, as its attacher stored it; the code says whether the node is full. */
function newsOfAttaching(
  { metadata }: Stored<PersistentVolume>,
  { pods, attachment }: Place,
): readonly PodNews[] {
  const error = attachment?.status?.attachError;
  if (error === undefined || attachment?.status?.attached === true) return [];
  const message = `AttachVolume.Attach failed for volume "${metadata.name}" : ${error.message ?? ''}`;
  return pods.map((pod) => ({ pod, message }));
}

export type NodeStep =
  | {
      readonly kind: 'publish';
      readonly names: readonly string[];
      /** Of these the ones that only this node may have and that it is now offered. */
      readonly reserves: readonly string[];
      readonly news: readonly PodNews[];
    }
  | { readonly kind: 'rest'; readonly because: string; readonly news: readonly PodNews[] };

/** Decides what node.status.volumesAttached offers (ATT20 to ATT23, ATT60 to ATT63). */
export function decideNode({ node, attachments, attachables }: NodeView): NodeStep {
  const names = new Set<string>();
  for (const { attachment, uniqueName, isWanted, isOverdue } of attachments) {
    if (uniqueName === undefined || attachment.metadata.deletionTimestamp !== undefined) continue; // ATT21
    if (attachment.status?.attached !== true) continue; // ATT20
    const mayUse = !isOverdue && detachReason(node, attachment) === undefined;
    if (isWanted || mayUse) names.add(uniqueName); // ATT22
  }
  const published = (node.status?.volumesAttached ?? []).map(({ name }) => name);
  const inUse = new Set(node.status?.volumesInUse);
  const refused: NodeAttachable[] = [];
  const reserves: string[] = [];
  for (const attachable of attachables) {
    const { uniqueName, pods, holders, isExclusive } = attachable;
    const isOffered = published.includes(uniqueName);
    if (isOffered) {
      const mayUse = inUse.has(uniqueName) && !isOutOfService(node);
      if (pods.length > 0 || mayUse) names.add(uniqueName); // ATT61
    } else if (pods.length > 0) {
      if (holders.length > 0) {
        refused.push(attachable); // ATT62
      } else {
        names.add(uniqueName); // ATT60
        if (isExclusive) reserves.push(uniqueName);
      }
    }
  }
  const news = refused.flatMap((attachable) => newsOfHolders(attachable, node.metadata.name));
  const isSame = published.length === names.size && published.every((name) => names.has(name));
  if (isSame) return { kind: 'rest', because: 'volumesAttached is as it should be', news };
  return { kind: 'publish', names: [...names].sort(), reserves, news };
}

function newsOfHolders({ title, pods, holders }: NodeAttachable, nodeName: string): readonly PodNews[] {
  const nodes = holders.map((holder) => `"${holder}"`).join(', ');
  const message =
    `Multi-Attach error for volume "${title}" Volume is already exclusively attached to node ${nodes} and ` +
    `can't be attached to node "${nodeName}": it is held there until that node no longer uses it`;
  return pods.map((pod) => ({ pod, message }));
}
