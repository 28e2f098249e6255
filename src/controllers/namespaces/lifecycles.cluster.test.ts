// The four housekeeping loops together on the real server over the memory store.
import { afterEach, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { nodeLifecycleLoop } from '#controllers/node-lifecycle/connect.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import { serviceAccountsLoop } from '#controllers/service-accounts/connect.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { namespacesLoop } from './connect.ts';

const loops: readonly ((deps: LoopDeps) => Service)[] = [
  namespacesLoop,
  protectionLoop,
  serviceAccountsLoop,
  nodeLifecycleLoop,
];
const stop = { now: new AbortController(), done: Promise.resolve() };

afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

async function startCluster() {
  const cluster = await testServer();
  const { clock } = cluster;
  stop.now = new AbortController();
  const api = inProcessClient(cluster.server.handler, 'housekeeping');
  const base = { api, clock, random: seededRandom(1), log: silentLog };
  const informers = createInformerSource(base);
  const deps: LoopDeps = { ...base, informers, events: { record: () => undefined } };
  const services = loops.map((loop) => loop(deps).run(stop.now.signal));
  stop.done = Promise.all([...services, informers.run(stop.now.signal)]).then(() => undefined);
  await clock.advance(100);
  const status = async (path: string): Promise<number> => (await cluster.call('GET', path)).status;
  const create = async (path: string, body: JsonObject): Promise<void> => {
    const answer = await cluster.call('POST', path, body);
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
  };
  return { ...cluster, status, create };
}

const SHOP = '/api/v1/namespaces/shop';
const claim: JsonObject = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
const pod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    nodeName: 'node-1',
    containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  },
};
const node: JsonObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }] },
};
const shop: JsonObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };

test('NSP3: a namespace goes only after its pod has ended, with everything in it (SAC1, PRT3)', async () => {
  const { call, create, clock, status } = await startCluster();
  await create('/api/v1/nodes', node);
  await create('/api/v1/namespaces', shop);
  await clock.advance(100);
  expect(await status(`${SHOP}/serviceaccounts/default`)).toBe(200);
  await create(`${SHOP}/persistentvolumeclaims`, claim);
  await create(`${SHOP}/pods`, pod);

  expect((await call('DELETE', SHOP)).status).toBe(200);
  await clock.advance(3000);
  expect((await call('GET', SHOP)).json.status).toMatchObject({ phase: 'Terminating' });
  const ending = (await call('GET', `${SHOP}/pods/web`)).json.metadata;
  expect(ending).toMatchObject({ deletionGracePeriodSeconds: 30 });
  const untouched = (await call('GET', `${SHOP}/persistentvolumeclaims/data`)).json.metadata;
  expect(untouched).not.toHaveProperty('deletionTimestamp');

  await call('DELETE', `${SHOP}/pods/web?gracePeriodSeconds=0`);
  await clock.advance(3000);
  expect(await status(`${SHOP}/persistentvolumeclaims/data`)).toBe(404);
  expect(await status(SHOP)).toBe(404);
});

test('PRT3: a deleted claim stays until its pod is gone', async () => {
  const { call, create, clock, status } = await startCluster();
  const CLAIM = '/api/v1/namespaces/default/persistentvolumeclaims';
  const PODS = '/api/v1/namespaces/default/pods';
  await create('/api/v1/nodes', node);
  await create(CLAIM, claim);
  await create(PODS, pod);
  await call('DELETE', `${CLAIM}/data`);
  await clock.advance(1000);
  expect(await status(`${CLAIM}/data`)).toBe(200);
  await call('DELETE', `${PODS}/web?gracePeriodSeconds=0`);
  await clock.advance(1000);
  expect(await status(`${CLAIM}/data`)).toBe(404);
});

test('NLC1: a node that falls silent is Unknown and tainted; when it is gone, its pods go (NLC6)', async () => {
  const { call, create, clock, status } = await startCluster();
  await create('/api/v1/nodes', node);
  await create('/api/v1/namespaces/default/persistentvolumeclaims', claim);
  await create('/api/v1/namespaces/default/pods', pod);
  await clock.advance(50_000);
  const silent = (await call('GET', '/api/v1/nodes/node-1')).json;
  expect(silent.spec).toMatchObject({ taints: [{ key: 'node.kubernetes.io/unreachable' }] });
  expect(silent.status).toMatchObject({ conditions: [{ type: 'Ready', status: 'Unknown' }, {}, {}, {}] });
  expect(await status('/api/v1/namespaces/default/pods/web')).toBe(200);
  await call('DELETE', '/api/v1/nodes/node-1');
  await clock.advance(45_000);
  expect(await status('/api/v1/namespaces/default/pods/web')).toBe(404);
});
