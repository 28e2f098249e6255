// One call in flight for a volume: the second is answered ABORTED at once (CSI: "operation pending for volume").
// And a queue for the short steps that look at the whole pool.
import { CsiError } from '#csi/csi-error.ts';

export interface Exclusive {
  /** Runs `step` unless another one for `key` is running. */
  run<T>(key: string, step: () => Promise<T>): Promise<T>;
}

export function exclusive(): Exclusive {
  const running = new Set<string>();
  return {
    async run(key, step) {
      if (running.has(key)) {
        throw new CsiError(
          'ABORTED',
          `Another call for ${JSON.stringify(key.slice(0, 140))} is still running: try again later`,
        );
      }
      running.add(key);
      try {
        return await step();
      } finally {
        running.delete(key);
      }
    },
  };
}

/** Runs steps one after another, in the order of the calls. */
export function oneAfterAnother(): <T>(step: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const next = last.then(step, step);
    last = next.catch(() => undefined);
    return next;
  };
}
