// Decides what one CSIStorageCapacity needs. Pure.
import type { CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import type { CapacityAnswer, WantedCapacity } from './wanted.ts';

export type CapacityStep =
  | { readonly kind: 'none' }
  /** Ask the driver, then write what differs. */
  | { readonly kind: 'ask'; readonly wanted: WantedCapacity }
  /** Nobody can be scheduled by it any more: class, driver or segment has gone. */
  | { readonly kind: 'delete' };

/** The step before the driver is asked (PRV75, PRV76). */
export function decideCapacity(view: {
  readonly wanted: WantedCapacity | undefined;
  readonly isStored: boolean;
}): CapacityStep {
  if (view.wanted !== undefined) return { kind: 'ask', wanted: view.wanted };
  return view.isStored ? { kind: 'delete' } : { kind: 'none' };
}

/** True when the stored numbers are what the driver says: nothing is written (PRV78). */
export function isCurrent(stored: CSIStorageCapacity, answer: CapacityAnswer): boolean {
  return stored.capacity === answer.capacity && stored.maximumVolumeSize === answer.maximumVolumeSize;
}
