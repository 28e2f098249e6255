// Waiting for a fact: looked for after every change of an object, and every few milliseconds for what the kernel does.
import type { Clock } from '#base/clock.ts';
import { sleep } from '#base/clock.ts';
import { CommandError, EXIT } from '../exit-codes.ts';

// Facts in /proc and on the disk announce nothing.
const LOOK_EVERY_MS = 10;

export interface Waiter {
  /** The value `look` finds; a CommandError naming `what` when it finds none within `withinMs`. */
  waitFor<T>(what: string, look: () => T | undefined | Promise<T | undefined>, withinMs?: number): Promise<T>;
}

/** A waiter that stops when `signal` aborts. */
export function createWaiter(clock: Clock, signal: AbortSignal): Waiter {
  return {
    async waitFor(what, look, withinMs = 60_000) {
      const end = clock.elapsed() + withinMs;
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        if (signal.aborted) throw new CommandError(EXIT.interrupted, `Interrupted while waiting: ${what}`);
        if (clock.elapsed() > end) {
          throw new CommandError(EXIT.failed, `Waited ${withinMs / 1000} s in vain: ${what}`);
        }
        await sleep(clock, LOOK_EVERY_MS, 'deadline', signal);
      }
    },
  };
}
