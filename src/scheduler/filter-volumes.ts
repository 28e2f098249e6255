// What a pod's volumes say to one node, and what has to be done there for its delayed claims: take an existing volume
// that reaches the node, or have one made for it.
import type { Node } from '#api/generated/core-v1.ts';
import { compareQuantities } from '#api/quantity.ts';
import { findFreeVolume, findPreboundVolume, requestedSize } from '#rules/match-volume.ts';
import { volumeReachesNode } from '#rules/node-affinity.ts';
import { canProvision } from '#rules/storage-class.ts';
import { allowsNode } from '#rules/topology.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { keyOf } from '#api/object.ts';
import type { Plan } from './assumptions.ts';
import { isBound } from './filter-claims.ts';
import type { Refusal } from './refusal.ts';
import type { ClaimState, NodeState } from './view.ts';

export type VolumeFit =
  | { readonly kind: 'fits'; readonly plans: readonly Plan[] }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] };

type Found = Plan | Refusal | undefined;
type Claim = NonNullable<ClaimState['claim']>;

/** Decides about all claims of the pod on one node (SCH30 to SCH36). */
export function fitVolumes(claims: readonly ClaimState[], { node }: NodeState): VolumeFit {
  const plans: Plan[] = [];
  const refusals: Refusal[] = [];
  const taken = new Set<string>();
  for (const state of bySize(claims)) {
    const found = fitClaim(state, node, taken);
    if (found === undefined) continue;
    if ('reason' in found) {
      refusals.push(found);
    } else {
      plans.push(found);
      if (found.kind === 'match') taken.add(found.volume);
    }
  }
  return refusals.length > 0 ? { kind: 'refused', refusals } : { kind: 'fits', plans };
}

/** Small claims choose first, so that a large volume is left for who needs it (SCH33). */
function bySize(claims: readonly ClaimState[]): readonly ClaimState[] {
  return [...claims].sort((a, b) =>
    a.claim === undefined || b.claim === undefined
      ? 0
      : compareQuantities(requestedSize(a.claim), requestedSize(b.claim)),
  );
}

function fitClaim(state: ClaimState, node: Node, taken: ReadonlySet<string>): Found {
  const { claim, planned } = state;
  if (claim === undefined) return undefined; // refused for all nodes before
  if (isBound(claim)) return fitBoundClaim(state, claim, node);
  const claimKey = keyOf(claim);
  const selected = claim.metadata.annotations?.[SELECTED_NODE] ?? planned?.nodeName ?? '';
  if (selected !== '' && selected !== node.metadata.name) {
    const detail = `claim "${claimKey}" is being provisioned for node "${selected}" (annotation selected-node)`;
    return { reason: NO_VOLUME, detail }; // SCH34
  }
  if (planned !== undefined) return planned.plan; // SCH36
  const plan = { claimKey, claimUid: claim.metadata.uid };
  const prebound = findPreboundVolume(state.pointing, claim);
  if (prebound !== undefined) {
    const { name } = prebound.metadata;
    if (volumeReachesNode(prebound, node)) return { kind: 'match', volume: name, ...plan }; // SCH32
    return affinityConflict(name);
  }
  const reaches = findFreeVolume(
    selected === '' ? state.free : [],
    claim,
    (volume) => !taken.has(volume.metadata.name) && volumeReachesNode(volume, node),
  );
  if (reaches !== undefined) return { kind: 'match', volume: reaches.metadata.name, ...plan }; // SCH32
  const refusal = refusalToProvision(state, claim, node);
  return refusal ?? { kind: 'provision', ...plan }; // SCH35
}

const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";

function fitBoundClaim({ volume }: ClaimState, claim: Claim, node: Node): Refusal | undefined {
  if (volume === undefined) {
    const detail = `claim "${keyOf(claim)}" names volume "${claim.spec?.volumeName ?? ''}"`;
    return { reason: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)', detail }; // SCH30
  }
  return volumeReachesNode(volume, node) ? undefined : affinityConflict(volume.metadata.name); // SCH31
}

function affinityConflict(volume: string): Refusal {
  const detail = `volume "${volume}" refuses its labels in spec.nodeAffinity`;
  return { reason: 'node(s) had volume node affinity conflict', detail };
}

function refusalToProvision({ storageClass }: ClaimState, claim: Claim, node: Node): Refusal | undefined {
  if (storageClass === undefined || !canProvision(storageClass)) {
    const provisioner = storageClass?.provisioner ?? '';
    const detail = `no free volume reaches it for claim "${keyOf(claim)}", and provisioner "${provisioner}" makes none`;
    return { reason: NO_VOLUME, detail };
  }
  if (allowsNode(storageClass.allowedTopologies, node)) return undefined;
  const detail = `class "${storageClass.metadata.name}" refuses its labels in allowedTopologies`;
  return { reason: NO_VOLUME, detail };
}
