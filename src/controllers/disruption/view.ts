// What the disruption loop knows of one budget: the budget and the pods that its selector selects.
import type { Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';

/** The namespace of each budget: a pod's change asks for those of its own. */
export const BUDGETS_BY_NAMESPACE = 'disruption/budget-namespace';
export const budgetIndexes = {
  [BUDGETS_BY_NAMESPACE]: ({ metadata }: PodDisruptionBudget): readonly string[] => [
    metadata.namespace ?? '',
  ],
};
export const PODS_BY_NAMESPACE = 'disruption/namespace';
export const disruptionPodIndexes = {
  [PODS_BY_NAMESPACE]: ({ metadata }: Pod): readonly string[] => [metadata.namespace ?? ''],
};

interface Cache<T extends ApiObject> {
  get(key: string): Stored<T> | undefined;
  byIndex(index: string, value: string): readonly Stored<T>[];
}

interface DisruptionCaches {
  readonly budgets: Cache<PodDisruptionBudget>;
  readonly pods: Cache<Pod>;
}

export interface BudgetView {
  readonly budget: Stored<PodDisruptionBudget>;
  /** The pods that it selects. */
  readonly pods: readonly Stored<Pod>[];
}

/** Reads one budget and its pods; undefined when it is gone. */
export function observeBudget({ budgets, pods }: DisruptionCaches, key: string): BudgetView | undefined {
  const budget = budgets.get(key);
  if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return undefined;
  const selector = selectorFromObject(budget.spec?.selector); // DIS1
  const namespace = budget.metadata.namespace ?? '';
  const all = selector.nothing === true ? [] : pods.byIndex(PODS_BY_NAMESPACE, namespace);
  return { budget, pods: all.filter(({ metadata }) => matchesLabels(selector, metadata.labels)) };
}

/** True when the budget selects a pod with these labels. */
export function selects({ spec }: PodDisruptionBudget, labels: Pod['metadata']['labels']): boolean {
  return matchesLabels(selectorFromObject(spec?.selector), labels);
}
