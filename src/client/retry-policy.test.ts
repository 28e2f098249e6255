import { describe, expect, test } from 'vitest';
import { ApiError } from './api-error.ts';
import type { Outcome } from './outcome.ts';
import { logLevelOf, nextStep } from './retry-policy.ts';

const limits = { firstMs: 20, maxMs: 1000 };
const random = { fraction: () => 0.5, uuid: () => '' };
const cache = { revision: 5 };
const tooMany = new ApiError({ status: 429, reason: 'TooManyRequests', message: '', retryAfterSeconds: 7 });

const rows: readonly { rule: string; when: string; outcome: Outcome; failures?: number; step: object }[] = [
  { rule: 'CLT3', when: 'settled', outcome: { kind: 'settled' }, failures: 3, step: { kind: 'rest' } },
  {
    rule: 'CLT4',
    when: 'progressed without a write to wait for',
    outcome: { kind: 'progressed' },
    step: { kind: 'again' },
  },
  {
    rule: 'CLT4',
    when: 'progressed and the cache has it already',
    outcome: { kind: 'progressed', wrote: { informer: cache, resourceVersion: '5' } },
    step: { kind: 'again' },
  },
  {
    rule: 'CLT4',
    when: 'progressed beyond the cache',
    outcome: { kind: 'progressed', wrote: { informer: cache, resourceVersion: '6' } },
    step: { kind: 'follow', revision: 6 },
  },
  {
    rule: 'CLT6',
    when: 'blocked',
    outcome: { kind: 'blocked', because: 'x', retryAfterMs: 300 },
    failures: 2,
    step: { kind: 'later', delayMs: 300, eventDelayMs: 0, failures: 0 },
  },
  {
    rule: 'CLT5',
    when: 'failed for the first time',
    outcome: { kind: 'failed', error: new Error('x') },
    step: { kind: 'later', delayMs: 20, failures: 1 },
  },
  {
    rule: 'CLT5',
    when: 'failed for the fourth time',
    outcome: { kind: 'failed', error: new Error('x') },
    failures: 3,
    step: { kind: 'later', delayMs: 160, failures: 4 },
  },
  {
    rule: 'CLT5',
    when: 'failed very often',
    outcome: { kind: 'failed', error: new Error('x') },
    failures: 500,
    step: { kind: 'later', delayMs: 1000, eventDelayMs: 1000 },
  },
  {
    rule: 'CLT5',
    when: 'told when to come back',
    outcome: { kind: 'failed', error: tooMany },
    step: { kind: 'later', delayMs: 7000, eventDelayMs: 1000 },
  },
];

describe('nextStep', () => {
  test.each(rows)('$rule: decides what follows when a pass has $when', ({ outcome, failures = 0, step }) => {
    expect(nextStep(outcome, failures, { limits, random })).toMatchObject(step);
  });
});

test('CLT11: the log level rises with the delay', () => {
  expect([20, 499, 500, 9999, 10_000].map(logLevelOf)).toEqual(['debug', 'debug', 'warn', 'warn', 'error']);
});
