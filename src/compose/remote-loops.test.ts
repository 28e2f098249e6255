import { expect, test } from 'vitest';
import { type Log, silentLog } from '#base/log.ts';
import type { Service } from '#client/loop.ts';
import { LeaseLostError } from './loops.ts';
import { runTerms } from './remote-loops.ts';

const untilStopped = (name: string, stopped: string[]): Service => ({
  name,
  run: (signal) =>
    new Promise((resolve) =>
      signal.addEventListener('abort', () => (stopped.push(name), resolve()), { once: true }),
    ),
});

test('CMP14: after a Lease was lost everything stops and is made anew', async () => {
  const stop = new AbortController();
  const stopped: string[] = [];
  const said: unknown[] = [];
  const log: Log = { ...silentLog, warn: (message) => void said.push(message) };
  let terms = 0;
  const begin = (): readonly Service[] => {
    terms++;
    const rest = untilStopped(`of term ${terms}`, stopped);
    if (terms > 1) {
      queueMicrotask(() => stop.abort());
      return [rest];
    }
    return [
      rest,
      { name: 'controllers', run: () => Promise.reject(new LeaseLostError('holdfast-controllers')) },
    ];
  };
  await runTerms(begin, log, stop.signal);
  expect([terms, stopped, said]).toEqual([
    2,
    ['of term 1', 'of term 2'],
    ['beginning anew with empty memory'],
  ]);
});

test('CMP14: every other failure ends the process', async () => {
  const begin = (): readonly Service[] => [{ name: 'x', run: () => Promise.reject(new Error('broken')) }];
  await expect(runTerms(begin, silentLog, new AbortController().signal)).rejects.toThrow('x stopped');
});
