import { expect, test } from 'vitest';
import { createMetrics } from '#base/metrics.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import type { Outcome } from './outcome.ts';
import { queueMetrics } from './queue-metrics.ts';

const signal = new AbortController().signal;

function world() {
  const metrics = createMetrics();
  const clock = virtualClock();
  const queue = queueMetrics(metrics, clock, 'claims');
  const value = (line: string): string | undefined =>
    metrics
      .text()
      .split('\n')
      .find((one) => one.startsWith(`workqueue_${line} `))
      ?.split(' ')[1];
  return { clock, queue, value };
}

test('CMP8: a key that waits counts once, and its wait and its pass are measured', async () => {
  const { clock, queue, value } = world();
  queue.enqueued('a');
  queue.enqueued('a');
  queue.enqueued('b');
  expect([value('depth{name="claims"}'), value('adds_total{name="claims"}')]).toEqual(['2', '2']);
  await clock.advance(500);
  const pass = queue.watch(async () => {
    await clock.advance(2000);
    expect(value('unfinished_work_seconds{name="claims"}')).toBe('2');
    expect(value('longest_running_processor_seconds{name="claims"}')).toBe('2');
    return { kind: 'settled' };
  });
  await pass('a', signal);
  expect(value('depth{name="claims"}')).toBe('1');
  expect(value('queue_duration_seconds_sum{name="claims"}')).toBe('0.5');
  expect(value('work_duration_seconds_sum{name="claims"}')).toBe('2');
  expect(value('unfinished_work_seconds{name="claims"}')).toBe('0');
});

test.each<{ readonly outcome: Outcome | Error; readonly retries: string }>([
  { outcome: { kind: 'settled' }, retries: '0' },
  { outcome: { kind: 'progressed' }, retries: '0' },
  { outcome: { kind: 'blocked', because: 'x', retryAfterMs: 1 }, retries: '1' },
  { outcome: { kind: 'failed', error: new Error('x') }, retries: '1' },
  { outcome: new Error('panic'), retries: '1' },
])('CMP8: a pass that ends with $outcome makes $retries retries', async ({ outcome, retries }) => {
  const { queue, value } = world();
  const pass = queue.watch(() =>
    outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
  );
  await pass('a', signal).catch(() => undefined);
  expect(value('retries_total{name="claims"}')).toBe(retries);
  expect(value('adds_total{name="claims"}')).toBe('1');
  expect(value('work_duration_seconds_count{name="claims"}')).toBe('1');
});
