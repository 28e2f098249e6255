// Real turns of the event loop: order and interleaving are looked at, never how long something takes.
import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** A piece that works for `ms` in one go. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('CLT56: pieces that all began at once leave turns to timers and sockets between them', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const piece = async (name: string): Promise<void> => {
    await turns.take('work');
    work(1);
    done.push(name);
  };
  const pieces = Promise.all(Array.from({ length: 12 }, (_, at) => piece(`piece ${at}`)));
  for (let other = 0; done.filter((name) => name.startsWith('piece')).length < 12; other++) {
    await immediate();
    done.push(`other ${other}`);
  }
  await pieces;
  const longest = done
    .join()
    .split(/other \d+/)
    .map((run) => run.split(',').filter((name) => name.startsWith('piece')));
  expect(Math.max(...longest.map((run) => run.length))).toBeLessThan(12);
  expect(done.filter((name) => name.startsWith('piece'))).toEqual(
    Array.from({ length: 12 }, (_, at) => `piece ${at}`),
  );
});

test('CLT57: what a piece leads to in microtasks ends before the next batch begins', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const piece = async (name: string): Promise<void> => {
    await turns.take('work');
    work(3); // more than a turn has: batches are of one piece
    for (let hop = 0; hop < 20; hop++) await Promise.resolve();
    done.push(`${name} ends`);
  };
  const next = async (): Promise<void> => {
    await turns.take('work');
    done.push('next begins');
  };
  await Promise.all([piece('a'), piece('b'), next()]);
  expect(done).toEqual(['a ends', 'b ends', 'next begins']);
});

test('CLT58: news goes before work that asked earlier, and work is not kept waiting by a flood of it', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const piece = async (kind: 'news' | 'work', name: string): Promise<void> => {
    await turns.take(kind);
    work(3); // more than a turn has: batches are of one piece
    done.push(name);
  };
  await Promise.all([
    piece('work', 'first'),
    ...[1, 2].map((at) => piece('work', `work ${at}`)),
    ...[1, 2, 3, 4].map((at) => piece('news', `news ${at}`)),
  ]);
  expect(done).toEqual(['first', 'news 1', 'work 1', 'news 2', 'work 2', 'news 3', 'news 4']);
});
