import { afterEach, beforeEach, expect, test } from 'vitest';
import { assert } from '#base/assert.ts';
import type { Clock } from '#base/clock.ts';
import { type Log, type LogFields, silentLog } from '#base/log.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { type VirtualClock, virtualClock } from '#testing/virtual-clock.ts';
import type { Outcome, Reconcile } from './outcome.ts';
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts';

let clock: VirtualClock;
let stop: AbortController;
let running: Promise<void>[];
const lines: { level: string; message: string; fields: LogFields | undefined }[] = [];

beforeEach(() => {
  clock = virtualClock();
  stop = new AbortController();
  running = [];
  lines.length = 0;
});
afterEach(async () => {
  stop.abort();
  await clock.advance(5000);
  await Promise.all(running);
  expect(clock.pending).toEqual([]);
});

const at = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
  lines.push({ level, message, fields });
};
const log: Log = { ...silentLog, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };

/** A queue whose passes are noted, and whose outcomes come from `script`, then are settled. */
function queueOf(
  script: readonly (Outcome | (() => Promise<Outcome>))[] = [],
  more: Partial<WorkQueueOptions> = {},
) {
  const passes: { key: string; at: number }[] = [];
  const rest = [...script];
  const reconcile: Reconcile = async (key) => {
    passes.push({ key, at: clock.elapsed() });
    const next = rest.shift() ?? { kind: 'settled' };
    return typeof next === 'function' ? next() : next;
  };
  const random = { ...seededRandom(1), fraction: () => 0.5 };
  const queue = new WorkQueue({ clock, random, log, name: 'test', concurrency: 2, reconcile, ...more });
  running.push(queue.run(stop.signal));
  return { queue, passes, times: () => passes.map((pass) => pass.at) };
}

function gate() {
  let open: (outcome: Outcome) => void = () => undefined;
  const outcome = new Promise<Outcome>((resolve) => (open = resolve));
  return { pass: () => outcome, open };
}

test('CLT1: CLT3: many events make one pass, and a settled key is forgotten', async () => {
  const { queue, passes } = queueOf();
  for (let i = 0; i < 5; i++) queue.enqueue('a');
  await nextTurn();
  expect([passes.length, queue.size]).toEqual([1, 0]);
});

test('CLT1: CLT2: events during a pass make one more, after it', async () => {
  const first = gate();
  const { queue, passes } = queueOf([first.pass]);
  queue.enqueue('a');
  await nextTurn();
  for (let i = 0; i < 5; i++) queue.enqueue('a');
  await nextTurn();
  expect(passes.length).toBe(1);
  first.open({ kind: 'settled' });
  await nextTurn();
  expect([passes.length, queue.size]).toEqual([2, 0]);
});

test('CLT4: a key that wrote is held until the cache has it, events or not', async () => {
  const informer = { revision: 5 };
  const { queue, passes } = queueOf([{ kind: 'progressed', wrote: { informer, resourceVersion: '7' } }]);
  queue.enqueue('a');
  await clock.advance(200);
  queue.enqueue('a');
  informer.revision = 6;
  await clock.advance(200);
  expect(passes.length).toBe(1);
  informer.revision = 7;
  await clock.advance(200);
  expect([passes.length, queue.size]).toEqual([2, 0]);
});

test('CLT4: a cache that calls back is not polled', async () => {
  let reached: () => void = () => undefined;
  const onRevision = (_revision: number, call: () => void) => ((reached = call), () => undefined);
  const informer = { revision: 5, onRevision };
  const { queue, passes } = queueOf([{ kind: 'progressed', wrote: { informer, resourceVersion: '7' } }]);
  queue.enqueue('a');
  await nextTurn();
  reached();
  await nextTurn();
  expect([passes.length, queue.size]).toEqual([2, 0]);
});

test('CLT4: a dead cache does not hold a key for ever', async () => {
  const informer = { revision: 5 };
  const { queue, passes } = queueOf([{ kind: 'progressed', wrote: { informer, resourceVersion: '7' } }]);
  queue.enqueue('a');
  await clock.advance(30_000);
  expect([passes.length, lines.map(({ level }) => level)]).toEqual([2, ['warn']]);
});

test('CLT5: delays double to the limit and begin anew after a success', async () => {
  const failed: Outcome = { kind: 'failed', error: new Error('no') };
  const script: Outcome[] = [failed, failed, failed, failed, { kind: 'settled' }, failed];
  const { queue, times } = queueOf(script, { backoff: { firstMs: 100, maxMs: 300 } });
  queue.enqueue('a');
  await clock.advance(1000);
  expect(times()).toEqual([0, 100, 300, 600, 900]);
  queue.enqueue('a');
  await clock.advance(1000);
  expect(times().slice(5)).toEqual([1000, 1100]);
});

test('CLT6: a blocked key looks again after its delay, or at once when an event comes', async () => {
  const blocked: Outcome = { kind: 'blocked', because: 'wait', retryAfterMs: 500 };
  const { queue, times } = queueOf([blocked, blocked]);
  queue.enqueue('a');
  await clock.advance(600);
  queue.enqueue('a');
  await clock.advance(10);
  expect(times()).toEqual([0, 500, 600]);
  expect(queue.size).toBe(0);
});

test('CLT7: an event brings the next attempt of a failing key within a second', async () => {
  const failed: Outcome = { kind: 'failed', error: new Error('no') };
  const { queue, times } = queueOf([failed], { backoff: { firstMs: 60_000, maxMs: 60_000 } });
  queue.enqueue('a');
  await clock.advance(10);
  for (let i = 0; i < 5; i++) queue.enqueue('a');
  await clock.advance(5000);
  expect(times()).toEqual([0, 1000]);
});

test('CLT8: CLT11: a pass that throws stops neither the loop nor other keys, and a broken invariant is an error', async () => {
  const { queue, passes } = queueOf([
    () => {
      assert(false, 'something must hold');
    },
    async () => {
      throw new Error('no');
    },
  ] as (() => Promise<Outcome>)[]);
  queue.enqueue('a');
  queue.enqueue('b');
  queue.enqueue('c');
  await clock.advance(100);
  expect(passes.map(({ key }) => key).sort()).toEqual(['a', 'a', 'b', 'b', 'c']);
  expect(lines.map(({ level, fields }) => [level, fields?.['key']])).toEqual([
    ['error', 'a'],
    ['debug', 'b'],
  ]);
});

test('CLT9: no more passes run at once than allowed', async () => {
  let now = 0;
  let most = 0;
  const reconcile = async (): Promise<Outcome> => {
    most = Math.max(most, ++now);
    await nextTurn();
    now--;
    return { kind: 'settled' };
  };
  const { queue } = queueOf([], { concurrency: 3, reconcile });
  for (let i = 0; i < 20; i++) queue.enqueue(`k${i}`);
  for (let i = 0; i < 20; i++) await nextTurn();
  expect([most, queue.size]).toEqual([3, 0]);
});

test('CLT10: a turn starts passes for a millisecond, and the queue waits for its next turn', async () => {
  let elapsed = 0;
  const turns: (() => void)[] = [];
  const slow: Clock = {
    now: () => clock.now(),
    elapsed: () => elapsed,
    after: (...args) => clock.after(...args),
    turn: (kind) => {
      expect(kind).toBe('work');
      return new Promise((resolve) => turns.push(resolve));
    },
  };
  const reconcile = async (): Promise<Outcome> => {
    elapsed += 0.4;
    return { kind: 'settled' };
  };
  const { queue } = queueOf([], { clock: slow, reconcile, concurrency: 100 });
  for (let i = 0; i < 8; i++) queue.enqueue(`k${i}`);
  const left: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await nextTurn();
    left.push(queue.size);
    turns.shift()?.();
  }
  expect(left).toEqual([8, 5, 2, 0]);
  expect(turns).toEqual([]);
});

test('CLT12: stopping starts nothing, waits for passes in flight, and not for ever', async () => {
  const first = gate();
  const hung = gate();
  const { queue, passes } = queueOf([first.pass, hung.pass]);
  for (const key of ['a', 'b', 'c']) queue.enqueue(key);
  await nextTurn();
  stop.abort();
  let isOver = false;
  void running[0]?.then(() => (isOver = true));
  first.open({ kind: 'settled' });
  await clock.advance(4999);
  expect([passes.length, isOver]).toEqual([2, false]);
  await clock.advance(1);
  expect(isOver).toBe(true);
});
