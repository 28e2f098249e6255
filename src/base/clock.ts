// Time comes in through this interface. The real clock is made in main, the virtual one in testing; both pass the
// suite in testing/contracts/clock. A timer says what it is for, because quiescence in simulation means: no ready
// effect and only periodic timers.

/** `deadline`: bounds an effect. `backoff`: a retry will come. `periodic`: comes again for ever (resync, heartbeat). */
export type TimerKind = 'deadline' | 'backoff' | 'periodic';

/** `news`: brings a cache up to date, and goes first. `work`: a request, a pass. */
export type TurnKind = 'news' | 'work';

export interface Timer {
  /** Stops the timer; a fired or cancelled timer ignores it. */
  cancel(): void;
}

export interface Clock {
  /** Wall-clock milliseconds since the epoch. May jump. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary start. Never goes back. */
  elapsed(): number;
  /** Calls `fire` once, `ms` milliseconds from now (at least one turn later, 0 included). */
  after(ms: number, kind: TimerKind, fire: () => void): Timer;
  /**
   * The caller's turn to run a piece of work that may be one of many (law 8). Undefined: at once. Else it resolves when
   * those who asked before have had theirs and the event loop has served its timers and sockets.
   */
  turn(kind: TurnKind): Promise<void> | undefined;
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects: look at the signal afterwards. */
export function sleep(clock: Clock, ms: number, kind: TimerKind, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = clock.after(ms, kind, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    const stop = (): void => {
      timer.cancel();
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** RFC 3339 in whole seconds, the form of `metadata.creationTimestamp` (Kubernetes `Time`). */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, the form of Kubernetes `MicroTime`. */
export function formatMicroTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
