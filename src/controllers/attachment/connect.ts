// Connects informers to the attachment loop's keys: a pod, claim, volume or attachment wakes its volume and its node; a
// node wakes its volumes only when what decides about them has changed.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import type { InformerEvent } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { inlineAttachables, nodeAttachableName } from '#rules/node-attachable.ts';
import { isNodeReady, isOutOfService } from '#rules/taints.ts';
import { HONOURS_BOOT_ID, POWERED_OFF } from '#rules/well-known.ts';
import { decideEviction } from './evict.ts';
import { NEVER, overdueAfter } from './overdue.ts';
import { attachmentReconcile } from './reconcile.ts';
import {
  ATTACHMENTS_BY_NODE,
  ATTACHMENTS_BY_VOLUME,
  attachmentIndexes,
  nodeIndexes,
  NODES_BY_OFFER,
  podIndexes,
  PODS_BY_CLAIM,
  PODS_BY_INLINE,
  PODS_BY_NODE,
  podsThatWant,
  volumeIndexes,
  VOLUMES_BY_BACKEND,
  volumesOfPod,
} from './view.ts';

export interface AttachmentOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
  /**
   * Gives up on a node that has not been Ready for this long, as kube-controller-manager does after 6 minutes. Off unless
   * set: time proves nothing, and a node that only lost its network may still write while the next one mounts (ATT45).
   */
  readonly riskDataAfterMs?: number;
}

/** The attachment loop: makes and deletes VolumeAttachments, and offers attached volumes to their nodes. */
export function attachmentLoop(
  deps: LoopDeps,
  { concurrency = 64, riskDataAfterMs }: AttachmentOptions = {},
): Service {
  const { informers } = deps;
  const caches = {
    pods: informers.informer(pods, podIndexes),
    nodes: informers.informer(nodes, nodeIndexes),
    claims: informers.informer(persistentVolumeClaims),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    drivers: informers.informer(csiDrivers),
    attachments: informers.informer(volumeAttachments, attachmentIndexes),
  };
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    const wakeVolume = (name: string | undefined): void => {
      if (name === undefined || name === '') return;
      enqueue(`volume/${name}`);
      for (const { spec } of caches.attachments.byIndex(ATTACHMENTS_BY_VOLUME, name)) {
        enqueue(`node/${spec.nodeName}`);
      }
      const volume = caches.volumes.get(name);
      const attachable = volume && nodeAttachableName(volume.spec ?? {}, name);
      if (attachable !== undefined) wakeNodesOf(attachable);
    };
    /** The nodes that want a volume without VolumeAttachment, and those that are offered it. */
    const wakeNodesOf = (attachable: string): void => {
      const claimed = caches.volumes
        .byIndex(VOLUMES_BY_BACKEND, attachable)
        .flatMap((volume) => podsThatWant(caches, volume));
      for (const { spec } of [...claimed, ...caches.pods.byIndex(PODS_BY_INLINE, attachable)]) {
        if ((spec?.nodeName ?? '') !== '') enqueue(`node/${spec?.nodeName ?? ''}`);
      }
      for (const { metadata } of caches.nodes.byIndex(NODES_BY_OFFER, attachable)) {
        enqueue(`node/${metadata.name}`);
      }
    };
    const evict = (pod: Stored<Pod>, node: Node | undefined): void => {
      if (decideEviction(pod, node).kind !== 'rest') enqueue(`pod/${keyOf(pod)}`);
    };
    wake = (nodeName) => {
      enqueue(`node/${nodeName}`);
      for (const { spec } of caches.attachments.byIndex(ATTACHMENTS_BY_NODE, nodeName)) {
        wakeVolume(spec.source.persistentVolumeName);
      }
    };
    return [
      caches.pods.subscribe(({ object }) => {
        if ((object.spec?.nodeName ?? '') === '') return;
        for (const volume of volumesOfPod(caches, object)) wakeVolume(volume);
        if (inlineAttachables(object).length > 0) enqueue(`node/${object.spec?.nodeName ?? ''}`);
        evict(object, caches.nodes.get(object.spec?.nodeName ?? ''));
      }),
      caches.claims.subscribe(({ object }) => {
        const used = caches.pods.byIndex(PODS_BY_CLAIM, keyOf(object)).length > 0;
        if (used) wakeVolume(object.spec?.volumeName);
      }),
      caches.volumes.subscribe(({ object }) => wakeVolume(object.metadata.name)),
      caches.attachments.subscribe(({ object }) => {
        wakeVolume(object.spec.source.persistentVolumeName);
        enqueue(`node/${object.spec.nodeName}`);
      }),
      caches.nodes.subscribe((event) => {
        const { name } = event.object.metadata;
        if (!concernsVolumes(event)) return;
        wake(name);
        // What one node is no longer offered another may have waited for.
        const before = event.kind === 'updated' ? event.previous : event.object;
        for (const offered of nodeIndexes[NODES_BY_OFFER](before)) wakeNodesOf(offered);
        if (isOutOfService(event.object)) {
          for (const pod of caches.pods.byIndex(PODS_BY_NODE, name)) evict(pod, event.object);
        }
        // A node that appears may be wanted by volumes that wait for it.
        if (event.kind === 'added')
          for (const { metadata } of caches.volumes.list()) wakeVolume(metadata.name);
      }),
      caches.drivers.subscribe(() => {
        for (const { metadata } of caches.volumes.list()) wakeVolume(metadata.name);
      }),
    ];
  };
  let wake: (nodeName: string) => void = () => undefined;
  const isOverdue =
    riskDataAfterMs === undefined
      ? NEVER
      : overdueAfter(deps.clock, riskDataAfterMs, (nodeName) => wake(nodeName));
  const reconcile = attachmentReconcile(deps, caches, isOverdue);
  return runLoop(deps, { name: 'attachment', concurrency, reconcile, connect });
}

/** True when the event changes what decides about attachments; heartbeats do not (ATT30). */
function concernsVolumes(event: InformerEvent<Node>): boolean {
  return event.kind !== 'updated' || whatCounts(event.object) !== whatCounts(event.previous);
}

function whatCounts(node: Node): string {
  const { volumesInUse, volumesAttached, nodeInfo } = node.status ?? {};
  const words = [HONOURS_BOOT_ID, POWERED_OFF].map((name) => node.metadata.annotations?.[name]);
  const { taints } = node.spec ?? {};
  return JSON.stringify([volumesInUse, volumesAttached, nodeInfo?.bootID, taints, words, isNodeReady(node)]);
}
