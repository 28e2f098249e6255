// Where a pod goes. Pure; rules SCH10 to SCH50 of SPEC.md. Every node is asked everything, so that the message names
// all that is in the way and not only the first. The decision is a generator: it yields every now and then, so that a
// scan of thousands of nodes need not hold the event loop; who runs it decides how many steps go into one turn.
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import type { Plan } from './assumptions.ts';
import { type Evaluation, type Evaluations, evaluateNode } from './evaluation.ts';
import { refusalOfClaims } from './filter-claims.ts';
import { nodesWithAny, refusalsOfDrivers, type WantedVolumes, wantedVolumes } from './filter-drivers.ts';
import { refusalsOfOnePodClaims } from './filter-one-pod.ts';
import { type NodeQuestion, podFilter, podPreference } from './filter-pods.ts';
import { spreadFilter, spreadScores } from './filter-spread.ts';
import { type VolumeFit, volumeFilter } from './filter-volumes.ts';
import type { NodeState } from './node-info.ts';
import {
  endsWithPreemption,
  NO_REFUSALS,
  type Refusal,
  refusalForAll,
  RefusalCount,
  type Why,
} from './refusal.ts';
import { bestCandidate } from './score.ts';
import { capacityScores } from './score-capacity.ts';
import type { PodView } from './view.ts';

export type Placement =
  | { readonly kind: 'place'; readonly nodeName: string; readonly plans: readonly Plan[] }
  /** `hopeful`: nodes on which only things refuse that end when other pods leave. */
  | { readonly kind: 'refuse'; readonly why: Why; readonly hopeful: readonly NodeState[] };

export interface DecideOptions {
  readonly evaluations: Evaluations;
  readonly gates?: FeatureGates;
}

/** A yield after so many nodes that had to be asked, or of which everything was known. */
const ASKED_PER_YIELD = 16;
const KNOWN_PER_YIELD = 256;

/** Decides the node of a pod and what is to be done there for its delayed claims. */
export function* placementSteps(
  view: PodView,
  options: DecideOptions,
): Generator<undefined, Placement, undefined> {
  const { nodes } = view.cluster;
  const refusal = refusalOfClaims(view.facts.pod, view.claims);
  if (refusal !== undefined) {
    return { kind: 'refuse', why: refusalForAll(nodes.length, refusal), hopeful: [] };
  }
  const questions = yield* prepareQuestions(view, options.evaluations);
  const nominated = fitOnNominated(view, questions);
  if (nominated !== undefined) return nominated;
  const candidates: Evaluation[] = [];
  const hopeful: NodeState[] = [];
  const count = new RefusalCount();
  const pace = pacer(options.evaluations);
  for (const state of nodes) {
    if (pace.isDue()) yield;
    const fit = fitNode(view, questions, state);
    if (fit.refusals.length === 0) {
      candidates.push(fit);
    } else {
      count.add(state.node.metadata.name, fit.refusals);
      if (fit.refusals.every(endsWithPreemption)) hopeful.push(state);
    }
  }
  const best = yield* choose(view, candidates, options.gates ?? DEFAULT_GATES);
  if (best === undefined) return { kind: 'refuse', why: count.sum(nodes.length), hopeful };
  const { state, plans } = best;
  return { kind: 'place', nodeName: state.node.metadata.name, plans };
}

/** The node that a preemption made room on is taken if it fits, whatever others would score (SCH86). */
function fitOnNominated(view: PodView, questions: Questions): Placement | undefined {
  const name = view.facts.pod.status?.nominatedNodeName ?? '';
  const state = name === '' ? undefined : view.cluster.node(name);
  if (state === undefined) return undefined;
  const fit = fitNode(view, questions, state);
  return fit.refusals.length === 0 ? { kind: 'place', nodeName: name, plans: fit.plans } : undefined;
}

function* choose(
  view: PodView,
  candidates: readonly Evaluation[],
  gates: FeatureGates,
): Generator<undefined, Evaluation | undefined, undefined> {
  if (candidates.length < 2) return candidates[0];
  if (view.declined.size > 0) {
    const open = candidates.filter(({ state }) => !view.declined.has(state.node.metadata.name));
    if (open.length === 0) return longestAgo(view.declined, candidates);
    if (open.length < candidates.length) return yield* choose({ ...view, declined: NOWHERE }, open, gates);
  }
  const spread = yield* spreadScores(
    view,
    candidates.map(({ state }) => state.node),
  );
  const nearPods = yield* podPreference(view);
  const capacity = gates.StorageCapacityScoring ? capacityScores(view.claims) : undefined;
  return bestCandidate(candidates, { spread, nearPods, capacity });
}

const NOWHERE: ReadonlySet<string> = new Set();

/** Of nodes that have all declined the one that did so first: its room may have changed (SCH49). */
function longestAgo(
  declined: ReadonlySet<string>,
  candidates: readonly Evaluation[],
): Evaluation | undefined {
  for (const name of declined) {
    const found = candidates.find(({ state }) => state.node.metadata.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function pacer(evaluations: Evaluations): { isDue(): boolean } {
  let [asked, known] = [evaluations.asked, 0];
  return {
    isDue: () => {
      known++;
      if (evaluations.asked - asked < ASKED_PER_YIELD && known < KNOWN_PER_YIELD) return false;
      [asked, known] = [evaluations.asked, 0];
      return true;
    },
  };
}

/** What is asked of each node, with everything that is the same for all of them worked out. */
export interface Questions {
  readonly evaluate: (state: NodeState) => Evaluation;
  /** The volumes wanted on every node, and who has one of them already. */
  readonly wanted: WantedVolumes;
  readonly present: ReadonlySet<string>;
  /** Undefined: no volume refuses any node, and nothing is to be planned. */
  readonly volumes: ((node: NodeState['node']) => VolumeFit) | undefined;
  readonly onePod: readonly Refusal[];
  readonly pods: NodeQuestion | undefined;
  readonly spread: NodeQuestion | undefined;
  /** Nothing is asked but what evaluations remember: the common case, and the fast one. */
  readonly isPlain: boolean;
}

export function* prepareQuestions(
  view: PodView,
  evaluations: Evaluations,
): Generator<undefined, Questions, undefined> {
  const wanted = wantedVolumes(view.claims, []);
  const volumes = volumeFilter(view.claims);
  const onePod = refusalsOfOnePodClaims(view.claims, view.without);
  const pods = yield* podFilter(view);
  const spread = yield* spreadFilter(view);
  return {
    evaluate: evaluations.of(view.facts, wanted),
    wanted,
    present: nodesWithAny(view.cluster, wanted),
    volumes,
    onePod,
    pods,
    spread,
    isPlain: [volumes, pods, spread, onePod[0]].every((one) => one === undefined),
  };
}

/** Asks one node everything. */
export function fitNode(view: PodView, questions: Questions, state: NodeState): Evaluation {
  const evaluation = evaluate(view, questions, state);
  if (questions.isPlain) return evaluation;
  const { node } = state;
  const { refusals: ofVolumes, plans } = questions.volumes?.(node) ?? NO_VOLUMES;
  const more = [
    questions.onePod,
    ofVolumes,
    plans.length === 0 ? NO_REFUSALS : refusalsOfDrivers(state, wantedVolumes(view.claims, plans)),
    questions.pods?.(node) ?? NO_REFUSALS,
    questions.spread?.(node) ?? NO_REFUSALS,
  ];
  return { ...evaluation, plans, refusals: [...evaluation.refusals, ...more.flat()] };
}

const NO_VOLUMES: VolumeFit = { refusals: NO_REFUSALS, plans: [] };

function evaluate(view: PodView, questions: Questions, state: NodeState): Evaluation {
  if (view.nominated.size === 0 && questions.present.size === 0) return questions.evaluate(state);
  const { name } = state.node.metadata;
  const nominated = view.nominated.get(name);
  const imagined = nominated === undefined ? state : state.imagine(view.without, nominated); // SCH87
  if (!questions.present.has(name)) return questions.evaluate(imagined);
  return evaluateNode(view.facts, questions.wanted, imagined); // SCH42
}

/** Decides whether the pod can be placed on this one node, in one go. */
export function decideOn(view: PodView, state: NodeState, evaluations: Evaluations): Placement {
  const forAll = refusalOfClaims(view.facts.pod, view.claims);
  if (forAll !== undefined) return { kind: 'refuse', why: refusalForAll(1, forAll), hopeful: [] };
  const questions = runToEnd(prepareQuestions(view, evaluations));
  const { refusals, plans } = fitNode(view, questions, state);
  return placementOn(state, refusals, plans);
}

/** Decides about the claims of a pod that is on the node already: nothing else is asked (SCH75). */
export function decideVolumesOn(view: PodView, state: NodeState): Placement {
  const forAll = refusalOfClaims(view.facts.pod, view.claims);
  if (forAll !== undefined) return { kind: 'refuse', why: refusalForAll(1, forAll), hopeful: [] };
  const { refusals, plans } = volumeFilter(view.claims)?.(state.node) ?? NO_VOLUMES;
  return placementOn(state, refusals, plans);
}

function placementOn(state: NodeState, refusals: readonly Refusal[], plans: readonly Plan[]): Placement {
  const nodeName = state.node.metadata.name;
  if (refusals.length === 0) return { kind: 'place', nodeName, plans };
  const count = new RefusalCount();
  count.add(nodeName, refusals);
  return { kind: 'refuse', why: count.sum(1), hopeful: [] };
}

/** Runs the steps of a decision without a pause. */
export function runToEnd<T>(steps: Generator<undefined, T, undefined>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
