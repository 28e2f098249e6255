import { expect, test } from 'vitest';
import type { Clock } from '#base/clock.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { Pace, runSteps, Turnstile } from './turnstile.ts';

test('SCH72: the most important pod goes first, and among equals who came first', async () => {
  const clock = virtualClock();
  const turnstile = new Turnstile(new Pace(clock));
  const order: string[] = [];
  let open: () => void = () => undefined;
  const first = turnstile.pass(0, () => new Promise<void>((resolve) => (open = resolve)));
  await clock.advance(1);
  const enter = (name: string, priority: number) =>
    turnstile.pass(priority, () => {
      order.push(name);
      return Promise.resolve();
    });
  const others = [
    ...[3, 1, 2].map((priority) => enter(`p${priority}`, priority)),
    ...['a', 'b', 'c', 'd', 'e'].map((name) => enter(name, 2)),
    enter('urgent', 2_000_000_000),
    enter('last', -5),
  ];
  open();
  await clock.advance(1);
  await Promise.all([first, ...others]);
  expect(order).toEqual(['urgent', 'p3', 'p2', 'a', 'b', 'c', 'd', 'e', 'p1', 'last']);
});

test('SCH72: a decision that fails lets the next one in', async () => {
  const clock = virtualClock();
  const turnstile = new Turnstile(new Pace(clock));
  const failed = turnstile.pass(0, () => Promise.reject(new Error('broken')));
  const next = turnstile.pass(0, () => Promise.resolve('in'));
  await expect(failed).rejects.toThrow('broken');
  await clock.advance(1);
  expect(await next).toBe('in');
});

/** A clock on which every look costs time: as if each step of a decision took that long. */
function slowClock(stepMs: number): {
  readonly clock: Clock;
  readonly turns: () => number;
  nextTurn(): void;
} {
  let now = 0;
  let turns = 0;
  const due: (() => void)[] = [];
  const clock: Clock = {
    now: () => now,
    elapsed: () => (now += stepMs),
    after: (_ms, _kind, fire) => {
      due.push(fire);
      return { cancel: () => undefined };
    },
    turn: () => undefined,
  };
  return {
    clock,
    turns: () => turns,
    nextTurn: () => {
      turns++;
      for (const fire of due.splice(0)) fire();
    },
  };
}

function* steps(count: number): Generator<undefined, string, undefined> {
  for (let step = 0; step < count; step++) yield;
  return 'done';
}

test('SCH77: a long decision is cut into turns and says so', async () => {
  const { clock, turns, nextTurn } = slowClock(0.3);
  const running = runSteps(new Pace(clock), steps(20));
  const pump = setImmediateUntil(running, nextTurn);
  expect(await running).toEqual({ result: 'done', isInterrupted: true });
  await pump;
  expect(turns()).toBeGreaterThanOrEqual(4);
});

test('SCH77: a short one runs through', async () => {
  const { clock } = slowClock(0.1);
  expect(await runSteps(new Pace(clock), steps(5))).toEqual({ result: 'done', isInterrupted: false });
});

async function setImmediateUntil(done: Promise<unknown>, act: () => void): Promise<void> {
  const state = { isDone: false };
  void done.then(() => {
    state.isDone = true;
  });
  for (let turn = 0; turn < 100 && !state.isDone; turn++) {
    for (let micro = 0; micro < 5; micro++) await Promise.resolve();
    act();
  }
}
