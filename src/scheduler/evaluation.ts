// What one node says to one kind of pod, volumes and other pods aside, and the memory of it. Pods made from one template
// ask the same of every node; a node is asked again only when it has changed, so a pass over thousands of nodes costs
// little more than comparing their generations.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { matchesTerm } from '#rules/node-affinity.ts';
import { tolerates } from '#rules/taints.ts';
import { refusalsOfNode } from './filter-node.ts';
import type { NodeState } from './node-info.ts';
import type { PodFacts } from './pod-facts.ts';
import type { Refusal } from './refusal.ts';
import { roomOn } from './score-room.ts';

export interface Evaluation {
  /** None: the node takes the pod. */
  readonly refusals: readonly Refusal[];
  /** PreferNoSchedule taints that the pod does not tolerate. */
  readonly avoidedTaints: number;
  /** Sum of the weights of the preferred node affinity terms that match. */
  readonly preference: number;
  /** 0 to 200: least allocated and balanced together. */
  readonly room: number;
}

/** Asks the node. */
export function evaluateNode(facts: PodFacts, state: NodeState): Evaluation {
  const refusals = refusalsOfNode(facts, state);
  if (refusals.length > 0) return { refusals, avoidedTaints: 0, preference: 0, room: 0 };
  return {
    refusals,
    avoidedTaints: avoidedTaints(facts.pod, state.node),
    preference: preference(facts.pod, state.node),
    room: roomOn(facts, state),
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
  readonly evaluations: Evaluation[];
}

export class Evaluations {
  /** The most recently used last. */
  readonly #kinds = new Map<string, Remembered>();
  /** Nodes that had to be asked, for tests and pacing. */
  asked = 0;

  /** The function that evaluates nodes for this kind of pod. */
  of(facts: PodFacts): (state: NodeState) => Evaluation {
    const { generations, evaluations } = this.#kind(kindOf(facts));
    return (state) => {
      const { slot, generation } = state;
      const known = evaluations[slot];
      if (known !== undefined && generations[slot] === generation) return known;
      const evaluation = evaluateNode(facts, state);
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
function kindOf({ pod: { spec }, requests, weight, ports }: PodFacts): string {
  const amounts = [...requests].map(([name, amount]) => `${name}=${amount}`);
  const { nodeSelector, tolerations, affinity } = spec ?? {};
  return JSON.stringify([nodeSelector, tolerations, affinity?.nodeAffinity, amounts, weight, ports]);
}
