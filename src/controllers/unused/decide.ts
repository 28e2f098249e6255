// Decides what a claim's Unused condition says. Pure; `now` is epoch milliseconds.
import type { PersistentVolumeClaim, PersistentVolumeClaimCondition } from '#api/generated/core-v1.ts';
import { formatTime } from '#base/clock.ts';

export interface UnusedView {
  readonly claim: PersistentVolumeClaim;
  /** A pod that has not ended names the claim. */
  readonly isUsed: boolean;
}

export type UnusedStep =
  | { readonly kind: 'rest' }
  | {
      readonly kind: 'say';
      readonly conditions: readonly PersistentVolumeClaimCondition[];
      readonly isUsed: boolean;
    };

export const UNUSED = 'Unused';

export function decideUnused({ claim, isUsed }: UnusedView, now: number): UnusedStep {
  if (claim.metadata.deletionTimestamp !== undefined) return { kind: 'rest' }; // UNU5
  const conditions = claim.status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === UNUSED);
  const status = isUsed ? 'False' : 'True';
  if (before?.status === status) return { kind: 'rest' }; // UNU3
  const condition = {
    type: UNUSED,
    status,
    reason: isUsed ? 'PodUsingPVC' : 'NoPodsUsingPVC', // UNU1, UNU2
    message: isUsed ? 'A pod that has not ended uses the claim' : 'No pod that has not ended uses the claim',
    lastTransitionTime: formatTime(now),
  };
  return {
    kind: 'say',
    conditions: [...conditions.filter(({ type }) => type !== UNUSED), condition],
    isUsed,
  };
}
