import { expect, test } from 'vitest';
import { createMetrics, exponentialBuckets } from './metrics.ts';

test('CMP6: counters and gauges have HELP and TYPE once and a line a series, sorted by name', () => {
  const metrics = createMetrics();
  const adds = metrics.counter({ name: 'workqueue_adds_total', help: 'Adds.' });
  adds.add({ name: 'b' });
  adds.add({ name: 'a' }, 2);
  metrics.counter({ name: 'workqueue_adds_total', help: 'Adds.' }).add({ name: 'b' });
  metrics.gauge({ name: 'leader', help: 'Who.' }).set({}, 1);
  expect(metrics.text()).toBe(
    '# HELP leader Who.\n# TYPE leader gauge\nleader 1\n' +
      '# HELP workqueue_adds_total Adds.\n# TYPE workqueue_adds_total counter\n' +
      'workqueue_adds_total{name="b"} 2\nworkqueue_adds_total{name="a"} 2\n',
  );
});

test('CMP6: a histogram tells what is at most each bound, everything, the sum and the count', () => {
  const metrics = createMetrics();
  const seconds = metrics.histogram({ name: 's', help: 'S.', buckets: exponentialBuckets(0.5, 2, 2) });
  for (const value of [0.5, 0.75, 3]) seconds.observe({ code: 'OK' }, value);
  expect(metrics.text().split('\n').slice(2, -1)).toEqual([
    's_bucket{code="OK",le="0.5"} 1',
    's_bucket{code="OK",le="1"} 2',
    's_bucket{code="OK",le="+Inf"} 3',
    's_sum{code="OK"} 4.25',
    's_count{code="OK"} 3',
  ]);
});

test('CMP6: backslashes, quotes and line ends are escaped, in help without the quotes', () => {
  const metrics = createMetrics();
  metrics.gauge({ name: 'g', help: 'a "b" \\ c\nd' }).set({ x: 'a "b" \\ c\nd' }, Infinity);
  expect(metrics.text().split('\n')).toEqual([
    '# HELP g a "b" \\\\ c\\nd',
    '# TYPE g gauge',
    'g{x="a \\"b\\" \\\\ c\\nd"} +Inf',
    '',
  ]);
});

test('CMP6: a collector is read at each look', () => {
  const metrics = createMetrics();
  let value = 1;
  const size = { name: 'size', help: 'Size.', type: 'gauge' as const };
  metrics.collect(size, () => [{ labels: { of: 'a' }, value }]);
  metrics.collect(size, () => [{ labels: { of: 'b' }, value: 9 }]);
  value = 5;
  expect(metrics.text()).toContain('size{of="a"} 5\nsize{of="b"} 9\n');
});

test('CMP7: a metric has no more than 2000 series, however many names others invent', () => {
  const metrics = createMetrics();
  const adds = metrics.counter({ name: 'adds', help: 'Adds.' });
  for (let at = 0; at < 3000; at++) adds.add({ name: `n${at}` });
  adds.add({ name: 'n0' });
  metrics.collect({ name: 'all', help: 'All.', type: 'gauge' }, function* () {
    for (let at = 0; ; at++) yield { labels: { name: `n${at}` }, value: at };
  });
  const lines = metrics.text().split('\n');
  expect(lines.filter((line) => line.startsWith('adds{'))).toHaveLength(2000);
  expect(lines).toContain('adds{name="n0"} 2');
  expect(lines.filter((line) => line.startsWith('all{'))).toHaveLength(2000);
});
