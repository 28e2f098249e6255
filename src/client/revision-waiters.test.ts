import { expect, test } from 'vitest';
import { RevisionWaiters } from './revision-waiters.ts';

test('CLT31: waiters wake in the order of their revisions, each once, and those who left do not', () => {
  const waiters = new RevisionWaiters();
  const woken: number[] = [];
  const stop = [5, 3, 9, 4, 3].map((revision) => waiters.add(revision, () => woken.push(revision)));
  stop[3]?.();
  waiters.reach(2);
  expect(woken).toEqual([]);
  waiters.reach(5);
  expect(woken).toEqual([3, 3, 5]);
  stop[0]?.();
  waiters.reach(20);
  waiters.reach(30);
  expect(woken).toEqual([3, 3, 5, 9]);
});

test('CLT31: one who is woken may wait again, and thousands who left are forgotten', () => {
  const waiters = new RevisionWaiters();
  const woken: string[] = [];
  waiters.add(1, () => {
    woken.push('first');
    waiters.add(2, () => woken.push('again'));
  });
  for (let at = 0; at < 3000; at++) waiters.add(1 + at, () => woken.push('left'))();
  waiters.reach(1);
  expect(woken).toEqual(['first']);
  waiters.reach(5000);
  expect(woken).toEqual(['first', 'again']);
});
