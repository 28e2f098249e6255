// Where a pod goes. Pure; rules SCH10 to SCH50 of SPEC.md. Every node is asked everything, so that the message names
// all that is in the way and not only the first.
import type { Plan } from './assumptions.ts';
import { refusalOfClaims } from './filter-claims.ts';
import { refusalsOfDrivers } from './filter-drivers.ts';
import { refusalsOfNode } from './filter-node.ts';
import { fitVolumes } from './filter-volumes.ts';
import { type NodeRefusal, type Refusal, summarize, summarizeForAll } from './refusal.ts';
import { bestNode } from './score.ts';
import type { NodeState, PodView } from './view.ts';

export type Placement =
  | { readonly kind: 'place'; readonly nodeName: string; readonly plans: readonly Plan[] }
  | { readonly kind: 'refuse'; readonly message: string };

/** Decides the node of a pod and what is to be done there for its delayed claims. */
export function decidePlacement({ pod, requests, claims, nodes }: PodView): Placement {
  const refusal = refusalOfClaims(pod, claims);
  if (refusal !== undefined) return { kind: 'refuse', message: summarizeForAll(nodes.length, refusal) };
  const refusals: NodeRefusal[] = [];
  const fitting = new Map<NodeState, readonly Plan[]>();
  for (const state of nodes) {
    const found = fitNode({ pod, requests, claims, nodes }, state);
    if (found.plans !== undefined) fitting.set(state, found.plans);
    const node = state.node.metadata.name;
    for (const one of found.refusals) refusals.push({ ...one, node });
  }
  const best = bestNode(pod, requests, [...fitting.keys()]);
  if (best === undefined) return { kind: 'refuse', message: summarize(nodes.length, refusals) };
  return { kind: 'place', nodeName: best.node.metadata.name, plans: fitting.get(best) ?? [] };
}

function fitNode(
  { pod, requests, claims }: PodView,
  state: NodeState,
): { readonly refusals: readonly Refusal[]; readonly plans?: readonly Plan[] } {
  const ofNode = refusalsOfNode(pod, requests, state);
  const fit = fitVolumes(claims, state);
  if (fit.kind === 'refused') return { refusals: [...ofNode, ...fit.refusals] };
  const refusals = [...ofNode, ...refusalsOfDrivers(claims, fit.plans, state)];
  return refusals.length > 0 ? { refusals } : { refusals, plans: fit.plans };
}
