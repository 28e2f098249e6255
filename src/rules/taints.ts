// Taints and tolerations: what keeps a pod off a node.
import type { Node, Pod, Taint, Toleration } from '#api/generated/core-v1.ts';
import { OUT_OF_SERVICE_TAINT, UNSCHEDULABLE_TAINT } from './well-known.ts';

/** The first taint that keeps the pod from being placed on the node; PreferNoSchedule never does (RUL90). */
export function untoleratedTaint(pod: Pod, node: Node): Taint | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  return (node.spec?.taints ?? []).find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint)),
  );
}

/** True when the toleration covers the taint: empty effect and empty key with Exists cover all (RUL91). */
export function tolerates(
  { key = '', operator = 'Equal', value = '', effect }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  switch (operator) {
    case 'Exists':
      return true;
    case 'Equal':
      return key !== '' && value === (taint.value ?? '');
    default:
      return false; // numeric comparison of taints is not served here
  }
}

/** True when the node is cordoned and the pod does not tolerate that (RUL92). */
export function isCordonedFor(pod: Pod, node: Node): boolean {
  if (node.spec?.unschedulable !== true) return false;
  const taint: Taint = { key: UNSCHEDULABLE_TAINT, effect: 'NoSchedule' };
  return !(pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}

/** True when an operator has declared that the node is down and nothing on it can write (KEP-2268, RUL93). */
export function isOutOfService(node: Node): boolean {
  return (node.spec?.taints ?? []).some(
    ({ key, effect }) => key === OUT_OF_SERVICE_TAINT && effect !== 'PreferNoSchedule',
  );
}

/** True when the node's Ready condition is True (RUL94). */
export function isNodeReady(node: Node): boolean {
  return (node.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}
