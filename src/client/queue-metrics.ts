// What a loop's queue does, under client-go's names. A wrapper around its two doors, so that the queue itself stays as it
// is: keys that go in, and passes.
// Rule CMP8 is carried out here too.
import type { Clock } from '#base/clock.ts';
import { exponentialBuckets, type Metrics } from '#base/metrics.ts';
import type { Reconcile } from './outcome.ts';

/** client-go's own: 10 ns to 10 s and beyond. */
const BUCKETS = exponentialBuckets(1e-8, 10, 10);

export interface QueueMetrics {
  /** An event has named `key`. */
  enqueued(key: string): void;
  /** `reconcile`, watched. */
  watch(reconcile: Reconcile): Reconcile;
}

/** The metrics of the loop `name`. A key that waits counts once, from its first event to its pass, as in client-go. */
export function queueMetrics(metrics: Metrics, clock: Clock, name: string): QueueMetrics {
  const labels = { name };
  const adds = metrics.counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue.',
  });
  const retries = metrics.counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue.',
  });
  const waited = metrics.histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested.',
    buckets: BUCKETS,
  });
  const worked = metrics.histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    buckets: BUCKETS,
  });
  adds.add(labels, 0);
  retries.add(labels, 0);
  const waiting = new Map<string, number>();
  const running = new Map<string, number>();
  const now = (): number => clock.elapsed();
  const seconds = (since: number): number => (now() - since) / 1000;
  metrics.collect({ name: 'workqueue_depth', help: 'Current depth of workqueue.', type: 'gauge' }, () => [
    { labels, value: waiting.size },
  ]);
  metrics.collect(
    {
      name: 'workqueue_unfinished_work_seconds',
      help: 'How many seconds of work are in progress and not yet observed by work_duration.',
      type: 'gauge',
    },
    () => [{ labels, value: [...running.values()].reduce((sum, since) => sum + seconds(since), 0) }],
  );
  metrics.collect(
    {
      name: 'workqueue_longest_running_processor_seconds',
      help: 'How many seconds the longest running pass has been running.',
      type: 'gauge',
    },
    () => [{ labels, value: Math.max(0, ...[...running.values()].map(seconds)) }],
  );
  return {
    enqueued(key) {
      if (waiting.has(key)) return;
      waiting.set(key, now());
      adds.add(labels);
    },
    watch: (reconcile) => async (key, signal) => {
      const since = waiting.get(key);
      // The queue's own repetition has no event: it is an add of its own.
      if (since === undefined) adds.add(labels);
      else waited.observe(labels, seconds(since));
      waiting.delete(key);
      const startedAt = now();
      running.set(key, startedAt);
      let isRetried = true;
      try {
        const outcome = await reconcile(key, signal);
        isRetried = outcome.kind === 'failed' || outcome.kind === 'blocked';
        return outcome;
      } finally {
        running.delete(key);
        worked.observe(labels, seconds(startedAt));
        if (isRetried) retries.add(labels);
      }
    },
  };
}
