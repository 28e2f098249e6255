// Affinity and anti-affinity between pods, required and preferred. Where matching pods stand is counted once for the
// pass; then each node is looked up. The counting yields now and then, since it may look at every pod there is.
import type { Node } from '#api/generated/core-v1.ts';
import { type AffinityTerm, selectsPod } from '#rules/pod-affinity.ts';
import { topologyValue } from '#rules/topology-spread.ts';
import type { PlacedPod } from './node-info.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import { TopologyCounts } from './topology-counts.ts';
import type { PodView } from './view.ts';

export type NodeQuestion = (node: Node) => readonly Refusal[];

/** A pod looked at costs little: the generator yields after this many. */
const PODS_PER_YIELD = 128;

/** The question to each node; undefined when no pod has anything to say (SCH90 to SCH94). */
export function* podFilter(view: PodView): Generator<undefined, NodeQuestion | undefined> {
  const { required, requiredAnti } = view.facts.terms;
  const forbidden = yield* countForbidden(view);
  if (required.length + requiredAnti.length === 0 && forbidden.isEmpty) return undefined;
  const wanted = required.map(() => new TopologyCounts());
  const avoided = requiredAnti.map(() => new TopologyCounts());
  if (required.length + requiredAnti.length > 0) {
    for (const [placed, node] of yield* stands(view, candidates(view, [...required, ...requiredAnti]))) {
      const selects = (term: AffinityTerm): boolean =>
        selectsPod(term, placed.facts.pod, view.labelsOfNamespace);
      if (required.length > 0 && required.every(selects)) {
        for (const [at, term] of required.entries()) wanted[at]?.add(term.topologyKey, node, 1);
      }
      for (const [at, term] of requiredAnti.entries()) {
        if (selects(term)) avoided[at]?.add(term.topologyKey, node, 1);
      }
    }
  }
  const isFirst = wanted.every((counts) => counts.isEmpty) && selectsItself(view);
  return (node) => {
    const refusal =
      lackOf({ terms: required, counts: wanted, isFirst }, node) ??
      clashOf(requiredAnti, avoided, node) ??
      existingClash(forbidden, node);
    return refusal === undefined ? NO_REFUSALS : [refusal];
  };
}

/** Places where pods stand that do not want this one near them. */
function* countForbidden(view: PodView): Generator<undefined, TopologyCounts> {
  const forbidden = new TopologyCounts();
  for (const [placed, node] of yield* stands(view, view.cluster.podsWithTerms)) {
    for (const term of placed.facts.terms.requiredAnti) {
      if (!selectsPod(term, view.facts.pod, view.labelsOfNamespace)) continue;
      forbidden.add(term.topologyKey, node, 1);
    }
  }
  return forbidden;
}

/** The pods that the terms could select: of the named namespaces, or all. */
function candidates({ cluster }: PodView, terms: readonly AffinityTerm[]): Iterable<PlacedPod> {
  if (terms.some(({ namespaceSelector }) => namespaceSelector !== undefined)) return cluster.pods;
  const names = new Set(terms.flatMap(({ namespaces }) => [...namespaces]));
  return [...names].flatMap((name) => [...cluster.podsIn(name)]);
}

function* stands(
  { cluster, without, facts }: PodView,
  pods: Iterable<PlacedPod>,
): Generator<undefined, readonly (readonly [PlacedPod, Node])[]> {
  const found: (readonly [PlacedPod, Node])[] = [];
  let seen = 0;
  for (const placed of pods) {
    if (++seen % PODS_PER_YIELD === 0) yield;
    const node = cluster.node(placed.nodeName)?.node;
    if (node === undefined || without.has(placed.facts.key) || placed.facts.key === facts.key) continue;
    found.push([placed, node]);
  }
  return found;
}

/** The first of a group of pods that want each other may stand anywhere (SCH91). */
function selectsItself({ facts, labelsOfNamespace }: PodView): boolean {
  return facts.terms.required.every((term) => selectsPod(term, facts.pod, labelsOfNamespace));
}

function lackOf(
  of: {
    readonly terms: readonly AffinityTerm[];
    readonly counts: readonly TopologyCounts[];
    readonly isFirst: boolean;
  },
  node: Node,
): Refusal | undefined {
  const lacking = of.terms.find((term, at) => {
    if (topologyValue(node, term.topologyKey) === undefined) return true;
    return !of.isFirst && (of.counts[at]?.at(term.topologyKey, node) ?? 0) === 0;
  });
  if (lacking === undefined) return undefined;
  const detail = `no pod that the pod's spec.affinity.podAffinity selects has its ${lacking.topologyKey}`;
  return { cause: 'affinity', reason: "node(s) didn't match pod affinity rules", detail }; // SCH90
}

function clashOf(
  terms: readonly AffinityTerm[],
  counts: readonly TopologyCounts[],
  node: Node,
): Refusal | undefined {
  const clash = terms.find((term, at) => (counts[at]?.at(term.topologyKey, node) ?? 0) > 0);
  if (clash === undefined) return undefined;
  const detail = `a pod that the pod's spec.affinity.podAntiAffinity selects has its ${clash.topologyKey}`;
  return { cause: 'anti-affinity', reason: "node(s) didn't match pod anti-affinity rules", detail }; // SCH92
}

function existingClash(forbidden: TopologyCounts, node: Node): Refusal | undefined {
  const key = forbidden.keyAt(node);
  if (key === undefined) return undefined;
  const detail = `a pod with its ${key} has a spec.affinity.podAntiAffinity that selects this one`;
  const reason = "node(s) didn't satisfy existing pods anti-affinity rules";
  return { cause: 'anti-affinity', reason, detail }; // SCH93
}

/** What a required affinity of a placed pod counts as for pods that it would like near it (upstream's weight). */
const HARD_WEIGHT = 1;

/** The sum of all preferences, the pod's and those of placed pods for it, by node; undefined: none (SCH94). */
export function* podPreference(view: PodView): Generator<undefined, ((node: Node) => number) | undefined> {
  const counts = new TopologyCounts();
  const { facts, cluster, labelsOfNamespace } = view;
  for (const [placed, node] of yield* stands(view, cluster.podsWithTerms)) {
    for (const term of placed.facts.terms.preferred) {
      if (selectsPod(term, facts.pod, labelsOfNamespace)) counts.add(term.topologyKey, node, term.weight);
    }
    for (const term of placed.facts.terms.required) {
      if (selectsPod(term, facts.pod, labelsOfNamespace)) counts.add(term.topologyKey, node, HARD_WEIGHT);
    }
  }
  const own = facts.terms.preferred;
  if (own.length > 0) {
    for (const [placed, node] of yield* stands(view, candidates(view, own))) {
      for (const term of own) {
        if (!selectsPod(term, placed.facts.pod, labelsOfNamespace)) continue;
        counts.add(term.topologyKey, node, term.weight);
      }
    }
  }
  return counts.isEmpty ? undefined : (node) => counts.sumAt(node);
}
