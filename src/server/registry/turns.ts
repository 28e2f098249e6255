// Turns: writers that would all change the same object (a namespace's quota) go one after the other instead of
// meeting in conflicts. Only for speed: what keeps them right is the comparison at commit.
import { internalError } from '#api/status.ts';
import type { Clock } from '#base/clock.ts';

export interface Turns {
  /** Runs `work` when all earlier work of `key` is done. Throws 500 when that takes longer than 10 s. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** As long as Kubernetes evaluates quotas. */
const PATIENCE_MS = 10_000;

export function createTurns(clock: Clock): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    run: async (key, work) => {
      const since = clock.now();
      const before = last.get(key);
      const { promise, resolve } = Promise.withResolvers<void>();
      last.set(key, promise);
      try {
        await before;
        if (clock.now() - since > PATIENCE_MS) throw internalError('resource quota evaluation timed out');
        return await work();
      } finally {
        resolve();
        if (last.get(key) === promise) last.delete(key);
      }
    },
  };
}
