// Where a volume may be made (PRV33). With a selected node: exactly that node's segment, so the volume cannot land
// where the pod will not run. Without one: every segment that some node with this driver has, in the order of
// the claim's name, so that volumes spread.
import type { Node, TopologySelectorTerm } from '#api/generated/core-v1.ts';
import type { CSINode } from '#api/generated/storage-v1.ts';

export type Segments = Readonly<Record<string, string>>;

export type TopologyResult =
  | { readonly kind: 'anywhere' }
  | {
      readonly kind: 'required';
      readonly requisite: readonly Segments[];
      readonly preferred: readonly Segments[];
    }
  | { readonly kind: 'refused'; readonly because: string };

export interface NodeTopology {
  readonly node: Node;
  readonly csiNode: CSINode;
}

/** The topology requirement for a claim, from nodes that have registered the driver. */
export function topologyRequirement(request: {
  readonly driver: string;
  readonly selectedNode: string;
  readonly nodes: readonly NodeTopology[];
  readonly allowedTopologies: readonly TopologySelectorTerm[];
}): TopologyResult {
  const { driver, selectedNode, allowedTopologies } = request;
  const candidates = request.nodes
    .filter((n) => selectedNode === '' || n.node.metadata.name === selectedNode)
    .map((n) => ({ name: n.node.metadata.name ?? '', segments: segmentsOf(n, driver) }));
  const known = candidates.flatMap((c) => (c.segments === undefined ? [] : [c.segments]));
  if (known.length === 0) {
    const where = selectedNode === '' ? 'no node' : `node "${selectedNode}" has not`;
    return { kind: 'refused', because: `${where} registered driver "${driver}" with its topology yet` };
  }
  const admitted = distinct(known.filter((segments) => isAdmitted(segments, allowedTopologies)));
  if (admitted.length === 0) {
    return { kind: 'refused', because: `allowedTopologies admit no node that has driver "${driver}"` };
  }
  if (admitted.every((segments) => Object.keys(segments).length === 0)) return { kind: 'anywhere' };
  return { kind: 'required', requisite: admitted, preferred: admitted };
}

function segmentsOf({ node, csiNode }: NodeTopology, driver: string): Segments | undefined {
  const entry = csiNode.spec.drivers.find((d) => d.name === driver);
  if (entry === undefined) return undefined;
  const segments: Record<string, string> = {};
  for (const key of entry.topologyKeys ?? []) {
    const value = node.metadata.labels?.[key];
    // The agent writes the label after the CSINode entry: wait for both.
    if (value === undefined) return undefined;
    segments[key] = value;
  }
  return segments;
}

function isAdmitted(segments: Segments, terms: readonly TopologySelectorTerm[]): boolean {
  if (terms.length === 0) return true;
  return terms.some((term) =>
    (term.matchLabelExpressions ?? []).every((e) => {
      const value = segments[e.key];
      return value !== undefined && e.values.includes(value);
    }),
  );
}

function distinct(all: readonly Segments[]): readonly Segments[] {
  const seen = new Map(all.map((s) => [JSON.stringify(Object.entries(s).sort()), s]));
  return [...seen.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, s]) => s);
}
