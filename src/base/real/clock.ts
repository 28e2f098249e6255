// The machine's clock. Only main makes one.
import type { Clock, Timer, TimerKind } from '../clock.ts';
import { Turns } from './turns.ts';

/** A clock over the machine's own time. Periodic timers do not keep the process alive. */
export function realClock(): Clock {
  const turns = new Turns();
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    after(ms, kind, fire) {
      if (ms <= 0) return nextIteration(kind, fire);
      const handle = setTimeout(fire, ms);
      if (kind === 'periodic') handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
    turn: (kind) => turns.take(kind),
  };
}

/** A timeout of 0 is one of a whole millisecond. */
function nextIteration(kind: TimerKind, fire: () => void): Timer {
  const handle = setImmediate(fire);
  if (kind === 'periodic') handle.unref();
  return { cancel: () => clearImmediate(handle) };
}
