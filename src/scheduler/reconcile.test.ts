import { expect, test } from 'vitest';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { BIND_COMPLETED, SELECTED_NODE } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { DEFAULT_GATES } from '#rules/feature-gates.ts';
import { Assumptions } from './assumptions.ts';
import { ClusterState } from './cluster-state.ts';
import { schedulerCaches, schedulerLoop } from './connect.ts';
import { BIND_TIMEOUT_MS } from './place.ts';
import { schedulerReconcile } from './reconcile.ts';
import { WaitingPods } from './waiting.ts';

const namespace = 'shop';
const WEB = 'shop/web';
const aPod = (spec: Partial<NonNullable<Pod['spec']>> = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { namespace, name: 'web', ...metadata },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], ...spec },
  status: { phase: 'Pending' },
});
const aNode = (metadata: Node['metadata'] = {}): Node => ({
  metadata: { name: 'n1', ...metadata },
  status: { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { cpu: '4', pods: '10' } },
});
const aClaim = (annotations = {}, volumeName?: string): PersistentVolumeClaim => ({
  metadata: { namespace, name: 'data', uid: 'uid-data', annotations },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'later',
    resources: { requests: { storage: '1Gi' } },
    ...(volumeName === undefined ? {} : { volumeName }),
  },
});
const aVolume = (spec: PersistentVolume['spec'] = {}): PersistentVolume => ({
  metadata: { name: 'pv' },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' }, storageClassName: 'later', ...spec },
  status: { phase: 'Available' },
});
const bound = () => aClaim({ [BIND_COMPLETED]: 'yes' }, 'pv');

function setUp() {
  const api = scriptedApi();
  const said: string[] = [];
  const { informers } = api;
  const clock = virtualClock();
  const deps = {
    api,
    informers,
    clock,
    random: seededRandom(1),
    log: silentLog,
    events: { record: (_about: unknown, { reason }: { reason: string }) => said.push(reason) },
  };
  const caches = schedulerCaches(informers);
  // Made again, as after a restart of the process.
  const start = () => {
    const state = new ClusterState(caches);
    state.follow(caches);
    const sources = { caches, state, assumptions: new Assumptions(state) };
    const options = { sources, waiting: new WaitingPods(), gates: DEFAULT_GATES };
    const reconcile = schedulerReconcile(deps, options);
    return (key = WEB) => reconcile(key, new AbortController().signal);
  };
  api.seed(nodes, aNode());
  api.seed(csiNodes, { metadata: { name: 'n1' }, spec: { drivers: [{ name: 'd', nodeID: 'n1' }] } });
  api.seed(storageClasses, {
    metadata: { name: 'later' },
    provisioner: 'd',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const short = () => api.writes.map(({ verb, key }) => `${verb} ${key}`);
  return { api, said, deps, clock, start, short };
}

test.each([
  { rule: 'SCH1', when: 'it has a node', pod: aPod({ nodeName: 'n1' }) },
  { rule: 'SCH1', when: 'it names another scheduler', pod: aPod({ schedulerName: 'other' }) },
  { rule: 'SCH1', when: 'it has ended', pod: { ...aPod(), status: { phase: 'Failed' as const } } },
  {
    rule: 'SCH2',
    when: 'it is being deleted',
    pod: aPod({}, { deletionTimestamp: 'now', finalizers: ['x'] }),
  },
  { rule: 'SCH3', when: 'a gate holds it', pod: aPod({ schedulingGates: [{ name: 'wait' }] }) },
])('$rule: a pod is left alone when $when', async ({ pod }) => {
  const { api, start } = setUp();
  api.seed(pods, pod);
  expect(await start()()).toEqual({ kind: 'settled' });
  expect(api.writes).toEqual([]);
});

test('SCH65: a pod whose claims are bound is bound at once, with an event', async () => {
  const { api, start, said } = setUp();
  api.seed(persistentVolumeClaims, bound());
  api.seed(persistentVolumes, aVolume({ claimRef: { namespace, name: 'data', uid: 'uid-data' } }));
  const { uid } = api.seed(pods, aPod()).metadata;
  const pass = start();
  await pass();
  const body = {
    kind: 'Binding',
    metadata: { namespace, name: 'web', uid },
    target: { kind: 'Node', name: 'n1' },
  };
  expect(api.writes).toMatchObject([{ verb: 'createSubresource', subresource: 'binding', body }]);
  await pass();
  expect([api.writes.length, said]).toEqual([1, ['Scheduled']]);
});

test('SCH60: reserves a volume, waits without writing, and binds the pod (SCH62)', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(persistentVolumes, aVolume());
  api.seed(pods, aPod());
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(await pass()).toMatchObject({ kind: 'blocked', retryAfterMs: BIND_TIMEOUT_MS });
  expect(api.peek(persistentVolumes, { name: 'pv' })?.spec?.claimRef).toMatchObject({ uid: 'uid-data' });
  api.seed(persistentVolumeClaims, bound());
  await pass();
  expect(short()).toEqual(['update pv', `createSubresource ${WEB}`]);
});

test('SCH61: selects the node, waits without writing, and binds the pod', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
  expect(claim?.metadata.annotations).toEqual({ [SELECTED_NODE]: 'n1' });
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  api.seed(persistentVolumes, aVolume());
  api.seed(persistentVolumeClaims, bound());
  await pass();
  expect(short()).toEqual(['update shop/data', `createSubresource ${WEB}`]);
});

const refusals = [
  { when: 'is refused', status: 409, reason: 'Conflict' },
  { when: 'fails', status: 503, reason: 'ServiceUnavailable' },
  { when: 'is not answered', status: 0, reason: 'Unknown', isAnswerLost: true },
];
test.each(refusals)(
  'SCH60: a reservation that $when is looked at again and leads to the same node',
  async (failure) => {
    const { api, start } = setUp();
    api.seed(persistentVolumeClaims, aClaim());
    api.seed(persistentVolumes, aVolume());
    api.seed(pods, aPod());
    api.fail({ verb: 'update', plural: 'persistentvolumes', ...failure });
    const pass = start();
    expect(await pass()).toMatchObject({ kind: 'failed' });
    while ((await pass()).kind === 'progressed');
    expect(api.peek(persistentVolumes, { name: 'pv' })?.spec?.claimRef).toMatchObject({ uid: 'uid-data' });
    api.seed(persistentVolumeClaims, bound());
    await pass();
    expect(api.writes.at(-1)).toMatchObject({ subresource: 'binding', key: WEB });
  },
);

test.each(refusals)(
  'SCH61: a selection that $when is looked at again and leads to the same node',
  async (failure) => {
    const { api, start } = setUp();
    api.seed(persistentVolumeClaims, aClaim());
    api.seed(pods, aPod());
    api.fail({ verb: 'update', plural: 'persistentvolumeclaims', ...failure });
    const pass = start();
    expect(await pass()).toMatchObject({ kind: 'failed' });
    while ((await pass()).kind === 'progressed');
    const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
    expect(claim?.metadata.annotations).toEqual({ [SELECTED_NODE]: 'n1' });
    expect(await pass()).toMatchObject({ kind: 'blocked', retryAfterMs: BIND_TIMEOUT_MS });
  },
);

test('SCH49: a node whose provisioner asks for another one is left at growing distances', async () => {
  const { api, clock, start } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  const pass = start();
  const delays: unknown[] = [];
  for (let at = 0; at < 3; at++) {
    while ((await pass()).kind === 'progressed');
    const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
    api.seed(persistentVolumeClaims, { ...aClaim(), metadata: { ...claim?.metadata, annotations: {} } });
    const left = await pass();
    delays.push(left.kind === 'blocked' ? left.retryAfterMs : left.kind);
    expect(await pass()).toEqual({ ...left, because: 'it was refused a moment ago' });
    await clock.advance(10_000);
  }
  expect(delays).toEqual([1000, 2000, 4000]);
});

test('SCH60: volumes are reserved before nodes are selected', async () => {
  const { api, start, short } = setUp();
  const more = aClaim();
  api.seed(persistentVolumeClaims, {
    ...more,
    metadata: { ...more.metadata, name: 'a', uid: 'uid-a' },
    spec: { ...more.spec, accessModes: ['ReadWriteMany'] },
  });
  api.seed(persistentVolumeClaims, more);
  api.seed(persistentVolumes, aVolume());
  const volumes = ['a', 'data'].map((claimName) => ({
    name: claimName,
    persistentVolumeClaim: { claimName },
  }));
  api.seed(pods, aPod({ volumes }));
  const pass = start();
  await pass();
  await pass();
  expect(short()).toEqual(['update pv', 'update shop/a']);
});

type World = ReturnType<typeof setUp>;
const losses: readonly { when: string; isProvisioned: boolean; lose: (world: World) => unknown }[] = [
  {
    when: 'selected-node is removed',
    isProvisioned: true,
    lose: ({ api }) => api.seed(persistentVolumeClaims, aClaim()),
  },
  {
    when: 'selected-node is changed',
    isProvisioned: true,
    lose: ({ api }) => api.seed(persistentVolumeClaims, aClaim({ [SELECTED_NODE]: 'n9' })),
  },
  {
    when: 'the claim is deleted',
    isProvisioned: true,
    lose: ({ api }) => api.drop(persistentVolumeClaims, { namespace, name: 'data' }),
  },
  {
    when: 'the volume is deleted',
    isProvisioned: false,
    lose: ({ api }) => api.drop(persistentVolumes, { name: 'pv' }),
  },
  {
    when: 'the volume is taken back',
    isProvisioned: false,
    lose: ({ api }) => api.seed(persistentVolumes, aVolume()),
  },
  {
    when: 'the volume is given to another',
    isProvisioned: false,
    lose: ({ api }) => api.seed(persistentVolumes, aVolume({ claimRef: { namespace, name: 'x', uid: 'y' } })),
  },
];
test.each(losses)('SCH63: the node is given up when $when', async ({ isProvisioned, lose }) => {
  const world = setUp();
  const { api, start, said } = world;
  api.seed(persistentVolumeClaims, aClaim());
  if (!isProvisioned) api.seed(persistentVolumes, aVolume());
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  lose(world);
  const { length } = api.writes;
  expect(await pass()).toMatchObject({ kind: 'blocked', retryAfterMs: 1000 });
  expect([api.writes.length, said]).toEqual([length, ['FailedScheduling']]);
});

test('SCH64: the node is given up when the bound volume does not reach it', async () => {
  const { api, start, said } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  const matchExpressions = [{ key: 'zone', operator: 'In' as const, values: ['b'] }];
  api.seed(
    persistentVolumes,
    aVolume({ nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } }),
  );
  api.seed(persistentVolumeClaims, bound());
  expect(await pass()).toMatchObject({ kind: 'blocked', retryAfterMs: 1000 });
  expect(said).toEqual(['FailedScheduling']);
});

test('SCH66: after the deadline the node is given up', async () => {
  const { api, start, clock } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  await clock.advance(BIND_TIMEOUT_MS);
  const outcome = await pass();
  expect(outcome).toMatchObject({ kind: 'blocked', retryAfterMs: 1000 });
  expect(outcome.kind === 'blocked' ? outcome.because : '').toContain('timed out waiting for the condition');
});

test('SCH67: a pod that was replaced is decided anew', async () => {
  const { api, start } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  api.drop(pods, { namespace, name: 'web' });
  expect(await pass()).toEqual({ kind: 'settled' });
  const { uid } = api.seed(pods, aPod({ volumes: [] })).metadata;
  await pass();
  expect(api.writes.at(-1)?.body).toMatchObject({ metadata: { uid } });
});

test.each([
  {
    when: 'a refused binding gives it back',
    status: 409,
    reason: 'Conflict',
    other: 'createSubresource shop/other',
  },
  {
    when: 'a binding without an answer keeps it',
    status: 0,
    reason: 'Unknown',
    other: 'updateStatus shop/other',
  },
])('SCH68: of the pod’s place $when', async ({ status, reason, other }) => {
  const { api, start, short } = setUp();
  const containers = [{ name: 'c', resources: { requests: { cpu: '3' } } }];
  api.seed(pods, aPod({ volumes: [], containers }));
  api.seed(pods, aPod({ volumes: [], containers }, { name: 'other' }));
  api.fail({ verb: 'createSubresource', plural: 'pods', status, reason });
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'failed' });
  await pass('shop/other');
  expect(short().at(-1)).toBe(other);
});

test('SCH69: a restart leads to the same node and writes nothing twice', async () => {
  const { api, start, short } = setUp();
  api.seed(nodes, aNode({ name: 'n0' }));
  api.seed(csiNodes, { metadata: { name: 'n0' }, spec: { drivers: [{ name: 'd', nodeID: 'n0' }] } });
  api.seed(persistentVolumeClaims, aClaim({ [SELECTED_NODE]: 'n1' }));
  api.seed(pods, aPod());
  expect(await start()()).toMatchObject({ kind: 'blocked' });
  expect(short()).toEqual([]);
});

test('SCH51: a refusal is written and told once (SCH71)', async () => {
  const { api, start, said } = setUp();
  api.seed(pods, aPod());
  const pass = start();
  await pass();
  expect(await pass()).toMatchObject({ kind: 'blocked', retryAfterMs: 300_000 });
  expect(await start()()).toMatchObject({ kind: 'blocked', retryAfterMs: 300_000 });
  expect(api.peek(pods, { namespace, name: 'web' })?.status?.conditions).toEqual([
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/1 nodes are available: persistentvolumeclaim "data" not found.',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ]);
  expect([api.writes.length, said]).toEqual([1, ['FailedScheduling']]);
});

test('SCH70: what may make room wakes a waiting pod, a heartbeat does not', async () => {
  const { api, deps, clock, short } = setUp();
  const stop = new AbortController();
  const running = schedulerLoop(deps).run(stop.signal);
  api.seed(nodes, { ...aNode(), spec: { unschedulable: true } });
  api.seed(pods, aPod({ volumes: [] }));
  await clock.advance(100);
  expect(short()).toEqual([`updateStatus ${WEB}`]);
  api.seed(nodes, { ...aNode({ annotations: { heartbeat: '1' } }), spec: { unschedulable: true } });
  await clock.advance(100);
  expect(short()).toHaveLength(1);
  api.seed(nodes, aNode());
  await clock.advance(100);
  expect(short()).toEqual([`updateStatus ${WEB}`, `createSubresource ${WEB}`]);
  stop.abort();
  await running;
});

test('SCH75: the delayed claim of a pod that came with its node is planned for it, and nothing is bound', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod({ nodeName: 'n1', schedulerName: 'other' }));
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
  expect(claim?.metadata.annotations).toEqual({ [SELECTED_NODE]: 'n1' });
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  api.seed(persistentVolumes, aVolume());
  api.seed(persistentVolumeClaims, bound());
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(short()).toEqual(['update shop/data']);
});

test('SCH75: such a claim takes a volume that is there', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(persistentVolumes, aVolume());
  api.seed(pods, aPod({ nodeName: 'n1' }));
  await start()();
  expect(short()).toEqual(['update pv']);
  expect(api.peek(persistentVolumes, { name: 'pv' })?.spec?.claimRef?.uid).toBe('uid-data');
});

test('SCH75: what refuses there is told', async () => {
  const { api, start, said } = setUp();
  api.seed(persistentVolumeClaims, aClaim({ [SELECTED_NODE]: 'n2' }));
  api.seed(pods, aPod({ nodeName: 'n1' }));
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  expect([api.writes, said]).toEqual([[], ['FailedScheduling']]);
});

test('SCH75: a pod whose node is not registered yet is served when it is', async () => {
  const { api, deps, clock, short } = setUp();
  const stop = new AbortController();
  const running = schedulerLoop(deps).run(stop.signal);
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod({ nodeName: 'n2' }));
  await clock.advance(1000);
  expect(short()).toEqual([]);
  api.seed(nodes, aNode({ name: 'n2' }));
  await clock.advance(1000);
  expect(short()).toEqual(['update shop/data']);
  stop.abort();
  await running;
});

test('SCH76: selected-node goes when its node is gone, and another is chosen', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim({ [SELECTED_NODE]: 'gone' }));
  api.seed(pods, aPod());
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.peek(persistentVolumeClaims, { namespace, name: 'data' })?.metadata.annotations).toEqual({});
  await pass();
  const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
  expect(claim?.metadata.annotations).toEqual({ [SELECTED_NODE]: 'n1' });
  expect(short()).toEqual(['update shop/data', 'update shop/data']);
});

test('SCH76: a node that only the cache lacks keeps its claims', async () => {
  const { api, start, short } = setUp();
  api.seed(persistentVolumeClaims, aClaim({ [SELECTED_NODE]: 'late' }));
  api.seed(pods, aPod());
  const pass = start();
  api.freeze(true);
  api.seed(nodes, aNode({ name: 'late' }));
  await pass();
  expect(short()).toEqual(['updateStatus shop/web']);
});

const big = [{ name: 'c', resources: { requests: { cpu: '3' } } }];
function withVictim() {
  const world = setUp();
  const victim = aPod({ nodeName: 'n1', volumes: [], containers: big }, { name: 'low' });
  const { uid } = world.api.seed(pods, victim).metadata;
  world.api.seed(pods, aPod({ volumes: [], containers: big, priority: 10 }));
  return { ...world, uid };
}

test('SCH83: the node is nominated first, then the victim is told and deleted by UID', async () => {
  const { api, start, short, said, uid } = withVictim();
  const pass = start();
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.peek(pods, { namespace, name: 'web' })?.status?.nominatedNodeName).toBe('n1');
  expect(short()).toEqual([`updateStatus ${WEB}`]);
  expect(await pass()).toMatchObject({ kind: 'blocked' });
  expect(short().slice(1)).toEqual(['updateStatus shop/low', 'delete shop/low']);
  expect(api.writes.at(-1)?.body).toEqual({ preconditions: { uid } });
  expect(said).toEqual(['FailedScheduling', 'Preempted']);
  await pass();
  expect(short().slice(3)).toEqual([`createSubresource ${WEB}`]);
});

test('SCH85: while the victim is leaving nothing more is written', async () => {
  const { api, start, short } = withVictim();
  const low = api.peek(pods, { namespace, name: 'low' });
  if (low === undefined) throw new Error('the victim is seeded');
  api.seed(pods, { ...low, metadata: { ...low.metadata, finalizers: ['x'] } });
  const pass = start();
  for (let time = 0; time < 5; time++) await pass();
  expect(short()).toEqual([`updateStatus ${WEB}`, 'updateStatus shop/low', 'delete shop/low']);
});

test.each([
  { when: 'the word is refused', verb: 'updateStatus' as const, status: 409, reason: 'Conflict' },
  { when: 'the word is not answered', verb: 'updateStatus' as const, status: 0, reason: 'Unknown' },
  { when: 'the delete is refused', verb: 'delete' as const, status: 503, reason: 'ServiceUnavailable' },
  { when: 'the delete is not answered', verb: 'delete' as const, status: 0, reason: 'Unknown' },
])('SCH83: a preemption carries on when $when, also after a restart', async ({ verb, status, reason }) => {
  const { api, start, clock } = withVictim();
  api.fail({ verb, plural: 'pods', status, reason, isAnswerLost: status === 0 });
  for (let time = 0; time < 8; time++) {
    await clock.advance(10_000);
    await start()();
  }
  expect(api.peek(pods, { namespace, name: 'low' })).toBeUndefined();
  expect(api.writes.at(-1)).toMatchObject({ verb: 'createSubresource', key: WEB });
});

test('SCH52: a node that is just registering is one piece of news, not many', async () => {
  const { api, deps, clock, said } = setUp();
  const stop = new AbortController();
  api.drop(nodes, { name: 'n1' });
  api.drop(csiNodes, { name: 'n1' });
  const running = schedulerLoop(deps).run(stop.signal);
  api.seed(csiDrivers, { metadata: { name: 'd' }, spec: {} });
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod());
  await clock.advance(100);
  api.seed(nodes, { metadata: { name: 'n1' } });
  await clock.advance(100);
  api.seed(nodes, {
    ...aNode(),
    status: { ...aNode().status, conditions: [{ type: 'Ready', status: 'False' }] },
  });
  await clock.advance(100);
  api.seed(nodes, aNode());
  await clock.advance(100);
  api.seed(csiNodes, { metadata: { name: 'n1' }, spec: { drivers: [] } });
  await clock.advance(100);
  api.seed(csiNodes, { metadata: { name: 'n1' }, spec: { drivers: [{ name: 'd', nodeID: 'n1' }] } });
  await clock.advance(1000);
  expect(said).toEqual(['FailedScheduling']);
  const claim = api.peek(persistentVolumeClaims, { namespace, name: 'data' });
  expect(claim?.metadata.annotations).toEqual({ [SELECTED_NODE]: 'n1' });
  stop.abort();
  await running;
});

test('SCH71: a second pass over a quiet world writes nothing, whatever the pods wait for', async () => {
  const { api, deps, clock } = setUp();
  const stop = new AbortController();
  api.seed(pods, aPod({ volumes: [] }, { name: 'fits' }));
  api.seed(pods, aPod({ volumes: [], containers: [{ name: 'c', resources: { requests: { cpu: '9' } } }] }));
  api.seed(pods, aPod({}, { name: 'no-claim' }));
  const running = schedulerLoop(deps).run(stop.signal);
  await clock.advance(5000);
  const { length } = api.writes;
  await clock.advance(1_000_000);
  expect(api.writes).toHaveLength(length);
  stop.abort();
  await running;
});
