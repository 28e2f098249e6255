// Connects informers to the scheduler's keys: a pod's own events, those of its claims and their volumes, and for pods
// that wait everything that may have made room. Node heartbeats, which change nothing that counts, wake nobody.
import type { Node } from '#api/generated/core-v1.ts';
import { keyOf } from '#api/object.ts';
import {
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import type { InformerEvent } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { isNodeReady } from '#rules/taints.ts';
import {
  attachmentIndexes,
  isFree,
  isPending,
  PENDING,
  PENDING_PODS,
  podIndexes,
  PODS_BY_CLAIM,
  volumeIndexes,
} from './indexes.ts';
import { schedulerReconcile } from './reconcile.ts';

export interface SchedulerOptions {
  /** Pods in flight at once. */
  readonly concurrency?: number;
}

/** The scheduler: gives every pending pod of `default-scheduler` a node, and its delayed claims what they need there. */
export function schedulerLoop(deps: LoopDeps, { concurrency = 64 }: SchedulerOptions = {}): Service {
  const { informers } = deps;
  const caches = {
    pods: informers.informer(pods, podIndexes),
    nodes: informers.informer(nodes),
    claims: informers.informer(persistentVolumeClaims),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    classes: informers.informer(storageClasses),
    csiNodes: informers.informer(csiNodes),
    attachments: informers.informer(volumeAttachments, attachmentIndexes),
  };
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    const wakePending = (): void => {
      for (const pod of caches.pods.byIndex(PENDING_PODS, PENDING)) enqueue(keyOf(pod));
    };
    const wakeUsers = (claimKey: string | undefined): void => {
      if (claimKey === undefined) return;
      for (const pod of caches.pods.byIndex(PODS_BY_CLAIM, claimKey)) if (isPending(pod)) enqueue(keyOf(pod));
    };
    return [
      caches.pods.subscribe((event) => {
        enqueue(keyOf(event.object));
        if (event.kind === 'deleted' || isTerminal(event.object)) wakePending();
      }),
      caches.nodes.subscribe((event) => {
        if (mayMakeRoom(event)) wakePending();
      }),
      caches.claims.subscribe(({ object }) => wakeUsers(keyOf(object))),
      caches.volumes.subscribe(({ object }) => {
        wakeUsers(claimKeyOf(object));
        if (isFree(object)) wakePending();
      }),
      caches.classes.subscribe(wakePending),
      caches.csiNodes.subscribe(wakePending),
      caches.attachments.subscribe(({ kind }) => {
        if (kind === 'deleted') wakePending();
      }),
    ];
  };
  const reconcile = schedulerReconcile(deps, caches);
  return runLoop(deps, { name: 'scheduler', concurrency, reconcile, connect });
}

/** True when what decides about pods may have changed on the node (SCH70). */
function mayMakeRoom(event: InformerEvent<Node>): boolean {
  return event.kind !== 'updated' || whatCounts(event.object) !== whatCounts(event.previous);
}

function whatCounts(node: Node): string {
  const { metadata, spec, status } = node;
  const { taints, unschedulable } = spec ?? {};
  return JSON.stringify([metadata.labels, taints, unschedulable, status?.allocatable, isNodeReady(node)]);
}
