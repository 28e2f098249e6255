// Time for tests and simulation: it stands still until it is advanced, and timers fire in the order they are due (of
// equal ones: in the order they were set). Passes the same contract as the machine's clock.
import type { Clock, Timer, TimerKind } from '#base/clock.ts';
import { nextTurn } from './real/turn.ts';

interface PendingTimer {
  readonly dueAt: number;
  readonly order: number;
  readonly kind: TimerKind;
  readonly fire: () => void;
}

export interface VirtualClock extends Clock {
  /** Moves `ms` milliseconds ahead and fires what is due on the way, each after everything before it has run out. */
  advance(ms: number): Promise<void>;
  /**
   * Fires timers until nothing but periodic ones is left (quiescence), or `limitMs` of virtual time have gone, which is
   * an error: something retries for ever. Periodic timers that are due on the way fire too.
   */
  settle(limitMs?: number): Promise<void>;
  /** Goes to the next timer and fires it, in this very call. False when there is none. */
  fireNext(): boolean;
  /** Timers that have not fired. */
  readonly pending: readonly { readonly kind: TimerKind; readonly inMs: number }[];
  /** Moves the wall clock alone, as a correction of the machine's time does. */
  jump(ms: number): void;
}

/** A clock that begins at 2026-01-01T00:00:00Z unless told otherwise. */
export function virtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  return new SteppedClock(startMs);
}

class SteppedClock implements VirtualClock {
  #elapsed = 0;
  #offset: number;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();

  constructor(startMs: number) {
    this.#offset = startMs;
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, kind: TimerKind, fire: () => void): Timer {
    const timer = { dueAt: this.#elapsed + Math.max(0, ms), order: this.#order++, kind, fire };
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
      },
    };
  }

  /** Time stands still within a turn, so nobody's turn is ever over. */
  turn(): undefined {
    return undefined;
  }

  get pending() {
    return [...this.#timers].map(({ kind, dueAt }) => ({ kind, inMs: dueAt - this.#elapsed }));
  }

  jump(ms: number): void {
    this.#offset += ms;
  }

  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await nextTurn();
    while (this.#fireFirst((timer) => timer.dueAt <= until)) await nextTurn();
    this.#elapsed = until;
    await nextTurn();
  }

  async settle(limitMs = 24 * 3600 * 1000): Promise<void> {
    const until = this.#elapsed + limitMs;
    await nextTurn();
    while ([...this.#timers].some((timer) => timer.kind !== 'periodic')) {
      if (!this.#fireFirst((timer) => timer.dueAt <= until)) {
        throw new Error(
          `The world did not come to rest within ${limitMs} ms: a timer that is not periodic is left`,
        );
      }
      await nextTurn();
    }
  }

  fireNext(): boolean {
    return this.#fireFirst(() => true);
  }

  #fireFirst(mayFire: (timer: PendingTimer) => boolean): boolean {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      const isEarlier = first === undefined || timer.dueAt < first.dueAt;
      if (isEarlier) first = timer; // Sets keep their order, so of equal ones the oldest wins.
    }
    if (first === undefined || !mayFire(first)) return false;
    this.#timers.delete(first);
    this.#elapsed = Math.max(this.#elapsed, first.dueAt);
    first.fire();
    return true;
  }
}
