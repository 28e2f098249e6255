// Turns a reconcile function into a running loop: connects its informers to a queue, waits until the caches are full,
// then runs keys until told to stop.
import type { BackoffLimits } from '#base/backoff.ts';
import type { LoopDeps, Service } from './loop.ts';
import type { Reconcile } from './outcome.ts';
import { queueMetrics } from './queue-metrics.ts';
import { WorkQueue } from './work-queue.ts';

export interface LoopDefinition {
  readonly name: string;
  /** Keys in flight at once. */
  readonly concurrency: number;
  readonly reconcile: Reconcile;
  /** Subscribes to informers and calls `enqueue` for each key that an event concerns; returns the unsubscribers. */
  connect(enqueue: (key: string) => void): (() => void)[];
  readonly backoff?: BackoffLimits;
}

/** The loop as a service. Nothing is subscribed before `run`, and nothing is left after it. */
export function runLoop(deps: LoopDeps, definition: LoopDefinition): Service {
  const { clock, random, metrics } = deps;
  const watched = metrics === undefined ? undefined : queueMetrics(metrics, clock, definition.name);
  const reconcile = watched?.watch(definition.reconcile) ?? definition.reconcile;
  return {
    name: definition.name,
    async run(signal) {
      const queue = new WorkQueue({ ...definition, reconcile, clock, random, log: deps.log });
      const disconnect = definition.connect((key) => {
        watched?.enqueued(key);
        queue.enqueue(key);
      });
      try {
        await deps.informers.whenAllSynced(signal);
        if (!signal.aborted) await queue.run(signal);
      } finally {
        for (const stop of disconnect) stop();
      }
    },
  };
}
