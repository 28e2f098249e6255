// Who may push whom off a node, and which of several ways to make room does least harm.
import type { Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';

export function priorityOf(pod: Pod): number {
  return pod.spec?.priority ?? 0;
}

/** True when the pod may push others off: its policy does not forbid it (RUL190). */
export function mayPreempt(pod: Pod): boolean {
  return pod.spec?.preemptionPolicy !== 'Never';
}

/** True when `pod` may be pushed off for `by`: only a strictly lower priority is (RUL191). */
export function isVictimFor(pod: Pod, by: Pod): boolean {
  return priorityOf(pod) < priorityOf(by);
}

/** The order in which pods are kept: higher priority first, then who has run longer (RUL192). */
export function keepsBefore(a: Pod, b: Pod): number {
  const priority = priorityOf(b) - priorityOf(a);
  if (priority !== 0) return priority;
  return startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0;
}

function startOf(pod: Pod): string {
  return pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '';
}

/**
 * Returns what begins a count of pods against the budgets that select them, in the order in which they are asked about
 * (RUL194): each takes one of the disruptions allowed, and violates when none is left. Pods in disruptedPods were counted
 * by the server already, and a budget without a selector, or with an empty one, counts nobody here.
 */
export function budgetCounter(budgets: Iterable<PodDisruptionBudget>): () => (pod: Pod) => boolean {
  const known = [...budgets].flatMap(({ metadata, spec, status = {} }) => {
    const selector = selectorFromObject(spec?.selector);
    if (selector.nothing === true || selector.requirements.length === 0) return [];
    const { disruptionsAllowed = 0, disruptedPods = {} } = status;
    return [{ namespace: metadata.namespace, selector, disruptedPods, disruptionsAllowed }];
  });
  return () => {
    const open = known.map((budget) => ({ ...budget, left: budget.disruptionsAllowed }));
    return ({ metadata: { namespace, name = '', labels = {} } }) => {
      if (Object.keys(labels).length === 0) return false;
      let violates = false;
      for (const budget of open) {
        if (budget.namespace !== namespace || Object.hasOwn(budget.disruptedPods, name)) continue;
        if (!matchesLabels(budget.selector, labels)) continue;
        budget.left--;
        if (budget.left < 0) violates = true;
      }
      return violates;
    };
  };
}

export interface Eviction<P extends Pod = Pod> {
  readonly nodeName: string;
  readonly victims: readonly P[];
  /** How many of the victims a disruption budget wants to keep. */
  readonly violations: number;
}

/**
 * The eviction that does least harm (RUL193): the fewest violated budgets, the lowest highest-priority victim, then the lowest sum of priorities,
 * then the fewest victims, then the one whose most important victim started last, then the first node by name.
 */
export function leastHarm<P extends Pod>(evictions: readonly Eviction<P>[]): Eviction<P> | undefined {
  let best: Eviction<P> | undefined;
  for (const one of evictions) if (best === undefined || isLessHarm(one, best)) best = one;
  return best;
}

// Sums are taken above this, so that many low victims count more than few (upstream's way).
const SUM_OFFSET = 2 ** 31;

function isLessHarm(a: Eviction, b: Eviction): boolean {
  const differences = [
    a.violations - b.violations,
    highest(a) - highest(b),
    sumOf(a) - sumOf(b),
    a.victims.length - b.victims.length,
    compare(earliestOfHighest(b), earliestOfHighest(a)),
    compare(a.nodeName, b.nodeName),
  ];
  return (differences.find((difference) => difference !== 0) ?? 0) < 0;
}

function highest({ victims }: Eviction): number {
  return victims.reduce((most, pod) => Math.max(most, priorityOf(pod)), Number.NEGATIVE_INFINITY);
}

function sumOf({ victims }: Eviction): number {
  return victims.reduce((sum, pod) => sum + priorityOf(pod) + SUM_OFFSET, 0);
}

function earliestOfHighest(eviction: Eviction): string {
  const top = highest(eviction);
  const starts = eviction.victims.filter((pod) => priorityOf(pod) === top).map(startOf);
  return starts.sort()[0] ?? '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
