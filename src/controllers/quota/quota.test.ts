import { afterEach, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { persistentVolumeClaims, resourceQuotas } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { createInformerSource } from '#client/informer-source.ts';
import { inProcessClient } from '#client/in-process.ts';
import type { LoopDeps } from '#client/loop.ts';
import { testServer } from '#testing/api-server.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { quotaLoop } from './connect.ts';
import { decideCount, decideQuota } from './decide.ts';
import { quotaReconcile } from './reconcile.ts';
import { countUse, kindsToCount, type QuotaView, viewQuota } from './view.ts';

const MINUTE = 60_000;
const settledView: QuotaView = {
  isGone: false,
  limits: { pods: '1' },
  statusHard: { pods: '1' },
  statusUsed: { pods: '0' },
  countedAt: 0,
};

test.each([
  {
    rule: 'QTA1',
    when: 'the status is empty',
    view: { statusHard: {}, statusUsed: {} },
    now: 0,
    step: { kind: 'count' },
  },
  {
    rule: 'QTA1',
    when: 'a limit has changed',
    view: { limits: { pods: '2' } },
    now: 0,
    step: { kind: 'count' },
  },
  { rule: 'QTA1', when: 'use is missing', view: { statusUsed: {} }, now: 0, step: { kind: 'count' } },
  { rule: 'QTA3', when: 'it was written', view: { countedAt: undefined }, now: 0, step: { kind: 'count' } },
  {
    rule: 'QTA4',
    when: 'it was counted a minute ago',
    view: {},
    now: MINUTE,
    step: { kind: 'rest', forMs: 4 * MINUTE },
  },
  { rule: 'QTA4', when: 'it was counted long ago', view: {}, now: 5 * MINUTE, step: { kind: 'count' } },
  {
    rule: 'QTA7',
    when: 'it is gone',
    view: { isGone: true, statusHard: {} },
    now: 0,
    step: { kind: 'settled' },
  },
])('$rule: decides $step.kind when $when', ({ view, now, step }) => {
  expect(decideQuota({ ...settledView, ...view }, now)).toEqual(step);
});

test('QTA4: a count that agrees writes nothing, in whatever form', () => {
  const view = { ...settledView, limits: { pods: '1000m' }, statusUsed: { pods: '0' } };
  expect(decideCount(view, { pods: '0' })).toEqual({ kind: 'agrees' });
  expect(decideCount(view, { pods: '1' })).toEqual({ kind: 'write', hard: view.limits, used: { pods: '1' } });
});

const sized = (storage: string): JsonObject => ({ spec: { resources: { requests: { storage } } } });

test('QTA5: use is summed in the form of the limit', () => {
  const limits = { 'requests.storage': '10Gi', persistentvolumeclaims: '5' };
  const kind = { group: '', plural: 'persistentvolumeclaims' };
  expect(kindsToCount(limits)).toEqual([kind]);
  const counted = [{ kind, objects: [sized('1Gi'), sized('1024Mi'), sized('1G')] }];
  expect(countUse({}, limits, counted)).toEqual({
    'requests.storage': '3147483648',
    persistentvolumeclaims: '3',
  });
  expect(countUse({ scopes: ['BestEffort'] }, limits, counted)).toEqual({
    'requests.storage': '0',
    persistentvolumeclaims: '0',
  });
});

test('QTA6: what is not served is left out', () => {
  const quota = { metadata: { name: 'q' }, spec: { hard: { pods: '1', 'count/widgets.example.com': '1' } } };
  expect(viewQuota(quota, ({ plural }) => plural === 'pods', undefined).limits).toEqual({ pods: '1' });
});

const signal = new AbortController().signal;
const named = { namespace: 'shop', name: 'q' };

function setUp() {
  const api = scriptedApi();
  const deps: LoopDeps = {
    api,
    informers: api.informers,
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    events: { record: () => undefined },
  };
  api.seed(resourceQuotas, { metadata: named, spec: { hard: { persistentvolumeclaims: '3' } } });
  const reconcile = quotaReconcile(deps, api.informers.informer(resourceQuotas));
  return { api, pass: () => reconcile('shop/q', signal) };
}

test('QTA3: counts, writes, counts again and rests', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, { metadata: { namespace: 'shop', name: 'a' } });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  api.seed(persistentVolumeClaims, { metadata: { namespace: 'shop', name: 'b' } });
  await pass();
  expect(api.peek(resourceQuotas, named)?.status).toEqual({
    hard: { persistentvolumeclaims: '3' },
    used: { persistentvolumeclaims: '2' },
  });
  await pass();
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  expect(api.writes).toHaveLength(2);
});

test('QTA2: a charge between count and write is a conflict', async () => {
  const { api, pass } = setUp();
  api.fail({ verb: 'updateStatus', plural: 'resourcequotas', status: 409, reason: 'Conflict' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.writes.at(-1)?.body).toMatchObject({ metadata: { resourceVersion: expect.any(String) } });
});

test('QTA2: objects that cannot be read are not counted as none', async () => {
  const { api, pass } = setUp();
  api.fail({ verb: 'list', plural: 'persistentvolumeclaims', status: 503, reason: 'ServiceUnavailable' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(api.writes).toHaveLength(0);
});

test('QTA7: a quota that is gone on the server is left alone', async () => {
  const { api, pass } = setUp();
  api.freeze(true);
  api.drop(resourceQuotas, named);
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(0);
});

const stop = { now: new AbortController(), done: Promise.resolve() };
afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

test('QTA1: on the real server a quota binds once it is counted, and a foreign status is put right (QTA4)', async () => {
  const { call, clock, server } = await testServer();
  stop.now = new AbortController();
  const base = {
    api: inProcessClient(server.handler, 'quota'),
    clock,
    random: seededRandom(1),
    log: silentLog,
  };
  const informers = createInformerSource(base);
  const deps: LoopDeps = { ...base, informers, events: { record: () => undefined } };
  const loop = quotaLoop(deps).run(stop.now.signal);
  stop.done = Promise.all([loop, informers.run(stop.now.signal)]).then(() => undefined);
  const home = '/api/v1/namespaces/default';
  const claim = (name: string): JsonObject => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  const create = (name: string) => call('POST', `${home}/persistentvolumeclaims`, claim(name));
  await create('before');
  const spec = { hard: { persistentvolumeclaims: '2', 'requests.storage': '5Gi' } };
  await call('POST', `${home}/resourcequotas`, { metadata: { name: 'q' }, spec });
  await clock.advance(1_000);
  const used = async () => ((await call('GET', `${home}/resourcequotas/q`)).json.status as JsonObject).used;
  expect(await used()).toEqual({ persistentvolumeclaims: '1', 'requests.storage': '1Gi' });
  expect((await create('one')).status).toBe(201);
  expect((await create('two')).status).toBe(403);
  await call('PATCH', `${home}/resourcequotas/q/status`, {
    status: { used: { persistentvolumeclaims: '0' } },
  });
  await clock.advance(6 * MINUTE);
  expect(await used()).toEqual({ persistentvolumeclaims: '2', 'requests.storage': '2Gi' });
});
