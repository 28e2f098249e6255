// What the status of one budget should be. Pure; rules DIS1 to DIS9 of SPEC.md.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Condition } from '#api/generated/meta-v1.ts';
import type { PodDisruptionBudgetSpec, PodDisruptionBudgetStatus } from '#api/generated/policy-v1.ts';
import type { Stored } from '#api/object.ts';
import { formatTime } from '#base/clock.ts';
import type { BudgetView } from './view.ts';

/** So long an eviction may take until its pod is being deleted (upstream's DeletionTimeout). */
const DELETION_MS = 2 * 60_000;

export interface BudgetStep {
  readonly kind: 'write' | 'rest';
  readonly status: PodDisruptionBudgetStatus;
  /** Pods whose eviction was announced and did not come. */
  readonly notDeleted: readonly Stored<Pod>[];
  /** When a pod leaves disruptedPods by time alone; undefined: never. */
  readonly again: number | undefined;
}

/** Decides the status of a budget; `now` is epoch milliseconds. */
export function decideBudget({ budget, pods }: BudgetView, now: number): BudgetStep {
  const before = budget.status ?? {};
  const { disruptedPods, notDeleted, again } = decideDisrupted(before.disruptedPods ?? {}, pods, now);
  const expectedPods = pods.length; // DIS1
  const desiredHealthy = desired(budget.spec ?? {}, expectedPods);
  const currentHealthy = pods.filter((pod) => isHealthy(pod, disruptedPods)).length;
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy); // DIS5
  const observedGeneration = budget.metadata.generation ?? 0; // DIS8
  const condition = conditionOf({ before, disruptionsAllowed, observedGeneration, now });
  const others = (before.conditions ?? []).filter(({ type }) => type !== condition.type);
  const status: PodDisruptionBudgetStatus = {
    observedGeneration,
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: [...others, condition],
  };
  return { kind: isSame(before, status) ? 'rest' : 'write', status, notDeleted, again };
}

function desired({ minAvailable, maxUnavailable }: PodDisruptionBudgetSpec, expected: number): number {
  if (minAvailable !== undefined) return amountOf(minAvailable, expected); // DIS3
  if (maxUnavailable === undefined) return 0;
  return Math.max(0, expected - amountOf(maxUnavailable, expected)); // DIS4
}

/** `3`, or of `25%` the share of `whole`, rounded up. */
function amountOf(amount: number | string, whole: number): number {
  if (typeof amount === 'number') return amount;
  return Math.ceil((Number.parseInt(amount, 10) * whole) / 100);
}

function isHealthy(
  { metadata, status }: Stored<Pod>,
  disruptedPods: Readonly<Record<string, string>>,
): boolean {
  if (metadata.deletionTimestamp !== undefined || Object.hasOwn(disruptedPods, metadata.name)) return false;
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false; // DIS2
}

/** DIS7: who is still to be deleted, who should have been, and when the next of them is late. */
function decideDisrupted(
  before: Readonly<Record<string, string>>,
  pods: readonly Stored<Pod>[],
  now: number,
): {
  readonly disruptedPods: Readonly<Record<string, string>>;
  readonly notDeleted: readonly Stored<Pod>[];
  readonly again: number | undefined;
} {
  const disruptedPods: Record<string, string> = {};
  const notDeleted: Stored<Pod>[] = [];
  let again: number | undefined;
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const since = Object.hasOwn(before, name) ? before[name] : undefined;
    if (since === undefined || deletionTimestamp !== undefined) continue;
    const until = Date.parse(since) + DELETION_MS;
    if (until <= now) {
      notDeleted.push(pod);
      continue;
    }
    disruptedPods[name] = since;
    again = Math.min(until, again ?? until);
  }
  return { disruptedPods, notDeleted, again };
}

interface ConditionFacts {
  readonly before: PodDisruptionBudgetStatus;
  readonly disruptionsAllowed: number;
  readonly observedGeneration: number;
  readonly now: number;
}

function conditionOf({ before, disruptionsAllowed, observedGeneration, now }: ConditionFacts): Condition {
  const type = 'DisruptionAllowed';
  const status = disruptionsAllowed > 0 ? 'True' : 'False';
  const reason = disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const old = before.conditions?.find((one) => one.type === type);
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime : formatTime(now); // DIS6
  return { type, status, reason, message: '', lastTransitionTime, observedGeneration };
}

function isSame(before: PodDisruptionBudgetStatus, after: PodDisruptionBudgetStatus): boolean {
  return textOf(before) === textOf(after); // DIS9
}

function textOf(status: PodDisruptionBudgetStatus): string {
  const { conditions = [], disruptedPods = {} } = status;
  return JSON.stringify([
    status.observedGeneration,
    status.disruptionsAllowed,
    status.currentHealthy,
    status.desiredHealthy,
    status.expectedPods,
    Object.entries(disruptedPods).sort(),
    conditions.map((one) => [one.type, one.status, one.reason, one.observedGeneration]),
  ]);
}
