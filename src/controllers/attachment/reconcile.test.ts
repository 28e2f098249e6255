import { expect, test } from 'vitest';
import type { Node, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { attachmentName, uniqueVolumeName } from '#rules/attachment-name.ts';
import { BIND_COMPLETED, BOOT_ID } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { attachmentLoop } from './connect.ts';
import { decideEviction } from './evict.ts';
import { attachmentReconcile } from './reconcile.ts';
import { attachmentIndexes, nodeIndexes, podIndexes, volumeIndexes } from './view.ts';

const csi = { driver: 'd', volumeHandle: 'h' };
const unique = uniqueVolumeName(csi);
const NAME = attachmentName(csi, 'node-1');

const aPod = (name = 'web', nodeName = 'node-1', phase: 'Running' | 'Succeeded' = 'Running'): Pod => ({
  metadata: { namespace: 'shop', name },
  spec: { nodeName, containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  status: { phase },
});
const aNode = (name = 'node-1', status: Node['status'] = {}): Node => ({
  metadata: { name },
  // Of a node's system the boot ID is all that counts here.
  status: { nodeInfo: { bootID: 'boot-1' } as NonNullable<Node['status']>['nodeInfo'], ...status },
});
const aVolume = (name = 'pv', claimed = true): PersistentVolume => ({
  metadata: { name },
  spec: {
    csi,
    accessModes: ['ReadWriteOnce'],
    ...(claimed ? { claimRef: { namespace: 'shop', name: 'data', uid: 'uid-data' } } : {}),
  },
});
const anAttachment = (nodeName = 'node-1') => ({
  metadata: { name: attachmentName(csi, nodeName), annotations: { [BOOT_ID]: 'boot-1' } },
  spec: { attacher: 'd', nodeName, source: { persistentVolumeName: 'pv' } },
  status: { attached: true },
});

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
  const reconcile = attachmentReconcile(deps, {
    pods: informers.informer(pods, podIndexes),
    nodes: informers.informer(nodes, nodeIndexes),
    claims: informers.informer(persistentVolumeClaims),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    drivers: informers.informer(csiDrivers),
    attachments: informers.informer(volumeAttachments, attachmentIndexes),
  });
  api.seed(persistentVolumes, aVolume());
  api.seed(persistentVolumeClaims, {
    metadata: { namespace: 'shop', name: 'data', uid: 'uid-data', annotations: { [BIND_COMPLETED]: 'yes' } },
    spec: { volumeName: 'pv' },
  });
  const pass = (key: string) => reconcile(key, new AbortController().signal);
  return { api, said, deps, clock, pass };
}

test('ATT3: the attachment has the agreed name and the boot ID as read live', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(pods, aPod());
  api.freeze(true);
  // Of a node's system the boot ID is all that counts here.
  const nodeInfo = { bootID: 'boot-2' } as NonNullable<Node['status']>['nodeInfo'];
  await api.updateStatus(nodes, aNode('node-1', { nodeInfo }));
  await pass('volume/pv');
  const made = api.peek(volumeAttachments, { name: NAME });
  expect(made?.metadata.annotations).toEqual({ [BOOT_ID]: 'boot-2' });
  expect(made?.spec).toEqual({ attacher: 'd', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } });
});

test.each([
  { rule: 'ATT1', when: 'the pod has ended', pod: aPod('web', 'node-1', 'Succeeded') },
  { rule: 'ATT1', when: 'the pod has no node', pod: aPod('web', '') },
  { rule: 'ATT2', when: 'the driver needs no attaching', pod: aPod(), attachRequired: false },
])('$rule: nothing is attached when $when', async ({ pod, attachRequired }) => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(pods, pod);
  if (attachRequired !== undefined)
    api.seed(csiDrivers, { metadata: { name: 'd' }, spec: { attachRequired } });
  expect(await pass('volume/pv')).toEqual({ kind: 'settled' });
  expect(api.writes).toEqual([]);
});

test('ATT1: nothing is attached while claim and volume are no pair', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(pods, aPod());
  api.seed(persistentVolumeClaims, {
    metadata: { namespace: 'shop', name: 'data', uid: 'uid-new' },
    spec: { volumeName: 'pv' },
  });
  expect(await pass('volume/pv')).toEqual({ kind: 'settled' });
});

test('ATT8: an attachment under another object of the same backend is in the way', async () => {
  const { api, said, pass } = setUp();
  api.seed(nodes, aNode('node-2'));
  api.seed(pods, aPod('web', 'node-2'));
  api.seed(persistentVolumes, aVolume('twin', false));
  const { metadata, spec } = anAttachment('node-1');
  api.seed(nodes, aNode('node-1', { volumesInUse: [unique] }));
  api.seed(volumeAttachments, { metadata, spec: { ...spec, source: { persistentVolumeName: 'twin' } } });
  expect(await pass('volume/pv')).toEqual({ kind: 'settled' });
  expect([api.writes, said]).toEqual([[], ['FailedAttachVolume']]);
});

test('ATT6: a pod kept waiting is told once', async () => {
  const { api, said, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(nodes, aNode('node-2'));
  api.seed(pods, aPod());
  api.seed(pods, aPod('two', 'node-2'));
  api.seed(volumeAttachments, anAttachment());
  await pass('volume/pv');
  await pass('volume/pv');
  expect([api.writes, said]).toEqual([[], ['FailedAttachVolume']]);
});

test('ATT15: the delete carries UID and version of the proof', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  const { uid, resourceVersion } = api.seed(volumeAttachments, anAttachment()).metadata;
  expect(await pass('volume/pv')).toEqual({ kind: 'settled' });
  expect(api.writes).toMatchObject([
    { verb: 'delete', key: NAME, body: { preconditions: { uid, resourceVersion } } },
  ]);
});

test.each([
  { when: 'the node uses it', seed: aNode('node-1', { volumesInUse: [unique] }) },
  {
    when: 'the node is offered it',
    seed: aNode('node-1', { volumesAttached: [{ name: unique, devicePath: '' }] }),
  },
])('ATT15: a stale cache deletes nothing when $when in truth', async ({ seed }) => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(volumeAttachments, anAttachment());
  api.freeze(true);
  api.seed(nodes, seed);
  expect(await pass('volume/pv')).toMatchObject({ kind: 'blocked' });
  expect(api.writes).toEqual([]);
});

test('ATT15: a pod that the cache does not show yet keeps the attachment', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(volumeAttachments, anAttachment());
  api.freeze(true);
  api.seed(pods, aPod());
  expect(await pass('volume/pv')).toMatchObject({ kind: 'blocked' });
  expect(api.writes).toEqual([]);
});

test('ATT24: what is being detached is not offered again to a pod that comes meanwhile', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(volumeAttachments, anAttachment());
  const detached = pass('volume/pv');
  api.seed(pods, aPod());
  expect(await pass('node/node-1')).toMatchObject({ kind: 'blocked' });
  await detached;
  expect(api.writes.filter(({ plural }) => plural === 'nodes')).toEqual([]);
});

test('ATT16: records the new boot of a node that wants it again', async () => {
  const { api, pass } = setUp();
  const nodeInfo = { bootID: 'boot-2' } as NonNullable<Node['status']>['nodeInfo'];
  api.seed(nodes, aNode('node-1', { nodeInfo }));
  api.seed(pods, aPod());
  api.seed(volumeAttachments, anAttachment());
  await pass('volume/pv');
  expect(api.peek(volumeAttachments, { name: NAME })?.metadata.annotations).toEqual({ [BOOT_ID]: 'boot-2' });
  expect(await pass('volume/pv')).toEqual({ kind: 'settled' });
});

test('ATT23: publishes one field on the observed version', async () => {
  const { api, pass } = setUp();
  const { resourceVersion } = api.seed(nodes, aNode('node-1', { volumesInUse: ['x'] })).metadata;
  api.seed(pods, aPod());
  api.seed(volumeAttachments, anAttachment());
  await pass('node/node-1');
  const volumesAttached = [{ name: unique, devicePath: '' }];
  expect(api.writes[0]?.body).toEqual({
    type: 'merge',
    subresource: 'status',
    patch: { metadata: { resourceVersion }, status: { volumesAttached } },
  });
  expect(api.peek(nodes, { name: 'node-1' })?.status).toMatchObject({ volumesInUse: ['x'], volumesAttached });
});

test('ATT31: the loop attaches, offers, withdraws and detaches, and then is quiet (ATT30)', async () => {
  const { api, clock, deps, said } = setUp();
  const stop = new AbortController();
  const running = attachmentLoop(deps).run(stop.signal);
  api.seed(nodes, aNode());
  api.seed(pods, aPod());
  await clock.advance(100);
  const made = api.peek(volumeAttachments, { name: NAME });
  expect(made).toBeDefined();
  if (made !== undefined) api.seed(volumeAttachments, { ...made, status: { attached: true } });
  await clock.advance(100);
  expect(api.peek(nodes, { name: 'node-1' })?.status?.volumesAttached).toHaveLength(1);
  api.drop(pods, { namespace: 'shop', name: 'web' });
  await clock.advance(3000);
  expect(api.peek(nodes, { name: 'node-1' })?.status?.volumesAttached).toEqual([]);
  expect(api.peek(volumeAttachments, { name: NAME })).toBeUndefined();
  const { length } = api.writes;
  api.seed(nodes, { ...aNode(), metadata: { name: 'node-1', annotations: { heartbeat: '1' } } });
  await clock.advance(600_000);
  expect([api.writes.length, said]).toEqual([length, ['SuccessfulAttachVolume']]);
  stop.abort();
  await running;
});

const oos = (ready: string, effect: 'NoExecute' | 'NoSchedule' = 'NoExecute'): Node => ({
  ...aNode('node-1', { conditions: [{ type: 'Ready', status: ready }], volumesInUse: [unique] }),
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect }] },
});
const leaving = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
});
const tolerating = (pod: Pod): Pod => ({
  ...pod,
  spec: { containers: [], ...pod.spec, tolerations: [{ operator: 'Exists' }] },
});
test.each([
  {
    when: 'the node answers and the pod does not tolerate it',
    node: oos('True'),
    pod: aPod(),
    step: 'delete',
  },
  { when: 'the node does not answer', node: oos('Unknown'), pod: aPod(), step: 'remove' },
  { when: 'the pod tolerates it', node: oos('Unknown'), pod: tolerating(aPod()), step: 'rest' },
  { when: 'such a pod is leaving', node: oos('Unknown'), pod: leaving(tolerating(aPod())), step: 'remove' },
  { when: 'the taint only keeps others away', node: oos('Unknown', 'NoSchedule'), pod: aPod(), step: 'rest' },
  { when: 'the pod is leaving a node that answers', node: oos('True'), pod: leaving(aPod()), step: 'rest' },
  { when: 'there is no taint', node: aNode(), pod: leaving(aPod()), step: 'rest' },
  { when: 'there is no node', node: undefined, pod: leaving(aPod()), step: 'rest' },
])('ATT40: decides $step when $when', ({ node, pod, step }) => {
  expect(decideEviction(pod, node).kind).toBe(step);
});

test('ATT41: a taint that was taken back behind the cache removes nobody', async () => {
  const { api, pass } = setUp();
  api.seed(nodes, oos('Unknown'));
  api.seed(pods, aPod());
  api.freeze(true);
  api.seed(nodes, aNode());
  expect(await pass('pod/shop/web')).toEqual({ kind: 'settled' });
  expect(api.writes).toEqual([]);
});

test('ATT40 ATT42: out of service: the pod goes with grace 0, then the volume, and it is told', async () => {
  const { api, said, deps, clock } = setUp();
  const stop = new AbortController();
  api.seed(nodes, oos('Unknown'));
  api.seed(pods, aPod());
  api.seed(volumeAttachments, anAttachment());
  const done = attachmentLoop(deps).run(stop.signal);
  await clock.advance(1000);
  expect(api.peek(pods, { namespace: 'shop', name: 'web' })).toBeUndefined();
  expect(api.peek(volumeAttachments, { name: NAME })).toBeUndefined();
  expect(api.writes.find(({ verb, plural }) => verb === 'delete' && plural === 'pods')?.body).toMatchObject({
    gracePeriodSeconds: 0,
  });
  expect(said).toEqual(['TaintManagerEviction', 'ForcedDetach']);
  stop.abort();
  await done;
});

const silent = (): Node =>
  aNode('node-1', { conditions: [{ type: 'Ready', status: 'Unknown' }], volumesInUse: [unique] });
test.each([
  { when: 'off', options: {}, stays: true },
  { when: 'set', options: { riskDataAfterMs: 360_000 }, stays: false },
])('ATT45: with the timer $when a silent node keeps its volume: $stays', async ({ options, stays }) => {
  const { api, deps, clock } = setUp();
  const stop = new AbortController();
  api.seed(nodes, silent());
  api.seed(volumeAttachments, anAttachment());
  const done = attachmentLoop(deps, options).run(stop.signal);
  await clock.advance(300_000);
  expect(api.peek(volumeAttachments, { name: NAME })).toBeDefined();
  await clock.advance(3_600_000);
  expect(api.peek(volumeAttachments, { name: NAME }) !== undefined).toBe(stays);
  stop.abort();
  await done;
});

test('ATT9: what this process attached is told once; what was attached before is not', async () => {
  const { api, said, pass } = setUp();
  api.seed(nodes, aNode());
  api.seed(pods, aPod());
  await pass('volume/pv');
  const made = api.peek(volumeAttachments, { name: NAME });
  if (made !== undefined) api.seed(volumeAttachments, { ...made, status: { attached: true } });
  await pass('volume/pv');
  await pass('volume/pv');
  expect(said).toEqual(['SuccessfulAttachVolume']);

  const later = setUp();
  later.api.seed(nodes, aNode());
  later.api.seed(pods, aPod());
  later.api.seed(volumeAttachments, anAttachment());
  await later.pass('volume/pv');
  expect(later.said).toEqual([]);
});
