// What CSIStorageCapacity objects say about room for a new volume: which of them a node has access to, how large a
// volume each can make, and how full the place would be.
import type { Node } from '#api/generated/core-v1.ts';
import type { CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';

/** True when the node is in the object's segment; an object without nodeTopology is accessible from nowhere (RUL160). */
export function reachesCapacity({ nodeTopology }: CSIStorageCapacity, node: Node): boolean {
  return nodeTopology !== undefined && matchesLabels(selectorFromObject(nodeTopology), node.metadata.labels);
}

/** The largest volume the object promises: maximumVolumeSize if it is set, else capacity; nothing: none (RUL161). */
export function largestVolume({ maximumVolumeSize, capacity }: CSIStorageCapacity): bigint | undefined {
  const limit = maximumVolumeSize ?? capacity;
  return limit === undefined ? undefined : quantityToBytes(limit);
}

export interface CapacityNeed {
  readonly storageClassName: string;
  readonly sizeBytes: bigint;
}

/** The object with most room that can make the volume for the node; undefined when none can (RUL162). */
export function capacityFor<C extends CSIStorageCapacity>(
  capacities: Iterable<C>,
  { storageClassName, sizeBytes }: CapacityNeed,
  node: Node,
): C | undefined {
  let best: C | undefined;
  for (const one of capacities) {
    if (one.storageClassName !== storageClassName) continue;
    const largest = largestVolume(one);
    if (largest === undefined || largest < sizeBytes || !reachesCapacity(one, node)) continue;
    if (best === undefined || total(one) > total(best)) best = one;
  }
  return best;
}

function total({ capacity }: CSIStorageCapacity): bigint {
  return capacity === undefined ? 0n : quantityToBytes(capacity);
}

export interface Utilization {
  readonly requestedBytes: bigint;
  readonly capacityBytes: bigint;
}

/**
 * 0 to 100 for a node, given how full the place of each class would be (RUL163). Without an entry the node scores 0.
 * With StorageCapacityScoring the emptier place wins, so that volumes can grow.
 */
export function capacityScore(byClass: readonly Utilization[]): number {
  if (byClass.length === 0) return 0;
  const scores = byClass.map(({ requestedBytes, capacityBytes }) => {
    if (capacityBytes <= 0n || requestedBytes >= capacityBytes) return 0;
    return 100 - Math.floor(Number((requestedBytes * 100n) / capacityBytes));
  });
  return Math.round(scores.reduce((sum, score) => sum + score, 0) / scores.length);
}
