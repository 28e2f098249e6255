// Topology spread: how evenly pods stand over the values of a node label. One constraint, made ready to be asked about
// many pods and nodes; the counting itself is the caller's.
import type { Node, Pod, TopologySpreadConstraint } from '#api/generated/core-v1.ts';
import { type LabelSelector, matchesLabels, selectorFromObject } from '#api/selector.ts';
import { podAcceptsNode } from './node-affinity.ts';
import { untoleratedTaint } from './taints.ts';

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Refuses; otherwise it only prefers. */
  readonly isHard: boolean;
  readonly selector: LabelSelector;
  /** The pod counts itself where it is placed. */
  readonly selectsItself: boolean;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
}

/** The pod's constraints. Defaults: affinity honoured, taints ignored, one domain enough (RUL180). */
export function spreadConstraintsOf(pod: Pod): readonly SpreadConstraint[] {
  return (pod.spec?.topologySpreadConstraints ?? []).map((constraint) => compile(pod, constraint));
}

function compile(pod: Pod, constraint: TopologySpreadConstraint): SpreadConstraint {
  const labels = pod.metadata.labels ?? {};
  const selector = selectorFromObject(constraint.labelSelector);
  const keys = (constraint.matchLabelKeys ?? []).filter((key) => Object.hasOwn(labels, key));
  const added = keys.map((key) => ({ key, operator: 'In' as const, values: [labels[key] ?? ''] })); // RUL181
  const full = { ...selector, requirements: [...selector.requirements, ...added] };
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    isHard: constraint.whenUnsatisfiable === 'DoNotSchedule',
    selector: full,
    selectsItself: matchesLabels(full, labels),
    honorsAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honorsTaints: constraint.nodeTaintsPolicy === 'Honor',
  };
}

/** True when the node is a place that the constraint looks at for this pod (RUL182). */
export function isSpreadPlace(constraint: SpreadConstraint, pod: Pod, node: Node): boolean {
  if (constraint.honorsAffinity && !podAcceptsNode(pod, node)) return false;
  return !constraint.honorsTaints || untoleratedTaint(pod, node) === undefined;
}

/** The node's value for a label key; undefined when it has none. */
export function topologyValue(node: Node, key: string): string | undefined {
  const labels = node.metadata.labels ?? {};
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** True when the constraint counts the pod: same namespace, selected, and not on its way out (RUL183). */
export function countsForSpread(constraint: SpreadConstraint, namespace: string, pod: Pod): boolean {
  if (pod.metadata.namespace !== namespace || pod.metadata.deletionTimestamp !== undefined) return false;
  return matchesLabels(constraint.selector, pod.metadata.labels);
}

/** How far a domain would be above the emptiest; with fewer domains than asked for the emptiest is empty (RUL184). */
export function skewAt(
  { selectsItself, minDomains }: SpreadConstraint,
  counts: ReadonlyMap<string, number>,
  value: string,
): number {
  let least = counts.size < minDomains ? 0 : Number.POSITIVE_INFINITY;
  if (least > 0) for (const count of counts.values()) least = Math.min(least, count);
  if (!Number.isFinite(least)) least = 0;
  return (counts.get(value) ?? 0) + (selectsItself ? 1 : 0) - least;
}
