import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '#api/generated/policy-v1.ts';
import { podDisruptionBudgets, pods } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { LoopDeps } from '#client/loop.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { disruptionLoop } from './connect.ts';
import { disruptionReconcile } from './reconcile.ts';
import { budgetIndexes, disruptionPodIndexes } from './view.ts';

const namespace = 'shop';
const selector = { matchLabels: { app: 'web' } };
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const aPod = (name: string, more: Partial<Pod> = {}): Pod => ({
  spec: { containers: [] },
  status: ready,
  ...more,
  metadata: { namespace, name, labels: { app: 'web' }, ...more.metadata },
});
const aBudget = (
  spec: PodDisruptionBudgetSpec,
  status?: PodDisruptionBudget['status'],
): PodDisruptionBudget => ({
  metadata: { namespace, name: 'budget', generation: 3 },
  spec: { selector, ...spec },
  ...(status && { status }),
});

function setUp(budget: PodDisruptionBudget, seeded: readonly Pod[]) {
  const api = scriptedApi();
  const said: string[] = [];
  const clock = virtualClock();
  const deps: LoopDeps = {
    api,
    informers: api.informers,
    clock,
    random: seededRandom(1),
    log: silentLog,
    events: {
      record: ({ metadata }, { reason }) => {
        said.push(`${metadata.name ?? ''} ${reason}`);
      },
    },
  };
  const caches = {
    budgets: api.informers.informer(podDisruptionBudgets, budgetIndexes),
    pods: api.informers.informer(pods, disruptionPodIndexes),
  };
  api.seed(podDisruptionBudgets, budget);
  for (const pod of seeded) api.seed(pods, pod);
  const reconcile = disruptionReconcile(deps, caches);
  const pass = () => reconcile('shop/budget', new AbortController().signal);
  const status = () => api.peek(podDisruptionBudgets, { namespace, name: 'budget' })?.status;
  return { api, deps, clock, said, pass, status };
}

const three = ['a', 'b', 'c'].map((name) => aPod(name));
const unready = aPod('d', { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
const leaving = aPod('e', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] } });
const other = aPod('f', { metadata: { labels: { app: 'db' } } });
const elsewhere = aPod('g', { metadata: { namespace: 'home' } });

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly spec: PodDisruptionBudgetSpec;
  readonly pods: readonly Pod[];
  /** Healthy, desired, expected, allowed. */
  readonly counts: readonly [number, number, number, number];
}

test.each<Row>([
  {
    rule: 'DIS1',
    when: 'others are beside',
    spec: { minAvailable: 1 },
    pods: [...three, other, elsewhere],
    counts: [3, 1, 3, 2],
  },
  {
    rule: 'DIS1',
    when: 'the selector is empty',
    spec: { minAvailable: 1, selector: {} },
    pods: [...three, other, elsewhere],
    counts: [4, 1, 4, 3],
  },
  {
    rule: 'DIS1',
    when: 'there is no selector',
    spec: { minAvailable: 1, selector: undefined },
    pods: three,
    counts: [0, 1, 0, 0],
  },
  {
    rule: 'DIS2',
    when: 'some are not healthy',
    spec: { minAvailable: 3 },
    pods: [...three, unready, leaving],
    counts: [3, 3, 5, 0],
  },
  { rule: 'DIS3', when: 'a third', spec: { minAvailable: '34%' }, pods: three, counts: [3, 2, 3, 1] },
  { rule: 'DIS3', when: 'all', spec: { minAvailable: '100%' }, pods: three, counts: [3, 3, 3, 0] },
  { rule: 'DIS4', when: 'one may go', spec: { maxUnavailable: 1 }, pods: three, counts: [3, 2, 3, 1] },
  {
    rule: 'DIS4',
    when: 'a share may go',
    spec: { maxUnavailable: '34%' },
    pods: three,
    counts: [3, 1, 3, 2],
  },
  {
    rule: 'DIS4',
    when: 'more may go than are',
    spec: { maxUnavailable: 9 },
    pods: three,
    counts: [3, 0, 3, 3],
  },
  { rule: 'DIS4', when: 'nothing is said', spec: {}, pods: three, counts: [3, 0, 3, 3] },
  { rule: 'DIS5', when: 'too few are healthy', spec: { minAvailable: 5 }, pods: three, counts: [3, 5, 3, 0] },
  { rule: 'DIS5', when: 'there are none', spec: { maxUnavailable: 1 }, pods: [], counts: [0, 0, 0, 0] },
])('$rule: counts $counts when $when', async ({ spec, pods: seeded, counts }) => {
  const { api, pass, status } = setUp(aBudget(spec), seeded);
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  const { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed, observedGeneration } =
    status() ?? {};
  expect([currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed]).toEqual(counts);
  expect(observedGeneration).toBe(3);
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test('DIS6: the condition follows what is allowed, and its time its status', async () => {
  const { api, clock, pass, status } = setUp(aBudget({ minAvailable: 2 }), three);
  await pass();
  const [first] = status()?.conditions ?? [];
  expect(first).toMatchObject({
    type: 'DisruptionAllowed',
    status: 'True',
    reason: 'SufficientPods',
    observedGeneration: 3,
  });
  await clock.advance(5000);
  api.seed(pods, aPod('d'));
  await pass();
  expect(status()?.conditions?.[0]?.lastTransitionTime).toBe(first?.lastTransitionTime);
  for (const name of ['a', 'b', 'c']) api.drop(pods, { namespace, name });
  await pass();
  expect(status()?.conditions).toMatchObject([{ status: 'False', reason: 'InsufficientPods' }]);
  expect(status()?.conditions?.[0]?.lastTransitionTime).not.toBe(first?.lastTransitionTime);
});

test('DIS7: a disrupted pod does not count until two minutes have passed, and is told then (DIS2)', async () => {
  const { api, clock, said, pass, status } = setUp(aBudget({ minAvailable: 1 }), [...three, leaving]);
  const since = new Date(clock.now()).toISOString();
  const seen = api.peek(podDisruptionBudgets, { namespace, name: 'budget' });
  const disruptedPods = { a: since, e: since, gone: since };
  api.seed(podDisruptionBudgets, {
    ...aBudget({ minAvailable: 1 }, { disruptedPods }),
    metadata: seen?.metadata ?? {},
  });
  await pass();
  expect(status()).toMatchObject({ disruptedPods: { a: since }, currentHealthy: 2, disruptionsAllowed: 1 });
  expect(status()?.disruptedPods).toEqual({ a: since });
  const waits = await pass();
  expect(waits).toMatchObject({ kind: 'blocked' });
  await clock.advance(120_000);
  await pass();
  expect(status()).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 2 });
  expect(status()?.disruptedPods).toBeUndefined();
  expect(said).toEqual(['a NotDeleted']);
  expect(await pass()).toEqual({ kind: 'settled' });
});

test('DIS8: a new generation is written even when nothing else differs', async () => {
  const { api, pass, status } = setUp(aBudget({ minAvailable: 1 }), three);
  await pass();
  const seen = api.peek(podDisruptionBudgets, { namespace, name: 'budget' });
  if (seen === undefined) throw new Error('the budget is seeded');
  api.seed(podDisruptionBudgets, { ...seen, metadata: { ...seen.metadata, generation: 4 } });
  await pass();
  expect(status()?.observedGeneration).toBe(4);
});

test('DIS9: a write that fails is repeated, and a missing budget is left alone', async () => {
  const { api, pass } = setUp(aBudget({ minAvailable: 1 }), three);
  api.fail({ verb: 'updateStatus', plural: 'poddisruptionbudgets', status: 409, reason: 'Conflict' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  api.drop(podDisruptionBudgets, { namespace, name: 'budget' });
  expect(await pass()).toEqual({ kind: 'settled' });
});

test('DIS11: a budget that selects nothing says so once', async () => {
  const { said, pass } = setUp(aBudget({ minAvailable: 1 }), [other]);
  await pass();
  await pass();
  expect(said).toEqual(['budget NoPods']);
});

test('DIS10: the loop follows pods that come, go and change, and only those', async () => {
  const { api, clock, deps, status } = setUp(aBudget({ minAvailable: 1 }), three);
  const stop = new AbortController();
  const running = disruptionLoop(deps).run(stop.signal);
  await clock.advance(1000);
  expect(status()).toMatchObject({ currentHealthy: 3 });
  api.drop(pods, { namespace, name: 'a' });
  await clock.advance(1000);
  expect(status()).toMatchObject({ currentHealthy: 2, expectedPods: 2 });
  const moved = api.peek(pods, { namespace, name: 'b' });
  api.seed(pods, { ...aPod('b'), metadata: { ...moved?.metadata, labels: { app: 'db' } } });
  await clock.advance(1000);
  expect(status()).toMatchObject({ currentHealthy: 1, expectedPods: 1 });
  const { length } = api.writes;
  api.seed(pods, other);
  api.seed(pods, aPod('c', { status: { ...ready, phase: 'Running' } }));
  await clock.advance(1000);
  expect(api.writes).toHaveLength(length);
  stop.abort();
  await running;
});
