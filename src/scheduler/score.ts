// Which of the fitting nodes is best: fewest avoided taints, then most preferred by the pod, then most room left, then
// the first by name, so that equal views give equal decisions.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { matchesTerm } from '#rules/node-affinity.ts';
import { type Amounts, amountsOf } from '#rules/pod-resources.ts';
import { tolerates } from '#rules/taints.ts';
import type { NodeState } from './view.ts';

/** The best node, or undefined without candidates (SCH45). */
export function bestNode(
  pod: Pod,
  requests: Amounts,
  candidates: readonly NodeState[],
): NodeState | undefined {
  const scored = candidates.map((state) => ({ state, score: scoreOf(pod, requests, state) }));
  scored.sort((a, b) => {
    const at = a.score.findIndex((value, index) => value !== b.score[index]);
    if (at >= 0) return (b.score[at] ?? 0) - (a.score[at] ?? 0);
    return a.state.node.metadata.name < b.state.node.metadata.name ? -1 : 1;
  });
  return scored[0]?.state;
}

function scoreOf(pod: Pod, requests: Amounts, { node, used }: NodeState): readonly number[] {
  return [-avoidedTaints(pod, node), preference(pod, node), roomLeft(node, requests, used)];
}

function avoidedTaints(pod: Pod, node: Node): number {
  const tolerations = pod.spec?.tolerations ?? [];
  return (node.spec?.taints ?? []).filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint)),
  ).length;
}

function preference(pod: Pod, node: Node): number {
  const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.reduce((sum, term) => sum + (matchesTerm(term.preference, node) ? term.weight : 0), 0);
}

/** The mean free fraction of cpu and memory after placing the pod. */
function roomLeft(node: Node, requests: Amounts, used: Amounts): number {
  const allocatable = amountsOf(node.status?.allocatable);
  const fractions = ['cpu', 'memory'].map((resource) => {
    const has = Number(allocatable.get(resource) ?? 0n);
    const taken = Number((used.get(resource) ?? 0n) + (requests.get(resource) ?? 0n));
    return has === 0 ? 0 : Math.max(0, 1 - taken / has);
  });
  return fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
}
