import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';

test('CLT59: a queue gives back what it got, in order, however pushes and shifts are mixed', () => {
  const queue = new Fifo<number>();
  const out: (number | undefined)[] = [queue.shift()];
  let next = 0;
  for (const [pushes, shifts] of [
    [5, 2],
    [1, 4],
    [0, 1],
    [100, 60],
    [60, 100],
  ] as const) {
    for (let at = 0; at < pushes; at++) queue.push(next++);
    for (let at = 0; at < shifts; at++) out.push(queue.shift());
  }
  const numbers = Array.from({ length: 166 }, (_, at) => at);
  expect(out).toEqual([undefined, ...numbers.slice(0, 6), undefined, ...numbers.slice(6)]);
  expect(queue.size).toBe(0);
});
