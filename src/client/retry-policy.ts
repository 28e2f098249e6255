// What the queue does with a key after a pass. Pure: an outcome and the past failures in, what to do next out.
import { backoffMs, type BackoffLimits } from '#base/backoff.ts';
import type { Random } from '#base/random.ts';
import { ApiError } from './api-error.ts';
import type { FollowedCache, Outcome } from './outcome.ts';

export type NextStep =
  /** Forget the key until something enqueues it. */
  | { readonly kind: 'rest' }
  /** Run again as soon as there is room. */
  | { readonly kind: 'again' }
  /** Run again once the cache has what the pass wrote. */
  | { readonly kind: 'follow'; readonly cache: FollowedCache; readonly revision: number }
  /** Run again after `delayMs`; an event may shorten that to `eventDelayMs`. */
  | {
      readonly kind: 'later';
      readonly delayMs: number;
      readonly eventDelayMs: number;
      readonly failures: number;
    };

/** Client libraries start at 5 ms; ours at 20, so that a conflict has usually reached the cache by then. */
export const RETRY_LIMITS: BackoffLimits = { firstMs: 20, maxMs: 60_000 };

/**
 * A failing key that gets an event is tried again within a second, however long its back-off: the event may be what it
 * waited for. Not at once: a failing pass that itself causes events would spin.
 */
const EVENT_DELAY_MS = 1000;

export function nextStep(
  outcome: Outcome,
  failures: number,
  { limits, random }: { readonly limits: BackoffLimits; readonly random: Random },
): NextStep {
  switch (outcome.kind) {
    case 'settled':
      return { kind: 'rest' };
    case 'progressed':
      return afterProgress(outcome);
    case 'blocked': {
      return { kind: 'later', delayMs: Math.max(0, outcome.retryAfterMs), eventDelayMs: 0, failures: 0 };
    }
    case 'failed': {
      const asked = outcome.error instanceof ApiError ? (outcome.error.retryAfterSeconds ?? 0) * 1000 : 0;
      const delayMs = Math.max(backoffMs(failures + 1, limits, random), asked);
      const eventDelayMs = Math.min(delayMs, EVENT_DELAY_MS);
      return { kind: 'later', delayMs, eventDelayMs, failures: failures + 1 };
    }
  }
}

function afterProgress({ wrote }: Extract<Outcome, { kind: 'progressed' }>): NextStep {
  if (wrote === undefined) return { kind: 'again' };
  const revision = Number(wrote.resourceVersion);
  if (!Number.isSafeInteger(revision) || wrote.informer.revision >= revision) return { kind: 'again' };
  return { kind: 'follow', cache: wrote.informer, revision };
}

/** The level of the log line about a failure: it rises with the delay, so that a passing conflict stays quiet. */
export function logLevelOf(delayMs: number): 'debug' | 'warn' | 'error' {
  if (delayMs < 500) return 'debug';
  return delayMs < 10_000 ? 'warn' : 'error';
}
