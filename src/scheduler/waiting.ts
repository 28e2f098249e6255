// The pods that were refused: which changes may help each, when each may be tried again, and what each was told last. It
// keeps a change from waking pods that it cannot help, a pod that never fits from being tried at every change, and a pod
// that waits for a node that is just registering from telling every step of that.
import { keyOf, type Stored } from '#api/object.ts';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Cause, Why } from './refusal.ts';

interface Waiting {
  readonly uid: string;
  /** What the user can change: a pod that was changed is tried at once. */
  readonly generation: number | undefined;
  causes: ReadonlySet<Cause>;
  refusals: number;
  notBefore: number;
  told: { readonly why: Why; readonly at: number; readonly times: number } | undefined;
}

/** A first refusal is tried again at once, so that what a pod waits for helps without delay; then less and less often. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;
/** News about a waiting pod is told at most this often: the first at once, then less and less often. */
const FIRST_NEWS_MS = 1000;
const MAX_NEWS_MS = 60_000;

export class WaitingPods {
  readonly #byKey = new Map<string, Waiting>();

  /** Keys of the pods that a change of these kinds may help (SCH73). */
  *helpedBy(causes: readonly Cause[]): Iterable<string> {
    for (const [key, waiting] of this.#byKey) {
      if (causes.some((cause) => waiting.causes.has(cause))) yield key;
    }
  }

  /** Milliseconds until the pod may be tried; 0: now (SCH74). */
  delayOf(pod: Stored<Pod>, now: number): number {
    const waiting = this.#of(pod);
    return waiting === undefined ? 0 : Math.max(0, waiting.notBefore - now);
  }

  refused(pod: Stored<Pod>, { causes }: Why, now: number): void {
    const waiting = this.#of(pod) ?? {
      uid: pod.metadata.uid,
      generation: pod.metadata.generation,
      causes,
      refusals: 0,
      notBefore: 0,
      told: undefined,
    };
    waiting.causes = causes;
    const delay = waiting.refusals === 0 ? 0 : FIRST_RETRY_MS * 2 ** (waiting.refusals - 1);
    waiting.notBefore = now + Math.min(MAX_RETRY_MS, delay);
    waiting.refusals = Math.min(20, waiting.refusals + 1);
    this.#byKey.set(keyOf(pod), waiting);
  }

  /** Milliseconds until the news may be told; 0: now (SCH52). Undefined: it is no news. */
  newsDelay(pod: Stored<Pod>, why: Why, now: number): number | undefined {
    const told = this.#of(pod)?.told;
    if (told === undefined) return 0;
    if (told.why.message === why.message) return undefined;
    // Only amounts or names have changed: worth saying, but not often.
    const isSameReason = told.why.reasons === why.reasons;
    const pause = isSameReason ? MAX_NEWS_MS : Math.min(MAX_NEWS_MS, FIRST_NEWS_MS * 2 ** (told.times - 1));
    return Math.max(0, told.at + pause - now);
  }

  told(pod: Stored<Pod>, why: Why, now: number): void {
    const waiting = this.#of(pod);
    if (waiting !== undefined) waiting.told = { why, at: now, times: (waiting.told?.times ?? 0) + 1 };
  }

  /** What the pod itself asks for has changed: it is tried as soon as it can be. */
  hurry(key: string): void {
    const waiting = this.#byKey.get(key);
    if (waiting === undefined) return;
    waiting.notBefore = 0;
    waiting.refusals = Math.min(waiting.refusals, 1);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }

  #of(pod: Stored<Pod>): Waiting | undefined {
    const waiting = this.#byKey.get(keyOf(pod));
    const { uid, generation } = pod.metadata;
    return waiting?.uid === uid && waiting.generation === generation ? waiting : undefined;
  }
}
