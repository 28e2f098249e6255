import { expect, test } from 'vitest';
import type { Namespace } from '#api/generated/core-v1.ts';
import { configMaps, namespaces, persistentVolumeClaims, pods } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { namespacesLoop } from './connect.ts';
import { namespaceReconcile } from './reconcile.ts';

const signal = new AbortController().signal;
const terminating: Namespace = {
  metadata: { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['other/one'] },
  spec: { finalizers: ['kubernetes', 'mine/own'] },
  status: { phase: 'Terminating' },
};

function setUp(namespace: Namespace = terminating) {
  const api = scriptedApi();
  const { informers } = api;
  const clock = virtualClock();
  const events = { record: () => undefined };
  const deps = { api, informers, clock, random: seededRandom(1), log: silentLog, events };
  const reconcile = namespaceReconcile(deps, informers.informer(namespaces));
  api.seed(namespaces, namespace);
  return { api, deps, pass: () => reconcile('shop', signal) };
}
const inShop = (name: string) => ({ metadata: { namespace: 'shop', name } });

test('NSP2: marks a deleted namespace', async () => {
  const { api, pass } = setUp({ ...terminating, status: { phase: 'Active' } });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.peek(namespaces, { name: 'shop' })?.status?.phase).toBe('Terminating');
});

test('NSP7: deletes by UID, and what has gone is no failure', async () => {
  const { api, pass } = setUp();
  const one = api.seed(pods, { ...inShop('a'), spec: { containers: [] } });
  api.seed(pods, { ...inShop('b'), spec: { containers: [] } });
  api.fail({ verb: 'delete', plural: 'pods', key: 'shop/b', status: 404, reason: 'NotFound' });
  expect(await pass()).toEqual({ kind: 'progressed' });
  expect(api.writes[0]).toMatchObject({ key: 'shop/a', body: { preconditions: { uid: one.metadata.uid } } });
});

test('NSP8: a failed delete is returned, and the next pass carries on', async () => {
  const { api, pass } = setUp();
  api.seed(configMaps, inShop('c'));
  api.fail({ verb: 'delete', plural: 'configmaps', status: 500, reason: 'InternalError' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(await pass()).toEqual({ kind: 'progressed' });
  expect(api.peek(configMaps, { namespace: 'shop', name: 'c' })).toBeUndefined();
});

test('NSP6: lets an empty namespace go, keeping other finalizers', async () => {
  const { api, pass } = setUp();
  api.seed(configMaps, { metadata: { namespace: 'elsewhere', name: 'c' } });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.writes).toMatchObject([{ verb: 'updateSubresource', subresource: 'finalize' }]);
  expect(api.peek(namespaces, { name: 'shop' })?.spec?.finalizers).toEqual(['mine/own']);
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test('NSP6: a failed list or a conflict lets nothing go', async () => {
  const { api, pass } = setUp();
  api.fail({ verb: 'list', plural: 'events', status: 0, reason: 'Unknown' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(api.writes).toHaveLength(0);
  api.fail({ verb: 'updateSubresource', plural: 'namespaces', status: 409, reason: 'Conflict' });
  expect(await pass()).toMatchObject({ kind: 'failed' });
  expect(api.peek(namespaces, { name: 'shop' })?.spec?.finalizers).toContain('kubernetes');
});

test('NSP9: says what remains and what holds it, once', async () => {
  const { api, pass } = setUp();
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  api.seed(pods, {
    metadata: { ...inShop('web').metadata, deletionTimestamp, finalizers: ['hold/it'] },
    spec: { containers: [] },
  });
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.peek(namespaces, { name: 'shop' })?.status?.conditions).toMatchObject([
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      message: 'Some resources are remaining: pods. has 1 resource instances',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
    {
      type: 'NamespaceFinalizersRemaining',
      status: 'True',
      message: 'Some content in the namespace has finalizers remaining: hold/it in 1 resource instances',
    },
  ]);
  expect(await pass()).toMatchObject({ kind: 'blocked', because: '1 pods (web) remain' });
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  expect(api.writes).toHaveLength(1);
});

test('NSP3: the whole way, in order: pods, claims, the rest, finalize', async () => {
  const { api, deps } = setUp();
  const stop = new AbortController();
  api.seed(pods, { metadata: { ...inShop('web').metadata, finalizers: ['hold'] }, spec: { containers: [] } });
  api.seed(persistentVolumeClaims, inShop('data'));
  api.seed(configMaps, inShop('conf'));
  const running = namespacesLoop(deps).run(stop.signal);
  await deps.clock.advance(2500);
  expect(api.writes.map(({ verb, plural }) => `${verb} ${plural}`)).toEqual([
    'delete pods',
    'updateStatus namespaces',
  ]);
  api.drop(pods, { namespace: 'shop', name: 'web' });
  await deps.clock.advance(50);
  expect(api.writes.map(({ verb, plural }) => `${verb} ${plural}`)).toEqual([
    'delete pods',
    'updateStatus namespaces',
    'delete persistentvolumeclaims',
    'delete configmaps',
    'updateSubresource namespaces',
  ]);
  await deps.clock.advance(5000);
  expect(api.writes).toHaveLength(5);
  stop.abort();
  await running;
});
