// Connects informers to the scheduler's keys: a pod's own events, those of its claims and their volumes, and for pods
// that wait the changes that may help them. Node heartbeats, which change nothing that counts, wake nobody.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { keyOf } from '#api/object.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  namespaces,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import type { InformerEvent, InformerSource } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { isNodeReady } from '#rules/taints.ts';
import { Assumptions } from './assumptions.ts';
import { ClusterState } from './cluster-state.ts';
import {
  capacityIndexes,
  claimIndexes,
  CLAIMS_BY_VOLUME,
  isFree,
  podIndexes,
  PODS_BY_CLAIM,
  volumeIndexes,
} from './indexes.ts';
import { schedulerReconcile } from './reconcile.ts';
import type { Cause } from './refusal.ts';
import { WaitingPods } from './waiting.ts';

export interface SchedulerOptions {
  /** Pods in flight at once; one of them is being decided about, the others wait for their turn or for a write. */
  readonly concurrency?: number;
  readonly gates?: FeatureGates;
}

/** The informers of the scheduler with its indexes. */
export function schedulerCaches(informers: InformerSource) {
  return {
    pods: informers.informer(pods, podIndexes),
    nodes: informers.informer(nodes),
    claims: informers.informer(persistentVolumeClaims, claimIndexes),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    classes: informers.informer(storageClasses),
    csiNodes: informers.informer(csiNodes),
    csiDrivers: informers.informer(csiDrivers),
    attachments: informers.informer(volumeAttachments),
    capacities: informers.informer(csiStorageCapacities, capacityIndexes),
    namespaces: informers.informer(namespaces),
    budgets: informers.informer(podDisruptionBudgets),
  };
}

/** The scheduler: gives every pending pod of `default-scheduler` a node, and its delayed claims what they need there. */
export function schedulerLoop(deps: LoopDeps, options: SchedulerOptions = {}): Service {
  // Waiting for a turn costs no more than waiting in the queue, and lets the most important pod go first.
  const { concurrency = 10_000, gates = DEFAULT_GATES } = options;
  const caches = schedulerCaches(deps.informers);
  const state = new ClusterState(caches);
  const sources = { caches, state, assumptions: new Assumptions(state) };
  const waiting = new WaitingPods();
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    ...state.follow(caches),
    ...wakeOnChanges(caches, waiting, enqueue),
  ];
  const reconcile = schedulerReconcile(deps, { sources, waiting, gates });
  return runLoop(deps, { name: 'scheduler', concurrency, reconcile, connect });
}

/** Everything but a claim that is missing or unfit may look different on another or changed node. */
const OF_NODES: readonly Cause[] = [
  'node',
  'resources',
  'ports',
  'volumes',
  'capacity',
  'drivers',
  'limits',
  'affinity',
  'anti-affinity',
  'spread',
  'spread-label',
];
const OF_LEAVING_PODS: readonly Cause[] = [
  'resources',
  'ports',
  'one-pod',
  'limits',
  'anti-affinity',
  'spread',
];
const OF_ARRIVING_PODS: readonly Cause[] = ['affinity', 'spread'];

function wakeOnChanges(
  caches: ReturnType<typeof schedulerCaches>,
  waiting: WaitingPods,
  enqueue: (key: string) => void,
): (() => void)[] {
  const wake = (causes: readonly Cause[]): void => {
    for (const key of waiting.helpedBy(causes)) enqueue(key);
  };
  const wakeUsers = (claimKey: string | undefined): void => {
    if (claimKey === undefined) return;
    for (const pod of caches.pods.byIndex(PODS_BY_CLAIM, claimKey)) {
      waiting.hurry(keyOf(pod));
      enqueue(keyOf(pod));
    }
  };
  return [
    caches.pods.subscribe((event) => {
      enqueue(keyOf(event.object));
      if (hasLeft(event)) wake(OF_LEAVING_PODS);
      else if (hasArrived(event)) wake(OF_ARRIVING_PODS);
    }),
    caches.nodes.subscribe((event) => {
      if (!mayMakeRoom(event)) return;
      // A node that comes or changes is rare news: all may try at once, the most important first.
      for (const key of waiting.helpedBy(OF_NODES)) waiting.hurry(key);
      wake(OF_NODES);
    }),
    caches.claims.subscribe(({ object }) => wakeUsers(keyOf(object))),
    caches.volumes.subscribe(({ object }) => {
      wakeUsers(claimKeyOf(object));
      for (const claim of caches.claims.byIndex(CLAIMS_BY_VOLUME, object.metadata.name))
        wakeUsers(keyOf(claim));
      if (isFree(object)) wake(['volumes', 'capacity']);
    }),
    caches.classes.subscribe(() => wake(['claims', 'volumes', 'capacity'])),
    caches.csiNodes.subscribe(() => wake(['drivers', 'limits'])),
    caches.csiDrivers.subscribe(() => wake(['drivers', 'capacity'])),
    caches.capacities.subscribe(() => wake(['capacity'])),
    caches.namespaces.subscribe(() => wake(['affinity', 'anti-affinity'])),
    caches.attachments.subscribe(({ kind }) => {
      if (kind === 'deleted') wake(['limits']);
    }),
  ];
}

function hasLeft(event: InformerEvent<Pod>): boolean {
  if (event.kind === 'deleted') return true;
  return event.kind === 'updated' && isTerminal(event.object) && !isTerminal(event.previous);
}

/** The pod has come to a node, or its labels there are others now. */
function hasArrived(event: InformerEvent<Pod>): boolean {
  if ((event.object.spec?.nodeName ?? '') === '') return false;
  if (event.kind !== 'updated') return true;
  const { object, previous } = event;
  if (previous.spec?.nodeName !== object.spec?.nodeName) return true;
  return JSON.stringify(previous.metadata.labels) !== JSON.stringify(object.metadata.labels);
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
