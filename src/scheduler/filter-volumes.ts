// What a pod's volumes say to one node, and what has to be done there for its delayed claims: take an existing volume
// that reaches the node, or have one made for it. What is the same for every node is worked out once for the pass.
import type { Node } from '#api/generated/core-v1.ts';
import { compareQuantities, quantityToBytes } from '#api/quantity.ts';
import { capacityFor } from '#rules/capacity.ts';
import { findPreboundVolume, rankFreeVolumes, requestedSize } from '#rules/match-volume.ts';
import { volumeReachesNode } from '#rules/node-affinity.ts';
import { canProvision } from '#rules/storage-class.ts';
import { allowsNode } from '#rules/topology.ts';
import { refusingZoneLabel } from '#rules/zone-labels.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { keyOf } from '#api/object.ts';
import type { Plan } from './assumptions.ts';
import { isBound } from './filter-claims.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import type { ClaimState } from './view.ts';
import { isPlaceBound, reaches, VolumeChoice } from './volume-choice.ts';

export interface VolumeFit {
  /** None: all claims can be served on the node as the plans say. */
  readonly refusals: readonly Refusal[];
  readonly plans: readonly Plan[];
}

type Claim = NonNullable<ClaimState['claim']>;
type Found = Plan | Refusal | undefined;
type Question = (node: Node, taken: ReadonlySet<string>) => Found;

const FITS: VolumeFit = { refusals: NO_REFUSALS, plans: [] };
const NOTHING_TAKEN: ReadonlySet<string> = new Set();

/** The function that decides about all claims of the pod on one node; undefined: no node refuses (SCH30 to SCH38). */
export function volumeFilter(claims: readonly ClaimState[]): ((node: Node) => VolumeFit) | undefined {
  const questions = bySize(claims).flatMap((state) => {
    const question = questionOf(state);
    return question === undefined ? [] : [question];
  });
  if (questions.length === 0) return undefined;
  return (node) => {
    const plans: Plan[] = [];
    const refusals: Refusal[] = [];
    let taken = NOTHING_TAKEN;
    for (const question of questions) {
      const found = question(node, taken);
      if (found === undefined) continue;
      if ('reason' in found) {
        refusals.push(found);
      } else {
        plans.push(found);
        if (found.kind === 'match') taken = new Set([...taken, found.volume]);
      }
    }
    if (refusals.length > 0) return { refusals, plans: [] };
    return plans.length === 0 ? FITS : { refusals: NO_REFUSALS, plans };
  };
}

/** Small claims choose first, so that a large volume is left for who needs it (SCH33). */
function bySize(claims: readonly ClaimState[]): readonly ClaimState[] {
  if (claims.length < 2) return claims;
  return [...claims].sort((a, b) =>
    a.claim === undefined || b.claim === undefined
      ? 0
      : compareQuantities(requestedSize(a.claim), requestedSize(b.claim)),
  );
}

/** What each node is to be asked about the claim; undefined when every node says yes. */
function questionOf(state: ClaimState): Question | undefined {
  const { claim } = state;
  if (claim === undefined) return undefined; // refused for all nodes before
  return isBound(claim) ? questionOfBound(state, claim) : questionOfDelayed(state, claim);
}

function questionOfBound({ volume }: ClaimState, claim: Claim): Question | undefined {
  if (volume === undefined) {
    const detail = `claim "${keyOf(claim)}" names volume "${claim.spec?.volumeName ?? ''}"`;
    const reason = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
    return () => ({ cause: 'volumes', reason, detail }); // SCH30
  }
  if (!isPlaceBound(volume)) return undefined;
  const { name } = volume.metadata;
  return (node) => {
    if (!volumeReachesNode(volume, node)) return affinityConflict(name); // SCH31
    const label = refusingZoneLabel(volume, node);
    if (label === undefined) return undefined;
    const value = volume.metadata.labels?.[label] ?? '';
    const detail = `volume "${name}" has the label ${label} with "${value}"`;
    return { cause: 'volumes', reason: 'node(s) had no available volume zone', detail }; // SCH37
  };
}

function affinityConflict(volume: string): Refusal {
  const detail = `volume "${volume}" refuses its labels in spec.nodeAffinity`;
  return { cause: 'volumes', reason: 'node(s) had volume node affinity conflict', detail };
}

const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";

function questionOfDelayed(state: ClaimState, claim: Claim): Question {
  const claimKey = keyOf(claim);
  const plan = { claimKey, claimUid: claim.metadata.uid };
  const selected = claim.metadata.annotations?.[SELECTED_NODE] ?? state.planned?.nodeName ?? '';
  const prebound = findPreboundVolume(state.pointing, claim);
  const choice =
    selected === '' && prebound === undefined
      ? new VolumeChoice(rankFreeVolumes(state.free, claim))
      : undefined;
  return (node, taken) => {
    if (selected !== '' && selected !== node.metadata.name) {
      const detail = `claim "${claimKey}" is being provisioned for node "${selected}" (annotation selected-node)`;
      return { cause: 'volumes', reason: NO_VOLUME, detail }; // SCH34
    }
    if (state.planned !== undefined) return state.planned.plan; // SCH36
    if (prebound !== undefined) {
      const { name } = prebound.metadata;
      return reaches(prebound, node) ? { kind: 'match', volume: name, ...plan } : affinityConflict(name); // SCH32
    }
    const found = choice?.firstFor(node, taken);
    if (found !== undefined) return { kind: 'match', volume: found.metadata.name, ...plan }; // SCH32
    return refusalToProvision(state, claim, node) ?? { kind: 'provision', ...plan }; // SCH35
  };
}

function refusalToProvision(state: ClaimState, claim: Claim, node: Node): Refusal | undefined {
  const { storageClass } = state;
  if (storageClass === undefined || !canProvision(storageClass)) {
    const provisioner = storageClass?.provisioner ?? '';
    const detail = `no free volume reaches it for claim "${keyOf(claim)}", and provisioner "${provisioner}" makes none`;
    return { cause: 'volumes', reason: NO_VOLUME, detail };
  }
  const { name } = storageClass.metadata;
  if (!allowsNode(storageClass.allowedTopologies, node)) {
    const detail = `class "${name}" refuses its labels in allowedTopologies`;
    return { cause: 'volumes', reason: NO_VOLUME, detail };
  }
  return refusalOfCapacity(state, claim, node);
}

/** A driver that says where it has room is believed (SCH38). */
function refusalOfCapacity(state: ClaimState, claim: Claim, node: Node): Refusal | undefined {
  if (state.capacities === undefined) return undefined;
  const size = requestedSize(claim);
  const storageClassName = state.storageClass?.metadata.name ?? '';
  const need = { storageClassName, sizeBytes: quantityToBytes(size) };
  if (capacityFor(state.capacities, need, node) !== undefined) return undefined;
  const detail = `no CSIStorageCapacity of class "${storageClassName}" that its labels match has ${size} for claim "${keyOf(claim)}"`;
  return { cause: 'capacity', reason: 'node(s) did not have enough free storage', detail };
}
