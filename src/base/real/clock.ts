// The machine's clock. Only main makes one.
import type { Clock } from '../clock.ts';

/** A clock over the machine's own time. Periodic timers do not keep the process alive. */
export function realClock(): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    after(ms, kind, fire) {
      const handle = setTimeout(fire, Math.max(0, ms));
      if (kind === 'periodic') handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
