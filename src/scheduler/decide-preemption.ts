// Whom to push off a node so that a pod of higher priority fits. Pure; rules SCH80 to SCH89 of SPEC.md. On each hopeful
// node all lower pods are imagined away; if the pod fits then, they are put back one by one, the most important first,
// as long as it still fits. Who could not be put back is a victim; of all nodes the one with least harm is chosen.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  budgetCounter,
  type Eviction,
  isVictimFor,
  keepsBefore,
  leastHarm,
  mayPreempt,
} from '#rules/preemption.ts';
import { fitNode, prepareQuestions, type Questions } from './decide.ts';
import type { Evaluations } from './evaluation.ts';
import { refusalsOfOnePodClaims } from './filter-one-pod.ts';
import { podFilter } from './filter-pods.ts';
import { spreadFilter } from './filter-spread.ts';
import type { NodeState, PlacedPod } from './node-info.ts';
import type { PodView } from './view.ts';

export type PreemptionStep =
  /** Nothing can be done, or nothing may. */
  | { readonly kind: 'none' }
  /** Victims of an earlier decision are still leaving the node. */
  | { readonly kind: 'wait'; readonly nodeName: string }
  | { readonly kind: 'evict'; readonly eviction: Eviction<Stored<Pod>> };

/**
 * So many evictions are weighed: upstream weighs a tenth of the nodes, at least a hundred, and goes on while each of them
 * violates a budget. Nodes that cannot be made to fit do not count: else the same first hundred would be tried for ever.
 */
const ENOUGH = 100;

/** Decides for a pod that every node refused. */
export function* preemptionSteps(
  view: PodView,
  hopeful: readonly NodeState[],
  evaluations: Evaluations,
): Generator<undefined, PreemptionStep, undefined> {
  const { pod } = view.facts;
  if (!mayPreempt(pod)) return { kind: 'none' }; // SCH82
  const leaving = nodeBeingEmptied(view);
  if (leaving !== undefined) return { kind: 'wait', nodeName: leaving }; // SCH85
  const promising = hopeful.filter(({ pods }) => lowerPods(pods.values(), pod).length > 0);
  if (promising.length === 0) return { kind: 'none' }; // SCH81
  const questions = yield* prepareQuestions(view, evaluations);
  const countViolations = budgetCounter(view.budgets());
  const evictions: Eviction<Stored<Pod>>[] = [];
  for (const state of promising) {
    const isEnough = evictions.length >= ENOUGH && evictions.some(({ violations }) => violations === 0);
    if (isEnough) break; // SCH88
    const victims = yield* victimsOn(view, questions, { state, violates: countViolations() });
    if (victims === undefined) continue;
    evictions.push({ nodeName: state.node.metadata.name, ...victims });
  }
  const eviction = leastHarm(evictions);
  return eviction === undefined ? { kind: 'none' } : { kind: 'evict', eviction };
}

/** Bound pods of lower priority; one that is only assumed has nothing to be pushed off from yet. */
function lowerPods(pods: Iterable<PlacedPod>, pod: Pod): readonly PlacedPod[] {
  return [...pods].filter((placed) => !placed.isAssumed && isVictimFor(placed.facts.pod, pod));
}

function nodeBeingEmptied({ facts, cluster }: PodView): string | undefined {
  const nodeName = facts.pod.status?.nominatedNodeName ?? '';
  const pods = cluster.node(nodeName)?.pods.values() ?? [];
  const isLeaving = lowerPods(pods, facts.pod).some(
    (placed) => placed.facts.pod.metadata.deletionTimestamp !== undefined,
  );
  return isLeaving ? nodeName : undefined;
}

/**
 * The pods that have to go; undefined when even without all lower ones the pod does not fit (SCH80). Those that a
 * disruption budget wants to keep are the first to be put back (SCH89).
 */
function* victimsOn(
  view: PodView,
  questions: Questions,
  { state, violates }: { readonly state: NodeState; readonly violates: (pod: Pod) => boolean },
): Generator<undefined, Omit<Eviction<Stored<Pod>>, 'nodeName'> | undefined, undefined> {
  const lower = [...lowerPods(state.pods.values(), view.facts.pod)];
  const without = new Set(lower.map(({ facts }) => facts.key));
  if (!(yield* fitsWithout(view, questions, state, without))) return undefined;
  lower.sort((a, b) => keepsBefore(a.facts.pod, b.facts.pod));
  const guarded = new Set(lower.filter(({ facts }) => violates(facts.pod)));
  const victims: Stored<Pod>[] = [];
  let violations = 0;
  for (const placed of [...guarded, ...lower.filter((one) => !guarded.has(one))]) {
    without.delete(placed.facts.key);
    if (yield* fitsWithout(view, questions, state, without)) continue; // SCH84
    without.add(placed.facts.key);
    victims.push(placed.facts.pod);
    if (guarded.has(placed)) violations++;
  }
  victims.sort(keepsBefore);
  return { victims, violations };
}

function* fitsWithout(
  view: PodView,
  questions: Questions,
  state: NodeState,
  without: ReadonlySet<string>,
): Generator<undefined, boolean, undefined> {
  yield;
  const imagined: PodView = { ...view, without };
  const depends = questions.pods !== undefined || questions.spread !== undefined;
  const { pods, spread } = depends ? yield* prepareAgain(imagined) : questions;
  const onePod = refusalsOfOnePodClaims(view.claims, without);
  const asked = { ...questions, pods, spread, onePod, isPlain: false };
  return fitNode(imagined, asked, state.imagine(without)).refusals.length === 0;
}

function* prepareAgain(view: PodView): Generator<undefined, Pick<Questions, 'pods' | 'spread'>, undefined> {
  const pods = yield* podFilter(view);
  return { pods, spread: yield* spreadFilter(view) };
}
