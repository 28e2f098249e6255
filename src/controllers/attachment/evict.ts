// Pods of a node that an operator declared out of service: they are removed, since nothing on the node will ever confirm
// that they ended (the roles of taint eviction and pod garbage collection for this one taint; ATT40, ATT41).
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { splitKey, type Stored } from '#api/object.ts';
import { nodes, pods } from '#api/resources.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { isNodeReady, tolerates } from '#rules/taints.ts';
import { OUT_OF_SERVICE_TAINT } from '#rules/well-known.ts';
import type { AttachmentCaches } from './view.ts';

export type EvictionStep =
  | { readonly kind: 'rest' }
  /** The node answers: its agent ends the pod in its own time. */
  | { readonly kind: 'delete' }
  /** The node does not answer: the object goes now. */
  | { readonly kind: 'remove' };

/** Decides about one pod on one node. Pure. */
export function decideEviction(pod: Pod, node: Node | undefined): EvictionStep {
  const taint = node?.spec?.taints?.find(
    ({ key, effect }) => key === OUT_OF_SERVICE_TAINT && effect !== 'PreferNoSchedule',
  );
  if (node === undefined || taint === undefined) return { kind: 'rest' };
  const isLeaving = pod.metadata.deletionTimestamp !== undefined;
  const stays = (pod.spec?.tolerations ?? []).some((one) => tolerates(one, taint));
  const mustLeave = taint.effect === 'NoExecute' && !stays;
  if (!isLeaving && !mustLeave) return { kind: 'rest' };
  if (!isNodeReady(node)) return { kind: 'remove' };
  return isLeaving ? { kind: 'rest' } : { kind: 'delete' };
}

/** Removes a pod after live reads that still agree; conditional on the pod that was read. */
export async function reconcileEviction(
  { api, log, events }: LoopDeps,
  caches: AttachmentCaches,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const cached = caches.pods.get(key);
  if (cached === undefined) return { kind: 'settled' };
  if (decideEviction(cached, caches.nodes.get(cached.spec?.nodeName ?? '')).kind === 'rest') {
    return { kind: 'settled' };
  }
  const pod = await api.find(pods, splitKey(key), signal);
  if (pod === undefined) return { kind: 'settled' };
  const node = await api.find(nodes, { name: pod.spec?.nodeName ?? '' }, signal);
  const step = decideEviction(pod, node);
  if (step.kind === 'rest') return { kind: 'settled' };
  log.warn('removing a pod of a node that is out of service', {
    pod: key,
    node: node?.metadata.name,
    step: step.kind,
  });
  events.record(asPod(pod), {
    type: 'Normal',
    reason: 'TaintManagerEviction',
    message: `Deleting pod ${key}: node "${node?.metadata.name ?? ''}" is out of service`,
  });
  const { uid, resourceVersion } = pod.metadata;
  const grace = step.kind === 'remove' ? { gracePeriodSeconds: 0 } : {};
  await api.delete(pods, splitKey(key), { preconditions: { uid, resourceVersion }, ...grace }, signal);
  return { kind: 'progressed' };
}

function asPod(pod: Stored<Pod>): Stored<Pod> {
  return { ...pod, apiVersion: 'v1', kind: 'Pod' };
}
