// Affinity and anti-affinity between pods: which other pods a term selects. The term belongs to one pod (its owner) and
// is asked about another; where both stand is the caller's business.
import type { Pod, PodAffinityTerm } from '#api/generated/core-v1.ts';
import { type LabelSelector, matchesLabels, selectorFromObject } from '#api/selector.ts';

/** A term ready to be asked about many pods. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: LabelSelector;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: LabelSelector | undefined;
  /** 1 for a required term; of a preferred one its weight, below zero for anti-affinity. */
  readonly weight: number;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  /** Preferred terms of both kinds, told apart by the sign of their weight. */
  readonly preferred: readonly AffinityTerm[];
}

const NONE: AffinityTerms = { required: [], requiredAnti: [], preferred: [] };

/** All terms of a pod. */
export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return NONE;
  const compile = (term: PodAffinityTerm): AffinityTerm => compileTerm(pod, term, 1);
  const likes = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const dislikes = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    required: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(compile),
    requiredAnti: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(compile),
    preferred: [
      ...likes.map(({ podAffinityTerm, weight }) => compileTerm(pod, podAffinityTerm, weight)),
      ...dislikes.map(({ podAffinityTerm, weight }) => compileTerm(pod, podAffinityTerm, -weight)),
    ],
  };
}

function compileTerm(owner: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const { namespaces = [], namespaceSelector } = term;
  const isOwnOnly = namespaces.length === 0 && namespaceSelector === undefined; // RUL171
  return {
    topologyKey: term.topologyKey,
    selector: selectorWithKeys(owner, term),
    namespaces: new Set(isOwnOnly ? [owner.metadata.namespace ?? ''] : namespaces),
    namespaceSelector: namespaceSelector === undefined ? undefined : selectorFromObject(namespaceSelector),
    weight,
  };
}

/** matchLabelKeys and mismatchLabelKeys add the owner's own values; keys that it lacks are left out (RUL172). */
function selectorWithKeys(
  owner: Pod,
  { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: PodAffinityTerm,
): LabelSelector {
  const selector = selectorFromObject(labelSelector);
  const labels = owner.metadata.labels ?? {};
  const added = [
    ...matchLabelKeys.map((key) => ({ key, operator: 'In' as const })),
    ...mismatchLabelKeys.map((key) => ({ key, operator: 'NotIn' as const })),
  ].flatMap(({ key, operator }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  return { ...selector, requirements: [...selector.requirements, ...added] };
}

export type LabelsOfNamespace = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** True when the term selects the pod: by namespace, named or by label, and by the pod's labels (RUL170). */
export function selectsPod(term: AffinityTerm, pod: Pod, labelsOf: LabelsOfNamespace): boolean {
  const namespace = pod.metadata.namespace ?? '';
  const { namespaces, namespaceSelector, selector } = term;
  const isInNamespace =
    namespaces.has(namespace) ||
    (namespaceSelector !== undefined && matchesLabels(namespaceSelector, labelsOf(namespace) ?? {}));
  return isInNamespace && matchesLabels(selector, pod.metadata.labels);
}
