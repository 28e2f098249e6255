// Node selectors: the terms in a volume's nodeAffinity and in a pod's, evaluated against a node's labels and name.
import type { Node, NodeSelector, NodeSelectorTerm, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import { matchesRequirement } from '#api/selector.ts';

/** True when any term matches. A selector without terms, and an empty term, match no node (RUL40). */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** True when the node satisfies every requirement of the term, on labels and on fields (RUL41). */
export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const named: Readonly<Record<string, string>> = { 'metadata.name': node.metadata.name ?? '' };
  return (
    expressions.every((requirement) => matchesRequirement(requirement, labels)) &&
    fields.every((requirement) => matchesRequirement(requirement, named))
  );
}

/** True when the volume can be used on the node: it has no required nodeAffinity, or the node meets it (RUL42). */
export function volumeReachesNode(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

/** True when the node meets the pod's nodeSelector and required node affinity (RUL43). */
export function podAcceptsNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}
