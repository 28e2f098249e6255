// Decides about the status of one quota: first whether to count, then whether the count has to be written. Pure.
import { compareQuantities, parseQuantity } from '#api/quantity.ts';
import type { Amounts, QuotaView } from './view.ts';

/** As often as Kubernetes counts anew. */
const RECOUNT_MS = 5 * 60_000;

export type QuotaStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'count' }
  /** Until the next count. */
  | { readonly kind: 'rest'; readonly forMs: number };

export function decideQuota(
  { isGone, limits, statusHard, statusUsed, countedAt }: QuotaView,
  now: number,
): QuotaStep {
  if (isGone) return { kind: 'settled' }; // QTA7
  // OBSERVED: new, or its limits have changed.
  if (!sameAmounts(limits, statusHard) || !sameNames(limits, statusUsed)) return { kind: 'count' }; // QTA1
  // OBSERVED: its status was written a moment ago, or by an earlier life of this loop.
  if (countedAt === undefined) return { kind: 'count' }; // QTA3
  const forMs = countedAt + RECOUNT_MS - now;
  return forMs <= 0 ? { kind: 'count' } : { kind: 'rest', forMs }; // QTA4
}

export type CountStep =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'write'; readonly hard: Amounts; readonly used: Amounts };

export function decideCount({ limits, statusHard, statusUsed }: QuotaView, used: Amounts): CountStep {
  const agrees = sameAmounts(limits, statusHard) && sameAmounts(used, statusUsed);
  return agrees ? { kind: 'agrees' } : { kind: 'write', hard: limits, used };
}

function sameNames(a: Amounts, b: Amounts): boolean {
  return Object.keys(a).sort().join() === Object.keys(b).sort().join();
}

function sameAmounts(a: Amounts, b: Amounts): boolean {
  return sameNames(a, b) && Object.entries(a).every(([name, text]) => sameAmount(text, b[name] ?? ''));
}

function sameAmount(a: string, b: string): boolean {
  if (parseQuantity(a) === undefined || parseQuantity(b) === undefined) return a === b;
  return compareQuantities(a, b) === 0;
}
