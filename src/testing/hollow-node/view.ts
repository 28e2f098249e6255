// What a hollow node sees: its Node, its pods and the volumes that they want. Plain data from the caches.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { CSIDriver, VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Informer } from '#client/informer.ts';
import { attachmentName, uniqueVolumeName } from '#rules/attachment-name.ts';
import { isReservedFor } from '#rules/claim-ref.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimsOfPod } from '#rules/pod-volumes.ts';
import { BOOT_ID } from '#rules/well-known.ts';
import type { HollowMount } from './kernel.ts';

export interface HollowCaches {
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly drivers: Informer<CSIDriver>;
  readonly attachments: Informer<VolumeAttachment>;
}

export const PODS_BY_NODE = 'hollow/node';

/** One volume of one pod. */
export interface HollowWant {
  readonly mount: HollowMount;
  /** As the Node's status names it. */
  readonly uniqueName: string;
  /** Attached for this boot, or no attaching is needed. */
  readonly isAttached: boolean;
  readonly needsAttach: boolean;
}

export interface HollowPod {
  readonly pod: Stored<Pod>;
  readonly isLeaving: boolean;
  /** Undefined: a claim of it is not bound yet. */
  readonly wants: readonly HollowWant[] | undefined;
}

export interface HollowView {
  readonly node: Stored<Node>;
  readonly pods: readonly HollowPod[];
  readonly mounts: readonly HollowMount[];
}

/** Reads what concerns one node. */
export function observeHollowNode(
  caches: HollowCaches,
  node: Stored<Node>,
  actual: { readonly bootId: string; readonly mounts: readonly HollowMount[] },
): HollowView {
  const pods = caches.pods.byIndex(PODS_BY_NODE, node.metadata.name).map((pod) => ({
    pod,
    isLeaving: pod.metadata.deletionTimestamp !== undefined || isTerminal(pod),
    wants: wantsOf(caches, pod, { name: node.metadata.name, bootId: actual.bootId }),
  }));
  return { node, pods, mounts: actual.mounts };
}

interface Place {
  readonly name: string;
  readonly bootId: string;
}

function wantsOf(caches: HollowCaches, pod: Stored<Pod>, node: Place): readonly HollowWant[] | undefined {
  const wants: HollowWant[] = [];
  for (const { claimName } of claimsOfPod(pod)) {
    const claim = caches.claims.get(`${pod.metadata.namespace ?? ''}/${claimName}`);
    const volume = caches.volumes.get(claim?.spec?.volumeName ?? '');
    const isPair = claim?.status?.phase === 'Bound' && volume !== undefined && isReservedFor(volume, claim);
    if (!isPair) return undefined;
    const want = wantOf(caches, pod, volume, node);
    if (want !== undefined) wants.push(want);
  }
  return wants;
}

function wantOf(
  caches: HollowCaches,
  pod: Stored<Pod>,
  { spec }: Stored<PersistentVolume>,
  { name, bootId }: Place,
): HollowWant | undefined {
  const csi = spec?.csi;
  if (csi === undefined) return undefined;
  const accessModes = spec?.accessModes ?? [];
  const attachment = caches.attachments.get(attachmentName(csi, name));
  const boot = attachment?.metadata.annotations?.[BOOT_ID] ?? bootId;
  const isLeaving = attachment?.metadata.deletionTimestamp !== undefined;
  const uniqueName = uniqueVolumeName(csi);
  return {
    mount: {
      node: name,
      podUid: pod.metadata.uid,
      backend: uniqueName,
      accessModes,
      isReadOnly: csi.readOnly === true || accessModes.every((mode) => mode === 'ReadOnlyMany'),
    },
    uniqueName,
    needsAttach: caches.drivers.get(csi.driver)?.spec.attachRequired !== false,
    isAttached: attachment?.status?.attached === true && !isLeaving && boot === bootId,
  };
}
