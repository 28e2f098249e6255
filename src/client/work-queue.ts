// The queue of one loop: which keys wait, run, or rest, and when each runs again.
//
//   enqueue ──▶ ready ──▶ running ──┬─ settled ──────────▶ (gone)
//               ▲  ▲                ├─ progressed ──────▶ following ── the cache has the write ──▶ ready
//               │  └── event during a pass, after it ends │
//               └───────────── delay over, or event ◀──── waiting ◀── blocked, failed
//
// 1. A key is in one state at a time: it never runs twice at once, and many events make one pass.
// 2. An event is never lost: it makes a ready key, shortens a wait, or marks a running or following key to run again.
// 3. Only keys that are not at rest take memory; nothing is dropped, since a dropped key would be a forgotten object.
import { InvariantError } from '#base/assert.ts';
import type { BackoffLimits } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import { Fifo } from '#base/fifo.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import { ApiError } from './api-error.ts';
import { followCache } from './follow-cache.ts';
import type { Outcome, Reconcile } from './outcome.ts';
import { logLevelOf, type NextStep, nextStep, RETRY_LIMITS } from './retry-policy.ts';

/** A pass that ignores its signal for this long is left behind when the loop stops. */
const DRAIN_MS = 5000;
/** Passes started in one turn: enough that most passes, which find nothing to do, run side by side through warm code. */
const SLICE_MS = 1;

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly name: string;
  readonly concurrency: number;
  readonly reconcile: Reconcile;
  readonly backoff?: BackoffLimits;
}

interface Entry {
  state: 'ready' | 'running' | 'waiting' | 'following';
  /** An event came while the key ran or followed. */
  isDirty: boolean;
  failures: number;
  /** Of a waiting key: when it runs (monotonic), and the earliest that an event may make it run. */
  dueAt: number;
  eventDueAt: number;
  cancel: (() => void) | undefined;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ready = new Fifo<string>();
  #running = 0;
  #isDispatchScheduled = false;
  #isDispatching = false;
  #signal: AbortSignal | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that are not at rest. */
  get size(): number {
    return this.#entries.size;
  }

  enqueue(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, restingEntry());
      this.#makeReady(key);
    } else if (entry.state === 'running' || entry.state === 'following') {
      entry.isDirty = true;
    } else if (entry.state === 'waiting' && entry.eventDueAt < entry.dueAt) {
      this.#wait(key, entry, entry.eventDueAt);
    }
  }

  /** Runs keys until `signal` aborts; resolves when the passes in flight have ended, or have had 5 s to do so. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#dispatch();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const entry of this.#entries.values()) entry.cancel?.();
    if (this.#running > 0) await this.#drain();
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      const deadline = this.#options.clock.after(DRAIN_MS, 'deadline', resolve);
      this.#whenIdle = () => {
        deadline.cancel();
        resolve();
      };
    });
  }

  /** Starts passes as long as keys are ready and places free, a slice at a time. */
  #dispatch(): void {
    if (this.#isDispatching || !this.#mayStart()) return;
    const turn = this.#options.clock.turn('work');
    if (turn === undefined) {
      this.#startSlice();
      return;
    }
    this.#isDispatching = true;
    void turn.then(() => {
      this.#isDispatching = false;
      if (this.#mayStart()) this.#startSlice();
    });
  }

  #mayStart(): boolean {
    const isRunning = this.#signal !== undefined && !this.#signal.aborted;
    return isRunning && this.#running < this.#options.concurrency && this.#ready.size > 0;
  }

  #startSlice(): void {
    const { clock } = this.#options;
    const until = clock.elapsed() + SLICE_MS;
    do {
      const key = this.#ready.shift();
      if (key === undefined || this.#signal === undefined) return;
      void this.#pass(key, this.#signal);
    } while (this.#mayStart() && clock.elapsed() < until);
    if (this.#mayStart()) this.#scheduleDispatch();
  }

  async #pass(key: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(key) ?? restingEntry();
    entry.state = 'running';
    this.#running++;
    let outcome: Outcome;
    try {
      outcome = await this.#options.reconcile(key, signal);
    } catch (error) {
      // A panic of one key is a failure of that key: the others carry on.
      outcome = { kind: 'failed', error };
    }
    this.#running--;
    if (signal.aborted) {
      if (this.#running === 0) this.#whenIdle?.();
      return;
    }
    this.#finish(key, entry, outcome);
    this.#dispatch();
  }

  #finish(key: string, entry: Entry, outcome: Outcome): void {
    const { random, backoff: limits = RETRY_LIMITS } = this.#options;
    const step = nextStep(outcome, entry.failures, { limits, random });
    entry.failures = step.kind === 'later' ? step.failures : 0;
    if (outcome.kind === 'failed' && step.kind === 'later') this.#logFailure(key, outcome.error, step);
    const wasDirty = entry.isDirty;
    entry.isDirty = false;
    switch (step.kind) {
      case 'rest':
        if (wasDirty) this.#makeReady(key);
        else this.#entries.delete(key);
        return;
      case 'again':
        this.#makeReady(key);
        return;
      case 'follow':
        this.#follow(key, entry, step);
        return;
      case 'later': {
        const now = this.#options.clock.elapsed();
        entry.eventDueAt = now + step.eventDelayMs;
        entry.dueAt = now + step.delayMs;
        this.#wait(key, entry, wasDirty ? entry.eventDueAt : entry.dueAt);
      }
    }
  }

  #follow(key: string, entry: Entry, step: Extract<NextStep, { kind: 'follow' }>): void {
    const { clock, log } = this.#options;
    entry.state = 'following';
    entry.cancel = followCache({
      clock,
      cache: step.cache,
      revision: step.revision,
      onReached: () => this.#wake(key, entry),
      onTimeout: () => {
        log.warn('the cache did not show what the pass wrote: running the key again anyway', { key });
        this.#wake(key, entry);
      },
    });
  }

  #wait(key: string, entry: Entry, dueAt: number): void {
    entry.cancel?.();
    entry.state = 'waiting';
    entry.dueAt = dueAt;
    const ms = dueAt - this.#options.clock.elapsed();
    if (ms <= 0) {
      this.#wake(key, entry);
      return;
    }
    const timer = this.#options.clock.after(ms, 'backoff', () => this.#wake(key, entry));
    entry.cancel = () => timer.cancel();
  }

  #wake(key: string, entry: Entry): void {
    entry.cancel = undefined;
    entry.isDirty = false;
    this.#makeReady(key);
  }

  #makeReady(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.state = 'ready';
    this.#ready.push(key);
    this.#scheduleDispatch();
  }

  /** Passes start after the delivery of the event that asked for them, so that every subscriber has seen it. */
  #scheduleDispatch(): void {
    if (this.#isDispatchScheduled) return;
    this.#isDispatchScheduled = true;
    queueMicrotask(() => {
      this.#isDispatchScheduled = false;
      this.#dispatch();
    });
  }

  #logFailure(key: string, error: unknown, step: Extract<NextStep, { kind: 'later' }>): void {
    const { log, name } = this.#options;
    const level = error instanceof InvariantError ? 'error' : logLevelOf(step.delayMs);
    log[level](`${name}: a pass failed, it is tried again`, {
      key,
      error: messageOf(error).slice(0, 1000),
      reason: error instanceof ApiError ? error.reason : undefined,
      failures: step.failures,
      retryAfterMs: Math.round(step.delayMs),
    });
  }
}

function restingEntry(): Entry {
  return { state: 'ready', isDirty: false, failures: 0, dueAt: 0, eventDueAt: 0, cancel: undefined };
}
