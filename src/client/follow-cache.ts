// Waits until a cache shows a revision that was written. A cache that can call back does; another one is polled.
import type { Clock, Timer } from '#base/clock.ts';
import type { FollowedCache } from './outcome.ts';

/** A cache this far behind is as good as dead; every write is conditional, so a pass on old state is refused, not wrong. */
const TIMEOUT_MS = 30_000;
const FIRST_POLL_MS = 2;
const MAX_POLL_MS = 100;

export interface Follow {
  readonly clock: Clock;
  readonly cache: FollowedCache;
  readonly revision: number;
  readonly onReached: () => void;
  readonly onTimeout: () => void;
}

/** Calls exactly one of `onReached` and `onTimeout`, once; the returned function stops waiting. */
export function followCache(follow: Follow): () => void {
  const timers: { poll?: Timer; deadline?: Timer; forget?: () => void } = {};
  let isOver = false;
  const finish = (then: () => void): void => {
    if (isOver) return;
    isOver = true;
    timers.poll?.cancel();
    timers.deadline?.cancel();
    timers.forget?.();
    then();
  };
  const poll = (delayMs: number): void => {
    timers.poll = follow.clock.after(delayMs, 'backoff', () => {
      if (follow.cache.revision >= follow.revision) finish(follow.onReached);
      else poll(Math.min(MAX_POLL_MS, delayMs * 2));
    });
  };
  timers.deadline = follow.clock.after(TIMEOUT_MS, 'deadline', () => finish(follow.onTimeout));
  if (follow.cache.onRevision === undefined) poll(FIRST_POLL_MS);
  else timers.forget = follow.cache.onRevision(follow.revision, () => finish(follow.onReached));
  return () => finish(() => undefined);
}
