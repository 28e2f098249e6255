import { expect, test } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import { sleep } from '#base/clock.ts';
import { clockContract } from './contracts/clock.ts';
import { seededRandom } from './seeded-random.ts';
import { virtualClock } from './virtual-clock.ts';

clockContract('the virtual clock', () => {
  const clock = virtualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
});

clockContract('the clock of the machine', () => {
  const clock = realClock();
  return { clock, pass: (ms) => sleep(clock, ms, 'deadline', new AbortController().signal) };
});

test('the virtual clock fires timers that were set by timers on the way', async () => {
  const clock = virtualClock();
  const fired: number[] = [];
  const again = (): void => {
    fired.push(clock.elapsed());
    if (fired.length < 4) clock.after(10, 'backoff', again);
  };
  clock.after(10, 'backoff', again);
  await clock.advance(35);
  expect([fired, clock.elapsed()]).toEqual([[10, 20, 30], 35]);
});

test('settling ends when only periodic timers are left, and says when it does not end', async () => {
  const clock = virtualClock();
  const beat = (): void => void clock.after(1000, 'periodic', beat);
  beat();
  clock.after(2500, 'backoff', () => undefined);
  await clock.settle();
  expect([clock.elapsed(), clock.pending.map(({ kind }) => kind)]).toEqual([2500, ['periodic']]);
  const retry = (): void => void clock.after(1000, 'backoff', retry);
  retry();
  await expect(clock.settle(5000)).rejects.toThrow('did not come to rest within 5000 ms');
});

test('the wall clock may jump, the monotonic one does not', () => {
  const clock = virtualClock(5000);
  clock.jump(-3000);
  expect([clock.now(), clock.elapsed()]).toEqual([2000, 0]);
});

test('a seed gives the same numbers again, spread over the whole range', () => {
  const [first, second, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
  const numbers = Array.from({ length: 2000 }, () => first.fraction());
  expect(Array.from({ length: 2000 }, () => second.fraction())).toEqual(numbers);
  expect(other.fraction()).not.toBe(numbers[0]);
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
  expect(first.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
