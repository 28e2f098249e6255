// Which of the fitting nodes is best: every score is brought to 0 to 100 over the fitting nodes, weighted as upstream
// weighs them, and summed; of equal sums the first node by name wins, so that equal views give equal decisions.
import type { Node } from '#api/generated/core-v1.ts';
import type { Evaluation } from './evaluation.ts';

/** Scores that look at more than one node, in the order of the candidates; absent: nothing to say. */
export interface WiderScores {
  readonly spread?: readonly number[] | undefined;
  readonly nearPods?: ((node: Node) => number) | undefined;
  readonly capacity?: ((candidate: Evaluation) => number) | undefined;
}

const WEIGHT = { taints: 3, affinity: 2, spread: 2, nearPods: 2 };

/** The best candidate, or undefined without any (SCH45). Candidates come in the order of their names. */
export function bestCandidate(
  candidates: readonly Evaluation[],
  wider: WiderScores = {},
): Evaluation | undefined {
  const most = highest(candidates);
  const near = nearScores(candidates, wider.nearPods);
  let best: Evaluation | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  let at = -1;
  for (const candidate of candidates) {
    at++;
    const { avoidedTaints, preference, own } = candidate;
    const score =
      WEIGHT.taints * (100 - share(avoidedTaints, most.avoidedTaints)) +
      WEIGHT.affinity * share(preference, most.preference) +
      WEIGHT.spread * (wider.spread?.[at] ?? 0) +
      WEIGHT.nearPods * (near?.[at] ?? 0) +
      (wider.capacity?.(candidate) ?? 0) +
      own;
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

function highest(candidates: readonly Evaluation[]): { avoidedTaints: number; preference: number } {
  const most = { avoidedTaints: 0, preference: 0 };
  for (const { avoidedTaints, preference } of candidates) {
    most.avoidedTaints = Math.max(most.avoidedTaints, avoidedTaints);
    most.preference = Math.max(most.preference, preference);
  }
  return most;
}

function share(value: number, most: number): number {
  return most === 0 ? 0 : Math.floor((value * 100) / most);
}

function nearScores(
  candidates: readonly Evaluation[],
  nearPods: ((node: Node) => number) | undefined,
): readonly number[] | undefined {
  if (nearPods === undefined) return undefined;
  const raw = candidates.map(({ state }) => nearPods(state.node));
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const one of raw) {
    least = Math.min(least, one);
    most = Math.max(most, one);
  }
  return raw.map((one) => (most > least ? Math.floor((100 * (one - least)) / (most - least)) : 0));
}
