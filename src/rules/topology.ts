// Topology of CSI volumes: segments to a volume's nodeAffinity, and a class's allowedTopologies against a node.
import type { Node, TopologySelectorTerm, VolumeNodeAffinity } from '#api/generated/core-v1.ts';

/** One place in the driver's words: topology key to value. */
export type TopologySegments = Readonly<Record<string, string>>;

/** The nodeAffinity of a volume that is reachable from any of the segments; none means: from everywhere (RUL50). */
export function nodeAffinityFor(topologies: readonly TopologySegments[]): VolumeNodeAffinity | undefined {
  if (topologies.length === 0) return undefined;
  const terms = topologies.map((segments) => ({
    matchExpressions: Object.keys(segments)
      .sort()
      .map((key) => ({ key, operator: 'In' as const, values: [segments[key] ?? ''] })),
  }));
  return { required: { nodeSelectorTerms: terms } };
}

/** True when the class allows volumes on the node: it has no terms, or the node's labels meet one of them (RUL51). */
export function allowsNode(terms: readonly TopologySelectorTerm[] | undefined, node: Node): boolean {
  if (terms === undefined || terms.length === 0) return true;
  const labels = node.metadata.labels ?? {};
  return terms.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(
      ({ key, values }) => Object.hasOwn(labels, key) && values.includes(labels[key] ?? ''),
    ),
  );
}

/** The node's segments for the driver's topology keys; undefined when the node lacks one of them (RUL52). */
export function segmentsOfNode(node: Node, topologyKeys: readonly string[]): TopologySegments | undefined {
  const labels = node.metadata.labels ?? {};
  const segments: Record<string, string> = {};
  for (const key of topologyKeys) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value === undefined) return undefined;
    segments[key] = value;
  }
  return segments;
}
