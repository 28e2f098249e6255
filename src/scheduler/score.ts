// Which of the fitting nodes is best: every score is brought to 0 to 100 over the fitting nodes, weighted as upstream
// weighs them, and summed; of equal sums the first node by name wins, so that equal views give equal decisions.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import type { Plan } from './assumptions.ts';
import type { Evaluation } from './evaluation.ts';
import type { NodeState } from './node-info.ts';

export interface Candidate {
  readonly state: NodeState;
  readonly evaluation: Evaluation;
  readonly plans: readonly Plan[];
}

/** Scores that look at more than one node, in the order of the candidates; absent: nothing to say. */
export interface WiderScores {
  readonly spread?: readonly number[] | undefined;
  readonly nearPods?: ((node: Node) => number) | undefined;
  readonly capacity?: ((candidate: Candidate) => number) | undefined;
}

const WEIGHT = { taints: 3, affinity: 2, spread: 2, nearPods: 2 };

/** The best candidate, or undefined without any (SCH45). Candidates come in the order of their names. */
export function bestCandidate(
  pod: Pod,
  candidates: readonly Candidate[],
  wider: WiderScores = {},
): Candidate | undefined {
  const most = highest(candidates);
  const near = nearScores(candidates, wider.nearPods);
  const images = imagesOf(pod);
  let best: Candidate | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [at, candidate] of candidates.entries()) {
    const { avoidedTaints, preference, room } = candidate.evaluation;
    const score =
      WEIGHT.taints * (100 - share(avoidedTaints, most.avoidedTaints)) +
      WEIGHT.affinity * share(preference, most.preference) +
      WEIGHT.spread * (wider.spread?.[at] ?? 0) +
      WEIGHT.nearPods * (near?.[at] ?? 0) +
      (wider.capacity?.(candidate) ?? 0) +
      imageScore(images, candidate.state.node) +
      room;
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

function highest(candidates: readonly Candidate[]): { avoidedTaints: number; preference: number } {
  const most = { avoidedTaints: 0, preference: 0 };
  for (const { evaluation } of candidates) {
    most.avoidedTaints = Math.max(most.avoidedTaints, evaluation.avoidedTaints);
    most.preference = Math.max(most.preference, evaluation.preference);
  }
  return most;
}

function share(value: number, most: number): number {
  return most === 0 ? 0 : Math.floor((value * 100) / most);
}

function nearScores(
  candidates: readonly Candidate[],
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

const MIB = 1024 * 1024;
// Upstream's thresholds: below the first an image is quickly pulled, above the second size no longer matters.
const SMALL_IMAGE = 23 * MIB;
const LARGE_IMAGE = 1000 * MIB;

function imagesOf({ spec }: Pod): readonly string[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ image = '' }) =>
    image === '' ? [] : [withTag(image)],
  );
}

function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

/** 0 to 100 by the bytes that need not be pulled there (SCH47). */
function imageScore(images: readonly string[], { status }: Node): number {
  const present = status?.images ?? [];
  if (images.length === 0 || present.length === 0) return 0;
  let bytes = 0;
  for (const image of images) {
    bytes += present.find(({ names }) => names?.includes(image))?.sizeBytes ?? 0;
  }
  const most = LARGE_IMAGE * images.length;
  return Math.floor(
    (100 * (Math.min(most, Math.max(SMALL_IMAGE, bytes)) - SMALL_IMAGE)) / (most - SMALL_IMAGE),
  );
}
