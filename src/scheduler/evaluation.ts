// What one node says to one kind of pod, places of volumes and other pods aside, and the memory of it. Pods made from one
// template ask the same of every node; a node is asked again only when it has changed, so a pass over thousands of nodes
// costs little more than comparing their generations.
// Rule SCH78 is carried out here too.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { matchesTerm } from '#rules/node-affinity.ts';
import { tolerates } from '#rules/taints.ts';
import type { Plan } from './assumptions.ts';
import { refusalsOfDrivers, type WantedVolumes } from './filter-drivers.ts';
import { refusalsOfNode } from './filter-node.ts';
import type { NodeState } from './node-info.ts';
import type { PodFacts } from './pod-facts.ts';
import type { Refusal } from './refusal.ts';
import { imagesOf, imageScore } from './score-images.ts';
import { roomOn } from './score-room.ts';

export interface Evaluation {
  readonly state: NodeState;
  /** None: the node takes the pod. */
  readonly refusals: readonly Refusal[];
  /** What is to be done there for the pod's delayed claims. */
  readonly plans: readonly Plan[];
  /** PreferNoSchedule taints that the pod does not tolerate. */
  readonly avoidedTaints: number;
  /** Sum of the weights of the preferred node affinity terms that match. */
  readonly preference: number;
  /** Scores that need no other node to compare with: least allocated, balanced, images. */
  readonly own: number;
}

const NO_PLANS: readonly Plan[] = [];

/** Asks the node. Of the volumes only drivers and numbers count: whoever has one of them already is asked apart. */
export function evaluateNode(facts: PodFacts, wanted: WantedVolumes, state: NodeState): Evaluation {
  const ofNode = refusalsOfNode(facts, state);
  const ofDrivers = refusalsOfDrivers(state, wanted);
  if (ofNode.length + ofDrivers.length > 0) {
    const refusals = [...ofNode, ...ofDrivers];
    return { state, refusals, plans: NO_PLANS, avoidedTaints: 0, preference: 0, own: 0 };
  }
  return {
    state,
    refusals: ofNode,
    plans: NO_PLANS,
    avoidedTaints: avoidedTaints(facts.pod, state.node),
    preference: preference(facts.pod, state.node),
    own: roomOn(facts, state) + imageScore(imagesOf(facts.pod), state.node),
  };
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

/** Kinds of pods remembered at once: each takes one small object a node. */
const MAX_KINDS = 16;

interface Remembered {
  readonly generations: number[];
  readonly evaluations: (Evaluation | undefined)[];
}

export class Evaluations {
  /** The most recently used last. */
  readonly #kinds = new Map<string, Remembered>();
  /** Nodes that had to be asked, for tests and pacing. */
  asked = 0;

  /** The function that evaluates nodes for this kind of pod. */
  of(facts: PodFacts, wanted: WantedVolumes): (state: NodeState) => Evaluation {
    const { generations, evaluations } = this.#kind(kindOf(facts, wanted));
    return (state) => {
      const { slot, generation } = state;
      const known = evaluations[slot];
      if (known !== undefined && generations[slot] === generation) return known;
      const evaluation = evaluateNode(facts, wanted, state);
      this.asked++;
      if (slot < 0) return evaluation; // imagined
      generations[slot] = generation;
      evaluations[slot] = evaluation;
      return evaluation;
    };
  }

  #kind(key: string): Remembered {
    const kind = this.#kinds.get(key) ?? { generations: [], evaluations: [] };
    this.#kinds.delete(key);
    this.#kinds.set(key, kind);
    if (this.#kinds.size > MAX_KINDS) {
      const [oldest] = this.#kinds.keys();
      if (oldest !== undefined) this.#kinds.delete(oldest);
    }
    return kind;
  }
}

/** Everything of a pod that evaluateNode looks at. */
function kindOf({ pod, requests, weight, ports }: PodFacts, wanted: WantedVolumes): string {
  const amounts = [...requests].map(([name, amount]) => `${name}=${amount}`);
  const volumes = [...wanted].map(([driver, ids]) => `${driver}=${ids.size}`);
  const { nodeSelector, tolerations, affinity } = pod.spec ?? {};
  const kind = [nodeSelector, tolerations, affinity?.nodeAffinity, amounts, volumes, weight, ports];
  return JSON.stringify([...kind, imagesOf(pod)]);
}
