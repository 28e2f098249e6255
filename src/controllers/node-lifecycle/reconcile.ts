// Carries out one step for one key: `node/<name>` or `pod/<namespace>/<name>`.
// Rule NLC8 is carried out here too.
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Node, NodeCondition, Pod, Taint } from '#api/generated/core-v1.ts';
import { splitKey, type Stored } from '#api/object.ts';
import { nodes, pods } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import { hasReason } from '#client/api-error.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { decideNode, decidePod } from './decide.ts';
import { Observations } from './observations.ts';
import { heartbeatOf, LEASE_NAMESPACE } from './view.ts';

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1000;

export interface NodeCaches {
  readonly nodes: Informer<Node>;
  readonly leases: Informer<Lease>;
  readonly pods: Informer<Pod>;
}

interface Pass extends LoopDeps {
  readonly caches: NodeCaches;
  /** By node: its last word. */
  readonly heartbeats: Observations;
  /** By pod: the node it misses. */
  readonly absences: Observations;
}

export function nodeReconcile(deps: LoopDeps, caches: NodeCaches): Reconcile {
  const pass: Pass = { ...deps, caches, heartbeats: new Observations(), absences: new Observations() };
  return async (key, signal) => {
    const name = key.slice(key.indexOf('/') + 1);
    try {
      return key.startsWith('node/')
        ? await reconcileNode(pass, name, signal)
        : await reconcilePod(pass, name, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileNode(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const { caches, clock, heartbeats } = pass;
  const node = caches.nodes.get(name);
  if (node === undefined) {
    heartbeats.forget(name);
    return { kind: 'settled' };
  }
  const heartbeat = heartbeatOf(node, caches.leases.get(`${LEASE_NAMESPACE}/${name}`));
  const silentForMs = heartbeats.ageOf(name, heartbeat, clock.elapsed());
  const step = decideNode({ node, silentForMs }, clock.now());
  switch (step.kind) {
    case 'settled':
      return { kind: 'settled' };
    case 'mark-unknown':
      pass.log.warn('a node has fallen silent', { node: name, silentForMs });
      return writeConditions(pass, node, step.conditions, signal);
    case 'taint':
      return writeTaints(pass, node, step.taints, signal);
    default:
      return assertNever(step);
  }
}

async function writeConditions(
  { api, caches, events }: Pass,
  node: Stored<Node>,
  conditions: readonly NodeCondition[],
  signal: AbortSignal,
): Promise<Outcome> {
  const marked: Node = { ...node, status: { ...node.status, conditions } };
  const { metadata } = await api.updateStatus(nodes, marked, signal);
  const { name } = node.metadata;
  events.record(node, {
    type: 'Normal',
    reason: 'NodeNotReady',
    message: `Node ${name} status is now: NodeNotReady`,
  });
  return {
    kind: 'progressed',
    wrote: { informer: caches.nodes, resourceVersion: metadata.resourceVersion },
  };
}

async function writeTaints(
  { api, caches }: Pass,
  node: Stored<Node>,
  taints: readonly Taint[],
  signal: AbortSignal,
): Promise<Outcome> {
  const tainted: Node = { ...node, spec: { ...node.spec, taints } };
  const { metadata } = await api.update(nodes, tainted, signal);
  return {
    kind: 'progressed',
    wrote: { informer: caches.nodes, resourceVersion: metadata.resourceVersion },
  };
}

async function reconcilePod(pass: Pass, key: string, signal: AbortSignal): Promise<Outcome> {
  const { caches, clock, absences } = pass;
  const pod = caches.pods.get(key);
  const nodeName = pod?.spec?.nodeName ?? '';
  const isMissing = nodeName !== '' && caches.nodes.get(nodeName) === undefined;
  if (!isMissing) absences.forget(key);
  if (pod === undefined) return { kind: 'settled' };
  const nodeMissingForMs = isMissing ? absences.ageOf(key, nodeName, clock.elapsed()) : undefined;
  const step = decidePod({ nodeName, nodeMissingForMs });
  switch (step.kind) {
    case 'settled':
      return { kind: 'settled' };
    case 'wait':
      return { kind: 'blocked', because: `node ${nodeName} may return`, retryAfterMs: step.forMs };
    case 'remove':
      return removePod(pass, pod, nodeName, signal);
    default:
      return assertNever(step);
  }
}

/** The caches may lag on either side: the node and the pod are read again before the pod goes (NLC6). */
async function removePod(
  { api, log }: Pass,
  pod: Stored<Pod>,
  nodeName: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const target = splitKey(`${pod.metadata.namespace ?? ''}/${pod.metadata.name}`);
  if ((await api.find(nodes, { name: nodeName }, signal)) !== undefined) {
    return { kind: 'blocked', because: `node ${nodeName} exists`, retryAfterMs: BEHIND_MS };
  }
  const live = await api.find(pods, target, signal);
  if (live === undefined) return { kind: 'settled' };
  const { uid, resourceVersion } = live.metadata;
  if (uid !== pod.metadata.uid || live.spec?.nodeName !== nodeName) {
    return { kind: 'blocked', because: 'the pod has changed', retryAfterMs: BEHIND_MS };
  }
  log.warn('removing a pod whose node does not exist', { ...target, uid, resourceVersion, node: nodeName });
  try {
    const preconditions = { uid, resourceVersion };
    await api.delete(pods, target, { preconditions, gracePeriodSeconds: 0 }, signal);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  return { kind: 'progressed' };
}
