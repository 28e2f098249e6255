// With StorageCapacityScoring: how full the places of the pod's delayed volumes would be. Off by default in 1.36.
import { quantityToBytes } from '#api/quantity.ts';
import { keyOf } from '#api/object.ts';
import { capacityFor, capacityScore, type Utilization } from '#rules/capacity.ts';
import { requestedSize, sizeOf } from '#rules/match-volume.ts';
import type { Evaluation } from './evaluation.ts';
import type { ClaimState } from './view.ts';

/** The score of a candidate's plans, 0 to 100 (SCH48). */
export function capacityScores(claims: readonly ClaimState[]): (candidate: Evaluation) => number {
  return (candidate) => {
    const byClass = new Map<string, Utilization>();
    for (const state of claims) {
      const found = utilizationOf(state, candidate);
      if (found === undefined) continue;
      const name = state.storageClass?.metadata.name ?? '';
      byClass.set(name, joined(byClass.get(name), found));
    }
    return capacityScore([...byClass.values()]);
  };
}

function joined(a: Utilization | undefined, b: Utilization): Utilization {
  if (a === undefined) return b;
  return {
    requestedBytes: a.requestedBytes + b.requestedBytes,
    capacityBytes: a.capacityBytes + b.capacityBytes,
  };
}

function utilizationOf(claimState: ClaimState, { state, plans }: Evaluation): Utilization | undefined {
  const { claim, storageClass, capacities = [] } = claimState;
  if (claim === undefined) return undefined;
  const plan = plans.find(({ claimKey }) => claimKey === keyOf(claim));
  const requestedBytes = quantityToBytes(requestedSize(claim));
  if (plan?.kind === 'match') {
    const volumes = [...claimState.pointing, ...claimState.free];
    const volume = volumes.find(({ metadata }) => metadata.name === plan.volume);
    return volume === undefined
      ? undefined
      : { requestedBytes, capacityBytes: quantityToBytes(sizeOf(volume)) };
  }
  if (plan === undefined) return undefined;
  const storageClassName = storageClass?.metadata.name ?? '';
  const capacity = capacityFor(capacities, { storageClassName, sizeBytes: requestedBytes }, state.node);
  return capacity?.capacity === undefined
    ? undefined
    : { requestedBytes, capacityBytes: quantityToBytes(capacity.capacity) };
}
