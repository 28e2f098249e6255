// What every Clock must do, real and virtual. `pass` lets time go by: by waiting, or by advancing.
import { expect, test } from 'vitest';
import { type Clock, sleep } from '#base/clock.ts';

export interface ClockUnderTest {
  readonly clock: Clock;
  pass(ms: number): Promise<void>;
}

export function clockContract(name: string, make: () => ClockUnderTest): void {
  test(`${name}: a timer fires once, not before its time and never in the call that sets it`, async () => {
    const { clock, pass } = make();
    const started = clock.elapsed();
    const fired: number[] = [];
    clock.after(20, 'deadline', () => fired.push(clock.elapsed() - started));
    clock.after(0, 'deadline', () => fired.push(0));
    expect(fired).toEqual([]);
    await pass(60);
    expect(fired.length).toBe(2);
    // Timers of the machine are rounded to whole milliseconds.
    expect(fired[1]).toBeGreaterThanOrEqual(19);
  });

  test(`${name}: timers fire in the order they are due`, async () => {
    const { clock, pass } = make();
    const fired: string[] = [];
    for (const ms of [30, 10, 20]) clock.after(ms, 'backoff', () => fired.push(String(ms)));
    await pass(80);
    expect(fired).toEqual(['10', '20', '30']);
  });

  test(`${name}: a cancelled timer does not fire, and cancelling after it fired is fine`, async () => {
    const { clock, pass } = make();
    const fired: string[] = [];
    clock.after(10, 'periodic', () => fired.push('cancelled')).cancel();
    const kept = clock.after(10, 'deadline', () => fired.push('kept'));
    await pass(40);
    kept.cancel();
    expect(fired).toEqual(['kept']);
  });

  test(`${name}: elapsed time goes by and never back`, async () => {
    const { clock, pass } = make();
    const [wall, monotonic] = [clock.now(), clock.elapsed()];
    await pass(30);
    expect(clock.elapsed() - monotonic).toBeGreaterThanOrEqual(29);
    expect(clock.now() - wall).toBeGreaterThanOrEqual(28);
  });

  test(`${name}: a sleep ends with its time or its signal, and leaves no timer behind`, async () => {
    const { clock, pass } = make();
    const stop = new AbortController();
    const ended: string[] = [];
    void sleep(clock, 10, 'backoff', stop.signal).then(() => ended.push('time'));
    void sleep(clock, 10_000, 'backoff', stop.signal).then(() => ended.push('signal'));
    await sleep(clock, 10_000, 'backoff', AbortSignal.abort());
    await pass(40);
    expect(ended).toEqual(['time']);
    stop.abort();
    await pass(1);
    expect(ended).toEqual(['time', 'signal']);
  });
}
