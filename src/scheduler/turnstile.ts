// One scheduling decision at a time, the most important pod first, and never long at a stretch: decisions one after the
// other in one turn of the event loop share its time, and a long one gives the turn back in the middle.
// Rule SCH77 is carried out here too.
import type { Clock } from '#base/clock.ts';

/** Law 8 allows 2 ms a turn; what a decision leads to (a write's encoding) needs a part of it. */
const TURN_MS = 1.2;

/** How much of this turn is used up. */
export class Pace {
  readonly #clock: Clock;
  #turn: { readonly startedAt: number; readonly waiting: (() => void)[] } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first call of a turn starts its time. */
  isSpent(): boolean {
    const turn = this.#begin();
    return this.#clock.elapsed() - turn.startedAt >= TURN_MS;
  }

  nextTurn(): Promise<void> {
    const { waiting } = this.#begin();
    return new Promise((resolve) => waiting.push(resolve));
  }

  #begin(): { readonly startedAt: number; readonly waiting: (() => void)[] } {
    if (this.#turn !== undefined) return this.#turn;
    const turn = { startedAt: this.#clock.elapsed(), waiting: [] };
    this.#turn = turn;
    this.#clock.after(0, 'deadline', () => {
      this.#turn = undefined;
      for (const resume of turn.waiting as (() => void)[]) resume();
    });
    return turn;
  }
}

/** Runs the steps of a generator, over as many turns as it takes. */
export async function runSteps<T>(
  pace: Pace,
  steps: Generator<undefined, T, undefined>,
): Promise<{ readonly result: T; readonly isInterrupted: boolean }> {
  let isInterrupted = false;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { result: step.value, isInterrupted };
    if (!pace.isSpent()) continue;
    isInterrupted = true;
    await pace.nextTurn();
  }
}

const ARRIVAL_ROUNDS = 8;

interface Waiter {
  readonly priority: number;
  readonly ticket: number;
  readonly enter: () => void;
}

/** Lets one pass through at a time: by priority, and among equals who came first (SCH72). */
export class Turnstile {
  readonly #pace: Pace;
  readonly #waiters: Waiter[] = [];
  #isBusy = false;
  #isDispatching = false;
  #tickets = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  async pass<T>(priority: number, act: () => Promise<T>): Promise<T> {
    await new Promise<void>((enter) => {
      push(this.#waiters, { priority, ticket: this.#tickets++, enter });
      void this.#dispatch();
    });
    try {
      return await act();
    } finally {
      this.#isBusy = false;
      void this.#dispatch();
    }
  }

  async #dispatch(): Promise<void> {
    if (this.#isBusy || this.#isDispatching) return;
    this.#isDispatching = true;
    // Passes that begin together arrive one microtask after the other: all of them are weighed.
    for (let round = 0; round < ARRIVAL_ROUNDS; round++) await Promise.resolve();
    if (this.#pace.isSpent()) await this.#pace.nextTurn();
    this.#isDispatching = false;
    const next = pop(this.#waiters);
    if (next === undefined) return;
    this.#isBusy = true;
    next.enter();
  }
}

function isBefore(a: Waiter, b: Waiter): boolean {
  return a.priority === b.priority ? a.ticket < b.ticket : a.priority > b.priority;
}

/** A binary heap, its first element the next to enter. */
function push(heap: Waiter[], waiter: Waiter): void {
  let at = heap.push(waiter) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(waiter, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = waiter;
}

function pop(heap: Waiter[]): Waiter | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    if (left === undefined) break;
    const isRight = right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = last;
  return first;
}
