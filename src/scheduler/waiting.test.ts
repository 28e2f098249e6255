import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Cause, Why } from './refusal.ts';
import { WaitingPods } from './waiting.ts';

const aPod = (name = 'web', metadata: object = {}): Stored<Pod> => ({
  metadata: {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...metadata,
  },
});
const because = (reasons: string, detail = '', causes: readonly Cause[] = ['resources']): Why => ({
  reasons,
  message: `${reasons}${detail}`,
  causes: new Set(causes),
});

test('SCH73: only pods that a change may help are woken', () => {
  const waiting = new WaitingPods();
  waiting.refused(aPod('a'), because('x', '', ['resources', 'node']), 0);
  waiting.refused(aPod('b'), because('x', '', ['claims']), 0);
  waiting.refused(aPod('c'), because('x', '', ['spread']), 0);
  expect([...waiting.helpedBy(['resources', 'spread'])]).toEqual(['shop/a', 'shop/c']);
  waiting.forget('shop/a');
  expect([...waiting.helpedBy(['resources', 'node'])]).toEqual([]);
});

test('SCH74: a pod is tried at growing distances', () => {
  const waiting = new WaitingPods();
  const pod = aPod();
  const delays = Array.from({ length: 10 }, () => {
    waiting.refused(pod, because('x'), 1000);
    return waiting.delayOf(pod, 1000);
  });
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  expect(waiting.delayOf(pod, 6000)).toBe(5000);
});

test('SCH74: a change of the pod or its claims lifts that', () => {
  const waiting = new WaitingPods();
  for (let time = 0; time < 5; time++) waiting.refused(aPod(), because('x'), 0);
  expect(waiting.delayOf(aPod(), 0)).toBe(800);
  expect(waiting.delayOf(aPod('web', { generation: 2 }), 0)).toBe(0);
  expect(waiting.delayOf(aPod('web', { uid: 'another' }), 0)).toBe(0);
  waiting.hurry('shop/web');
  expect(waiting.delayOf(aPod(), 0)).toBe(0);
});

test('SCH52: news is told at once the first time, then less and less often', () => {
  const waiting = new WaitingPods();
  const pod = aPod();
  const pauses: (number | undefined)[] = [];
  for (let time = 0; time < 9; time++) {
    waiting.refused(pod, because(`reason ${time}`), 0);
    pauses.push(waiting.newsDelay(pod, because(`reason ${time}`), 0));
    waiting.told(pod, because(`reason ${time}`), 0);
  }
  expect(pauses).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test('SCH52: what was said is no news, and other amounts are told once a minute', () => {
  const waiting = new WaitingPods();
  const pod = aPod();
  waiting.refused(pod, because('short', ' of 1'), 0);
  waiting.told(pod, because('short', ' of 1'), 0);
  expect(waiting.newsDelay(pod, because('short', ' of 1'), 0)).toBeUndefined();
  expect(waiting.newsDelay(pod, because('short', ' of 2'), 20_000)).toBe(40_000);
  expect(waiting.newsDelay(pod, because('full'), 20_000)).toBe(0);
});
