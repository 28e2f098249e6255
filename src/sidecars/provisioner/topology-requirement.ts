// Where a volume may be made (PRV33, PRV61 to PRV63), as external-provisioner 6 asks for it.
//
//                      requisite                                   preferred
//   selected node      allowedTopologies, else every segment of    the same, the node's own segment first
//                      the nodes with this node's topology keys
//   strict             the node's segment alone                    the same
//   no selected node   allowedTopologies, else every segment;      the same, begun at an offset that the claim's name
//                      nothing with immediateTopology false        gives, so that a StatefulSet's volumes spread
import type { Node, TopologySelectorTerm } from '#api/generated/core-v1.ts';
import type { CSINode } from '#api/generated/storage-v1.ts';
import { segmentsOfNode, type TopologySegments } from '#rules/topology.ts';
import { spreadOffset } from './spread-offset.ts';

export type TopologyResult =
  | { readonly kind: 'anywhere' }
  | {
      readonly kind: 'required';
      readonly requisite: readonly TopologySegments[];
      readonly preferred: readonly TopologySegments[];
    }
  | { readonly kind: 'refused'; readonly because: string };

export interface NodeTopology {
  readonly node: Node;
  readonly csiNode: CSINode;
}

export interface TopologyRequest {
  readonly driver: string;
  readonly claimName: string;
  /** Empty for a claim that binds at once. */
  readonly selectedNode: string;
  readonly nodes: readonly NodeTopology[];
  readonly allowedTopologies: readonly TopologySelectorTerm[];
  /** Only the selected node's segment may be used (upstream `--strict-topology`; default false). */
  readonly strict: boolean;
  /** A claim that binds at once says where the driver runs (upstream `--immediate-topology`; default true). */
  readonly immediate: boolean;
}

const refused = (because: string): TopologyResult => ({ kind: 'refused', because });

/** The topology requirement for a claim, from nodes that have registered the driver. */
export function topologyRequirement(request: TopologyRequest): TopologyResult {
  return request.selectedNode === '' ? forAnyNode(request) : forNode(request);
}

function forNode(request: TopologyRequest): TopologyResult {
  const { driver, selectedNode, allowedTopologies } = request;
  const selected = request.nodes.find(({ node }) => node.metadata.name === selectedNode);
  const keys = selected === undefined ? undefined : keysOf(selected.csiNode, driver);
  if (selected === undefined || keys === undefined) {
    return refused(`node "${selectedNode}" has not registered driver "${driver}" yet`);
  }
  if (keys.length === 0) return { kind: 'anywhere' };
  const own = segmentsOfNode(selected.node, keys);
  // The agent writes the labels after the CSINode entry: wait for both.
  if (own === undefined) {
    return refused(`node "${selectedNode}" has not yet the labels ${keys.join(', ')} of driver "${driver}"`);
  }
  const allowed = distinct(allowedTopologies.flatMap(productOf));
  if (allowed.length > 0 && !allowed.some((segments) => isSubset(segments, own))) {
    return refused(`allowedTopologies of the class do not admit node "${selectedNode}" (${textOf(own)})`);
  }
  if (request.strict) return { kind: 'required', requisite: [own], preferred: [own] };
  const requisite = allowed.length > 0 ? allowed : distinct(segmentsWith(request, keys));
  const first = requisite.findIndex((segments) => isSubset(segments, own));
  return { kind: 'required', requisite, preferred: rotated(requisite, first) };
}

function forAnyNode(request: TopologyRequest): TopologyResult {
  const { driver, nodes, allowedTopologies, claimName } = request;
  const allowed = distinct(allowedTopologies.flatMap(productOf));
  if (allowed.length === 0 && !request.immediate) return { kind: 'anywhere' };
  const registered = nodes.flatMap(({ csiNode }) => keysOf(csiNode, driver) ?? []);
  const runs = nodes.some(({ csiNode }) => keysOf(csiNode, driver) !== undefined);
  if (allowed.length === 0 && !runs) return refused(`no node has registered driver "${driver}" yet`);
  if (allowed.length === 0 && registered.length === 0) return { kind: 'anywhere' };
  const keys = nodes.map(({ csiNode }) => keysOf(csiNode, driver)).find((one) => (one ?? []).length > 0);
  const requisite = allowed.length > 0 ? allowed : distinct(segmentsWith(request, keys ?? []));
  if (requisite.length === 0) {
    return refused(`no node has yet the labels ${(keys ?? []).join(', ')} of driver "${driver}"`);
  }
  const preferred = rotated(requisite, spreadOffset(claimName) % requisite.length);
  return { kind: 'required', requisite, preferred };
}

function keysOf(csiNode: CSINode, driver: string): readonly string[] | undefined {
  const entry = csiNode.spec.drivers.find(({ name }) => name === driver);
  return entry === undefined ? undefined : (entry.topologyKeys ?? []);
}

/** The segments of nodes that registered the driver with these very keys. */
function segmentsWith({ nodes, driver }: TopologyRequest, keys: readonly string[]): TopologySegments[] {
  const wanted = [...keys].sort().join();
  return nodes.flatMap(({ node, csiNode }) => {
    const has = keysOf(csiNode, driver);
    if (has === undefined || [...has].sort().join() !== wanted) return [];
    const segments = segmentsOfNode(node, keys);
    return segments === undefined ? [] : [segments];
  });
}

/** A term with several values per key admits every combination of them. */
function productOf({ matchLabelExpressions = [] }: TopologySelectorTerm): readonly TopologySegments[] {
  let all: readonly TopologySegments[] = matchLabelExpressions.length === 0 ? [] : [{}];
  for (const { key, values } of matchLabelExpressions) {
    all = all.flatMap((segments) => values.map((value) => ({ ...segments, [key]: value })));
  }
  return all;
}

function isSubset(part: TopologySegments, whole: TopologySegments): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

function distinct(all: readonly TopologySegments[]): readonly TopologySegments[] {
  const seen = new Map(all.map((segments) => [textOf(segments), segments]));
  return [...seen.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, segments]) => segments);
}

function rotated<T>(all: readonly T[], start: number): readonly T[] {
  return [...all.slice(start), ...all.slice(0, start)];
}

function textOf(segments: TopologySegments): string {
  return Object.entries(segments)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}
