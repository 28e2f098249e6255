// Exponential back-off with a ceiling and jitter; the queue is the one place that uses it for retries.
import type { Random } from './random.ts';

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The delay before attempt `failures + 1`, in milliseconds: doubles from firstMs to maxMs, then ±10 % jitter. */
export function backoffMs(failures: number, limits: BackoffLimits, random: Random): number {
  const exact = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return exact * (0.9 + 0.2 * random.fraction());
}
