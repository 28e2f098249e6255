import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { leases } from '#api/resources.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { type ScriptedApi, scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { type VirtualClock, virtualClock } from '#testing/virtual-clock.ts';
import { type ElectionDeps, leaderElected } from './leader-election.ts';
import { decideLease, type LeaseStep, type LeaseView } from './lease-decision.ts';

const hang = (signal: AbortSignal | undefined) =>
  new Promise<never>((_resolve, reject) =>
    signal?.addEventListener('abort', () => reject(new Error('given up'))),
  );

type Cuttable = ElectionDeps['api'];

const rows: readonly { when: string; view: Omit<LeaseView, 'self'>; step: LeaseStep }[] = [
  { when: 'there is no Lease', view: { spec: undefined, unchangedMs: 0 }, step: { kind: 'acquire' } },
  {
    when: 'it was released',
    view: { spec: { holderIdentity: '' }, unchangedMs: 0 },
    step: { kind: 'acquire' },
  },
  {
    when: 'we hold it',
    view: { spec: { holderIdentity: 'me' }, unchangedMs: 99_000 },
    step: { kind: 'renew' },
  },
  {
    when: 'another holds it',
    view: { spec: { holderIdentity: 'other', leaseDurationSeconds: 15 }, unchangedMs: 14_999 },
    step: { kind: 'wait', holder: 'other' },
  },
  {
    when: 'another let it run out',
    view: { spec: { holderIdentity: 'other', leaseDurationSeconds: 15 }, unchangedMs: 15_000 },
    step: { kind: 'take-over', from: 'other' },
  },
];
test.each(rows)('CLT35: decides $step.kind when $when', ({ view, step }) => {
  expect(decideLease({ ...view, self: 'me' })).toEqual(step);
});

describe('an election', () => {
  let clock: VirtualClock;
  let api: ScriptedApi;
  let leading: Set<string>;
  let most: number;
  const stops: { stop: AbortController; running: Promise<void> }[] = [];

  beforeEach(() => {
    clock = virtualClock();
    api = scriptedApi();
    leading = new Set();
    most = 0;
  });
  afterEach(async () => {
    for (const { stop } of stops) stop.abort();
    await clock.advance(3000);
    for (const { running } of stops.splice(0)) await running;
  });

  function candidate(identity: string, mine: Cuttable = api) {
    const service = {
      name: 'loops',
      run: (signal: AbortSignal) => {
        leading.add(identity);
        most = Math.max(most, leading.size);
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => (leading.delete(identity), resolve()), { once: true });
        });
      },
    };
    const deps = { api: mine, clock, random: seededRandom(identity.length), log: silentLog };
    const lease = { namespace: 'kube-system', name: 'loops' };
    const stop = new AbortController();
    const running = leaderElected(deps, { lease, identity }, service).run(stop.signal);
    stops.push({ stop, running });
    return stop;
  }
  const holder = () => api.peek(leases, { namespace: 'kube-system', name: 'loops' })?.spec;

  test('CLT36: one of several leads, and the next begins at once when it stops', async () => {
    const first = candidate('one');
    await clock.advance(10);
    candidate('second');
    await clock.advance(60_000);
    expect([[...leading], most, holder()?.leaseTransitions]).toEqual([['one'], 1, 0]);
    first.abort();
    await clock.advance(3000);
    expect([[...leading], most, holder()?.holderIdentity, holder()?.leaseTransitions]).toEqual([
      ['second'],
      1,
      'second',
      1,
    ]);
  });

  test('CLT36: a leader that cannot renew steps down before another takes over', async () => {
    // Its own way to the server: while it is cut off, its calls hang and the others' do not.
    let isCut = false;
    const cut: Cuttable = {
      find: (type, name, signal) => (isCut ? hang(signal) : api.find(type, name)),
      create: (...args) => api.create(...args),
      update: (...args) => api.update(...args),
    };
    candidate('one', cut);
    await clock.advance(10);
    candidate('second');
    await clock.advance(10_000);
    isCut = true;
    await clock.advance(14_000);
    expect([...leading]).toEqual([]);
    await clock.advance(8000);
    expect([[...leading], most]).toEqual([['second'], 1]);
    isCut = false;
    await clock.advance(30_000);
    expect([[...leading], most]).toEqual([['second'], 1]);
  });

  test('CLT36: a service that fails ends the candidacy with its error, and the Lease is free at once', async () => {
    let fail: (error: Error) => void = () => undefined;
    const service = { name: 'loops', run: () => new Promise<void>((_resolve, reject) => (fail = reject)) };
    // A renewal is under way when it fails: nobody waits for the service then.
    let isCut = false;
    const slow: Cuttable = {
      find: (type, name, signal) => (isCut ? hang(signal) : api.find(type, name)),
      create: (...args) => api.create(...args),
      update: (...args) => api.update(...args),
    };
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const lease = { namespace: 'kube-system', name: 'loops' };
    const deps = { api: slow, clock, random: seededRandom(1), log: silentLog };
    const running = leaderElected(deps, { lease, identity: 'one' }, service).run(
      new AbortController().signal,
    );
    const ended = running.catch((error: unknown) => String(error));
    await clock.advance(10);
    isCut = true;
    await clock.advance(3000);
    isCut = false;
    fail(new Error('must not run here'));
    await nextTurn();
    await clock.advance(10);
    expect([await ended, holder()?.holderIdentity, unhandled]).toEqual(['Error: must not run here', '', []]);
    process.off('unhandledRejection', note);
  });

  test.each([
    { writing: 'taking the Lease', verb: 'create' as const },
    { writing: 'renewing it', verb: 'update' as const },
  ])('CLT36: stopped before it learned that $writing succeeded, it still gives it back', async ({ verb }) => {
    api.fail({ verb, plural: 'leases', status: 0, reason: 'Unknown', isAnswerLost: true });
    const stop = candidate('one');
    await clock.advance(verb === 'create' ? 10 : 2500);
    expect(holder()?.holderIdentity).toBe('one');
    stop.abort();
    await clock.advance(10);
    expect(holder()?.holderIdentity).toBe('');
  });

  test('CLT36: a renewal that arrives between reading and giving back does not keep the Lease', async () => {
    const stop = candidate('one');
    await clock.advance(10);
    api.fail({ verb: 'update', plural: 'leases', status: 409, reason: 'Conflict' });
    stop.abort();
    await clock.advance(10);
    expect(holder()?.holderIdentity).toBe('');
  });
});
