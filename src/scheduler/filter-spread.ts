// Topology spread constraints: pods are counted once for the pass, by the place where they stand; hard constraints refuse
// nodes, soft ones score them.
import type { Node } from '#api/generated/core-v1.ts';
import {
  countsForSpread,
  isSpreadPlace,
  skewAt,
  type SpreadConstraint,
  spreadConstraintsOf,
  topologyValue,
} from '#rules/topology-spread.ts';
import type { NodeQuestion } from './filter-pods.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import type { PodView } from './view.ts';

const LOOKS_PER_YIELD = 128;

interface Counted {
  readonly constraint: SpreadConstraint;
  /** Every place that the constraint looks at, empty ones too. */
  readonly counts: ReadonlyMap<string, number>;
}

/** The question to each node; undefined without hard constraints (SCH95, SCH96). */
export function* spreadFilter(view: PodView): Generator<undefined, NodeQuestion | undefined> {
  const hard = spreadConstraintsOf(view.facts.pod).filter(({ isHard }) => isHard);
  if (hard.length === 0) return undefined;
  const counted = yield* count(view, hard);
  return (node) => {
    const refusals = counted.flatMap((one) => refusalOf(one, node) ?? []);
    return refusals.length === 0 ? NO_REFUSALS : refusals.slice(0, 1);
  };
}

const REASON = "node(s) didn't match pod topology spread constraints";

function refusalOf({ constraint, counts }: Counted, node: Node): Refusal | undefined {
  const { topologyKey, maxSkew } = constraint;
  const value = topologyValue(node, topologyKey);
  if (value === undefined) {
    const detail = `it has no label ${topologyKey} (spec.topologySpreadConstraints)`;
    return { cause: 'spread-label', reason: `${REASON} (missing required label)`, detail }; // SCH96
  }
  const skew = skewAt(constraint, counts, value);
  if (skew <= maxSkew) return undefined;
  const detail = `${topologyKey} "${value}" would be ${skew} above the emptiest, maxSkew is ${maxSkew}`;
  return { cause: 'spread', reason: REASON, detail }; // SCH95
}

/** Scores from 0 to 100 for the fitting nodes; undefined without soft constraints (SCH97). */
export function* spreadScores(
  view: PodView,
  fitting: readonly Node[],
): Generator<undefined, readonly number[] | undefined> {
  const soft = spreadConstraintsOf(view.facts.pod).filter(({ isHard }) => !isHard);
  if (soft.length === 0) return undefined;
  const counted = yield* count(view, soft);
  const weighted = counted.map((one) => ({ ...one, weight: Math.log(domainsOf(one, fitting) + 2) }));
  const raw = fitting.map((node) => {
    let sum = 0;
    for (const { constraint, counts, weight } of weighted) {
      const value = topologyValue(node, constraint.topologyKey);
      if (value === undefined) return undefined; // stands nowhere: last
      sum += (counts.get(value) ?? 0) * weight + (constraint.maxSkew - 1);
    }
    return Math.round(sum);
  });
  return normalize(raw);
}

function domainsOf({ constraint }: Counted, fitting: readonly Node[]): number {
  return new Set(fitting.map((node) => topologyValue(node, constraint.topologyKey))).size;
}

/** Few is good: the fewest gets most. */
function normalize(raw: readonly (number | undefined)[]): readonly number[] {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const one of raw) {
    if (one === undefined) continue;
    least = Math.min(least, one);
    most = Math.max(most, one);
  }
  return raw.map((one) => {
    if (one === undefined) return 0;
    return most === 0 ? 100 : Math.floor((100 * (most + least - one)) / most);
  });
}

function* count(
  { facts, cluster, without }: PodView,
  constraints: readonly SpreadConstraint[],
): Generator<undefined, readonly Counted[]> {
  const all = constraints.map((constraint) => ({ constraint, counts: new Map<string, number>() }));
  let looks = 0;
  const places = new Map<string, readonly (Map<string, number> | undefined)[]>();
  for (const { node } of cluster.nodes) {
    if (++looks % LOOKS_PER_YIELD === 0) yield;
    // A node without one of the labels stands nowhere for any of them.
    if (constraints.some(({ topologyKey }) => topologyValue(node, topologyKey) === undefined)) continue;
    const counted = all.map(({ constraint, counts }) => {
      if (!isSpreadPlace(constraint, facts.pod, node)) return undefined;
      const value = topologyValue(node, constraint.topologyKey) ?? '';
      counts.set(value, counts.get(value) ?? 0);
      return counts;
    });
    places.set(node.metadata.name, counted);
  }
  const namespace = facts.pod.metadata.namespace ?? '';
  for (const { facts: other, nodeName } of cluster.podsIn(namespace)) {
    if (++looks % LOOKS_PER_YIELD === 0) yield;
    const node = cluster.node(nodeName)?.node;
    if (node === undefined || without.has(other.key) || other.key === facts.key) continue;
    for (const [at, constraint] of constraints.entries()) {
      const counts = places.get(nodeName)?.[at];
      if (counts === undefined || !countsForSpread(constraint, namespace, other.pod)) continue;
      const value = topologyValue(node, constraint.topologyKey) ?? '';
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return all;
}
