// Decides about one node and about one pod of a missing node. Pure; `now` is epoch milliseconds.
// Rule NLC3 is carried out here too.
import type { Node, NodeCondition, Taint } from '#api/generated/core-v1.ts';
import { formatTime } from '#base/clock.ts';
import { NOT_READY_TAINT, UNREACHABLE_TAINT, UNSCHEDULABLE_TAINT } from '#rules/well-known.ts';
import type { NodeView, PodView } from './view.ts';

/** Four renewals of 10 s may be lost (Kubernetes' node-monitor-grace-period, rounded as its documents have it). */
export const GRACE_MS = 40_000;
/** Kubernetes' quarantine of a missing node: it may have been deleted only to be registered anew. */
export const MISSING_MS = 40_000;

const CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
const MANAGED_TAINTS = [NOT_READY_TAINT, UNREACHABLE_TAINT, UNSCHEDULABLE_TAINT];

export type NodeStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'mark-unknown'; readonly conditions: readonly NodeCondition[] }
  | { readonly kind: 'taint'; readonly taints: readonly Taint[] };

export function decideNode({ node, silentForMs }: NodeView, now: number): NodeStep {
  if (node.metadata.deletionTimestamp !== undefined) return { kind: 'settled' }; // NLC5
  if (silentForMs >= GRACE_MS && readyStatus(node) !== 'Unknown') {
    // OBSERVED: silent, and not yet said so.
    return { kind: 'mark-unknown', conditions: unknownConditions(node, now) }; // NLC1
  }
  const wanted = wantedTaints(node);
  const current = (node.spec?.taints ?? []).filter(isManaged);
  const isSame =
    current.length === wanted.length && wanted.every((key) => current.some((t) => t.key === key));
  if (isSame) return { kind: 'settled' };
  return { kind: 'taint', taints: withTaints(node, wanted, now) }; // NLC2
}

function readyStatus(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}

function unknownConditions(node: Node, now: number): readonly NodeCondition[] {
  const time = formatTime(now);
  const old = node.status?.conditions ?? [];
  const marked = CONDITIONS.map((type) => {
    const before = old.find((condition) => condition.type === type);
    if (before?.status === 'Unknown') return before;
    const said =
      before === undefined
        ? { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' }
        : { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    const lastHeartbeatTime = before?.lastHeartbeatTime ?? node.metadata.creationTimestamp;
    return { type, status: 'Unknown', ...said, lastHeartbeatTime, lastTransitionTime: time };
  });
  return [...old.filter(({ type }) => !CONDITIONS.includes(type)), ...marked];
}

function wantedTaints(node: Node): readonly string[] {
  const cordoned = node.spec?.unschedulable === true ? [UNSCHEDULABLE_TAINT] : [];
  switch (readyStatus(node)) {
    case 'True':
      return cordoned;
    case 'Unknown':
      return [UNREACHABLE_TAINT, ...cordoned];
    default:
      return [NOT_READY_TAINT, ...cordoned];
  }
}

/** Only NoSchedule is ours: NoExecute taints of the same keys belong to who evicts. */
function isManaged({ key, effect }: Taint): boolean {
  return effect === 'NoSchedule' && MANAGED_TAINTS.includes(key);
}

function withTaints(node: Node, wanted: readonly string[], now: number): readonly Taint[] {
  const old = node.spec?.taints ?? [];
  const kept = old.filter((taint) => !isManaged(taint) || wanted.includes(taint.key));
  const added = wanted.filter((key) => !kept.some((taint) => taint.key === key && isManaged(taint)));
  const timeAdded = formatTime(now);
  return [...kept, ...added.map((key) => ({ key, effect: 'NoSchedule' as const, timeAdded }))];
}

export type PodStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'wait'; readonly forMs: number }
  /** Read node and pod live; remove the pod when they agree. */
  | { readonly kind: 'remove' };

export function decidePod({ nodeName, nodeMissingForMs }: PodView): PodStep {
  if (nodeName === '' || nodeMissingForMs === undefined) return { kind: 'settled' }; // NLC7
  if (nodeMissingForMs < MISSING_MS) return { kind: 'wait', forMs: MISSING_MS - nodeMissingForMs };
  return { kind: 'remove' }; // NLC6
}
