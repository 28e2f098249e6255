// One call in flight for a volume: the second is answered ABORTED at once (CSI: "operation pending for volume").
// And a queue for the short steps that look at the whole pool.
import { CsiError } from '#csi/csi-error.ts';

export interface Exclusive {
  /** Runs `step` unless another one for `key` is running. */
  run<T>(key: string, step: () => Promise<T>): Promise<T>;
  /** The same for several keys at once. */
  runAll<T>(keys: readonly string[], step: () => Promise<T>): Promise<T>;
}

export function exclusive(): Exclusive {
  const running = new Set<string>();
  const runAll: Exclusive['runAll'] = async (keys, step) => {
    const taken = keys.find((key) => running.has(key));
    if (taken !== undefined) {
      throw new CsiError(
        'ABORTED',
        `Another call for ${JSON.stringify(taken.slice(0, 140))} is still running: try again later`,
      );
    }
    for (const key of keys) running.add(key);
    try {
      return await step();
    } finally {
      for (const key of keys) running.delete(key);
    }
  };
  return { runAll, run: (key, step) => runAll([key], step) };
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
