import { expect, test } from 'vitest';
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { leases, nodes, pods } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { nodeLifecycleLoop } from './connect.ts';
import { nodeReconcile } from './reconcile.ts';
import { podIndexes } from './view.ts';

const signal = new AbortController().signal;
const ready: Node = {
  metadata: { name: 'node-1' },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};
const lease = (renewTime: string): Lease => ({
  metadata: { namespace: 'kube-node-lease', name: 'node-1' },
  spec: { renewTime },
});
const pod: Pod = {
  metadata: { namespace: 'shop', name: 'web', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] },
  spec: { containers: [], nodeName: 'node-1' },
};
const nodeName = { name: 'node-1' };
const podName = { namespace: 'shop', name: 'web' };

function setUp() {
  const api = scriptedApi();
  const { informers } = api;
  const clock = virtualClock();
  const recorded: string[] = [];
  const events = { record: (_about: unknown, event: { reason: string }) => void recorded.push(event.reason) };
  const deps = { api, informers, clock, random: seededRandom(1), log: silentLog, events };
  const reconcile = nodeReconcile(deps, {
    nodes: informers.informer(nodes),
    leases: informers.informer(leases),
    pods: informers.informer(pods, podIndexes),
  });
  return { api, deps, clock, recorded, pass: (key: string) => reconcile(key, signal) };
}

test('NLC1: marks a silent node, taints it, and says so once (NLC8)', async () => {
  const { api, clock, recorded, pass } = setUp();
  api.seed(nodes, ready);
  api.seed(leases, lease('1'));
  expect(await pass('node/node-1')).toEqual({ kind: 'settled' });
  await clock.advance(40_000);
  expect(await pass('node/node-1')).toMatchObject({ kind: 'progressed' });
  expect(await pass('node/node-1')).toMatchObject({ kind: 'progressed' });
  expect(await pass('node/node-1')).toEqual({ kind: 'settled' });
  expect(api.writes.map(({ verb }) => verb)).toEqual(['updateStatus', 'update']);
  expect(api.peek(nodes, nodeName)).toMatchObject({
    spec: { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }] },
    status: { conditions: [{ type: 'Ready', status: 'Unknown' }, {}, {}, {}] },
  });
  expect(recorded).toEqual(['NodeNotReady']);
});

test('NLC8: a conflict marks nothing and is tried again', async () => {
  const { api, clock, recorded, pass } = setUp();
  api.seed(nodes, ready);
  await pass('node/node-1');
  await clock.advance(40_000);
  api.fail({ verb: 'updateStatus', plural: 'nodes', status: 409, reason: 'Conflict' });
  expect(await pass('node/node-1')).toMatchObject({ kind: 'failed' });
  expect(recorded).toEqual([]);
  expect(await pass('node/node-1')).toMatchObject({ kind: 'progressed' });
});

test('NLC6: removes a pod whose node does not exist, by UID and with grace 0', async () => {
  const { api, clock, pass } = setUp();
  const { metadata } = api.seed(pods, pod);
  expect(await pass('pod/shop/web')).toMatchObject({ kind: 'blocked', retryAfterMs: 40_000 });
  await clock.advance(40_000);
  expect(await pass('pod/shop/web')).toEqual({ kind: 'progressed' });
  const { uid, resourceVersion } = metadata;
  expect(api.writes).toMatchObject([
    { verb: 'delete', body: { gracePeriodSeconds: 0, preconditions: { uid, resourceVersion } } },
  ]);
});

test('NLC6: a node that only the server knows keeps its pods', async () => {
  const { api, clock, pass } = setUp();
  api.seed(pods, pod);
  await pass('pod/shop/web');
  await clock.advance(40_000);
  api.freeze(true);
  api.seed(nodes, ready);
  expect(await pass('pod/shop/web')).toMatchObject({ kind: 'blocked', because: 'node node-1 exists' });
  expect(api.writes).toHaveLength(0);
});

test('NLC6: another pod of the same name stays', async () => {
  const { api, clock, pass } = setUp();
  api.seed(pods, pod);
  await pass('pod/shop/web');
  await clock.advance(40_000);
  api.freeze(true);
  api.drop(pods, podName);
  api.seed(pods, { ...pod, metadata: podName });
  expect(await pass('pod/shop/web')).toMatchObject({ kind: 'blocked', because: 'the pod has changed' });
});

test('NLC8: a failed live read removes nothing', async () => {
  const { api, clock, pass } = setUp();
  api.seed(pods, pod);
  await pass('pod/shop/web');
  await clock.advance(40_000);
  api.fail({ verb: 'get', plural: 'nodes', status: 0, reason: 'Unknown' });
  expect(await pass('pod/shop/web')).toMatchObject({ kind: 'failed' });
  expect(api.writes).toHaveLength(0);
});

test('NLC7: a terminating pod of a node that exists stays', async () => {
  const { api, clock, pass } = setUp();
  api.seed(nodes, ready);
  api.seed(pods, pod);
  await clock.advance(600_000);
  expect(await pass('pod/shop/web')).toEqual({ kind: 'settled' });
});

test('NLC9: finds silence without an event, and the pods of a node that goes', async () => {
  const { api, deps, clock } = setUp();
  const stop = new AbortController();
  api.seed(nodes, ready);
  api.seed(leases, lease('1'));
  api.seed(pods, { ...pod, metadata: podName });
  const running = nodeLifecycleLoop(deps).run(stop.signal);
  await clock.advance(30_000);
  api.seed(leases, lease('2'));
  await clock.advance(39_000);
  expect(api.writes).toHaveLength(0);
  await clock.advance(6_000);
  expect(api.writes.map(({ verb }) => verb)).toEqual(['updateStatus', 'update']);
  api.drop(nodes, nodeName);
  await clock.advance(41_000);
  expect(api.peek(pods, podName)).toBeUndefined();
  expect(clock.pending.every(({ kind }) => kind === 'periodic')).toBe(true);
  stop.abort();
  await running;
});
