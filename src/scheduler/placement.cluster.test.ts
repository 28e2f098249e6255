// Scheduler, binding, protection and ephemeral loops on the real server in virtual time: what one part's writes mean to
// the others. The provisioner and the node's agent are played by the test.
import { afterEach, expect, test } from 'vitest';
import type { Node, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { LoopDeps } from '#client/loop.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { ephemeralLoop } from '#controllers/ephemeral/connect.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { schedulerLoop } from './connect.ts';

const DRIVER = 'disk.holdfast.dev';
const namespace = 'default';
const stop = { now: new AbortController(), done: Promise.resolve() };

afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

async function startCluster(driver: object = {}) {
  const { server, clock } = await testServer();
  stop.now = new AbortController();
  const api = inProcessClient(server.handler, 'test');
  const said: string[] = [];
  const base = { api, clock, random: seededRandom(1), log: silentLog };
  const informers = createInformerSource(base);
  const events: LoopDeps['events'] = {
    record: (about, { reason, message }) => said.push(`${about.metadata.name ?? ''} ${reason} ${message}`),
  };
  const deps: LoopDeps = { ...base, informers, events };
  const loops = [bindingLoop, schedulerLoop, protectionLoop, ephemeralLoop];
  const running = loops.map((loop) => loop(deps).run(stop.now.signal));
  stop.done = Promise.all([...running, informers.run(stop.now.signal)]).then(() => undefined);
  await api.create(csiDrivers, { metadata: { name: DRIVER }, spec: driver });
  for (const volumeBindingMode of ['Immediate', 'WaitForFirstConsumer'] as const) {
    const name = volumeBindingMode === 'Immediate' ? 'now' : 'later';
    await api.create(storageClasses, { metadata: { name }, provisioner: DRIVER, volumeBindingMode });
  }
  await clock.advance(100);
  const quiet = async (): Promise<string> => (await api.list(persistentVolumes)).resourceVersion;
  return { api, clock, said, quiet };
}

type Cluster = Awaited<ReturnType<typeof startCluster>>;

async function addNode({ api, clock }: Cluster, name: string): Promise<void> {
  const status: Node['status'] = {
    allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
  };
  const made = await api.create(nodes, { metadata: { name, labels: { host: name } } });
  await api.updateStatus(nodes, { ...made, status });
  const drivers = [{ name: DRIVER, nodeID: name, topologyKeys: ['host'] }];
  await api.create(csiNodes, { metadata: { name }, spec: { drivers } });
  await clock.advance(100);
}

const claimSpec = (storageClassName: string, mode = 'ReadWriteOnce') => ({
  accessModes: [mode],
  storageClassName,
  resources: { requests: { storage: '1Gi' } },
});
const aVolume = (name: string, storageClassName: string, mode = 'ReadWriteOnce'): PersistentVolume => ({
  metadata: { name },
  spec: {
    accessModes: [mode],
    capacity: { storage: '1Gi' },
    storageClassName,
    persistentVolumeReclaimPolicy: 'Retain',
    csi: { driver: DRIVER, volumeHandle: name },
  },
});
const aPod = (name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { namespace, name },
  spec: { containers: [{ name: 'main', image: 'none' }], ...spec },
});
const uses = (claimName: string) => [{ name: 'v', persistentVolumeClaim: { claimName } }];
const nodeOf = async ({ api }: Cluster, name: string) =>
  (await api.get(pods, { namespace, name })).spec?.nodeName;
/** The agent's last move: the pod's containers have ended. */
const end = ({ api }: Cluster, name: string) =>
  api.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });

test('SCH75: a pod that names its node gets its delayed claim bound', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  await api.create(persistentVolumes, aVolume('pv', 'later'));
  await api.create(persistentVolumeClaims, {
    metadata: { namespace, name: 'data' },
    spec: claimSpec('later'),
  });
  await api.create(pods, aPod('fixed', { nodeName: 'n1', volumes: uses('data') }));
  await clock.advance(2000);
  const claim = await api.get(persistentVolumeClaims, { namespace, name: 'data' });
  expect([claim.status?.phase, claim.spec?.volumeName]).toEqual(['Bound', 'pv']);
  const quiet = await cluster.quiet();
  await clock.advance(600_000);
  expect(await cluster.quiet()).toBe(quiet);
});

test('SCH75: without a volume its claim gets the node to be provisioned for', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  await addNode(cluster, 'n2');
  await api.create(persistentVolumeClaims, {
    metadata: { namespace, name: 'data' },
    spec: claimSpec('later'),
  });
  await api.create(pods, aPod('fixed', { nodeName: 'n2', volumes: uses('data') }));
  await clock.advance(2000);
  const { annotations } = (await api.get(persistentVolumeClaims, { namespace, name: 'data' })).metadata;
  expect(annotations).toMatchObject({
    'volume.kubernetes.io/selected-node': 'n2',
    'volume.kubernetes.io/storage-provisioner': DRIVER,
  });
});

test('SCH76: a claim selected for a node that is gone is selected for another', async () => {
  const cluster = await startCluster();
  const { api, clock, said } = cluster;
  await addNode(cluster, 'n1');
  await api.create(persistentVolumeClaims, {
    metadata: { namespace, name: 'data' },
    spec: claimSpec('later'),
  });
  await api.create(pods, aPod('web', { volumes: uses('data') }));
  await clock.advance(1000);
  const selected = async () =>
    (await api.get(persistentVolumeClaims, { namespace, name: 'data' })).metadata.annotations?.[
      'volume.kubernetes.io/selected-node'
    ];
  expect(await selected()).toBe('n1');
  await api.delete(nodes, { name: 'n1' });
  await addNode(cluster, 'n2');
  await clock.advance(700_000);
  expect(await selected()).toBe('n2');
  expect(said.filter((line) => line.includes('SelectedNodeGone'))).toHaveLength(1);
});

test('EPH1: an ephemeral volume gets its claim, the pod its node, and both go together (EPH6)', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  await api.create(persistentVolumes, aVolume('pv', 'later'));
  const ephemeral = { volumeClaimTemplate: { spec: claimSpec('later') } };
  await api.create(pods, aPod('job', { volumes: [{ name: 'tmp', ephemeral }] }));
  await clock.advance(2000);
  expect(await nodeOf(cluster, 'job')).toBe('n1');
  const claim = await api.get(persistentVolumeClaims, { namespace, name: 'job-tmp' });
  expect([claim.status?.phase, claim.spec?.volumeName]).toEqual(['Bound', 'pv']);
  await end(cluster, 'job');
  await clock.advance(5000);
  expect((await api.list(persistentVolumeClaims)).items).toEqual([]);
  expect((await api.get(persistentVolumes, { name: 'pv' })).status?.phase).toBe('Released');
});

test('EPH4: a pod whose ephemeral claim is taken says so and waits (SCH21)', async () => {
  const cluster = await startCluster();
  const { api, clock, said } = cluster;
  await addNode(cluster, 'n1');
  await api.create(persistentVolumeClaims, {
    metadata: { namespace, name: 'job-tmp' },
    spec: claimSpec('later'),
  });
  const ephemeral = { volumeClaimTemplate: { spec: claimSpec('later') } };
  await api.create(pods, aPod('job', { volumes: [{ name: 'tmp', ephemeral }] }));
  await clock.advance(10_000);
  expect(await nodeOf(cluster, 'job')).toBeUndefined();
  expect(said.filter((line) => line.startsWith('job FailedBinding'))).toHaveLength(1);
  expect(said.filter((line) => line.startsWith('job FailedScheduling'))).toHaveLength(1);
  await api.delete(persistentVolumeClaims, { namespace, name: 'job-tmp' });
  await clock.advance(10_000);
  const claim = await api.get(persistentVolumeClaims, { namespace, name: 'job-tmp' });
  expect(claim.metadata.ownerReferences).toMatchObject([{ kind: 'Pod', name: 'job' }]);
});

const urgent = (name: string, more: Partial<NonNullable<Pod['spec']>> = {}) =>
  aPod(name, { priorityClassName: 'system-node-critical', ...more });
const cpus = (cpu: string) => [{ name: 'main', image: 'none', resources: { requests: { cpu } } }];

test('SCH80: an urgent pod takes the place of another once that has ended (SCH86)', async () => {
  const cluster = await startCluster();
  const { api, clock, said } = cluster;
  await addNode(cluster, 'n1');
  await api.create(pods, aPod('low', { containers: cpus('3') }));
  await clock.advance(500);
  expect(await nodeOf(cluster, 'low')).toBe('n1');
  await api.create(pods, urgent('high', { containers: cpus('3') }));
  await clock.advance(1000);
  const low = await api.get(pods, { namespace, name: 'low' });
  expect(low.metadata.deletionTimestamp).toBeDefined();
  expect(low.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
    status: 'True',
    reason: 'PreemptionByScheduler',
  });
  expect((await api.get(pods, { namespace, name: 'high' })).status?.nominatedNodeName).toBe('n1');
  await api.create(pods, aPod('later', { containers: cpus('1') }));
  await clock.advance(500);
  await end(cluster, 'low');
  await clock.advance(1000);
  expect([await nodeOf(cluster, 'high'), await nodeOf(cluster, 'later')]).toEqual(['n1', 'n1']);
  expect(said.filter((line) => line.includes(' Preempted '))).toHaveLength(1);
});

test('SCH25: an urgent pod takes over a ReadWriteOncePod claim (SCH80)', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  await addNode(cluster, 'n2');
  const mode = 'ReadWriteOncePod';
  await api.create(persistentVolumes, aVolume('pv', 'now', mode));
  const metadata = { namespace, name: 'data' };
  await api.create(persistentVolumeClaims, { metadata, spec: claimSpec('now', mode) });
  await api.create(pods, aPod('low', { volumes: uses('data') }));
  await clock.advance(2000);
  expect(await nodeOf(cluster, 'low')).toBe('n1');
  await api.create(pods, aPod('same', { volumes: uses('data') }));
  await api.create(pods, urgent('high', { volumes: uses('data') }));
  await clock.advance(2000);
  expect((await api.get(pods, { namespace, name: 'low' })).metadata.deletionTimestamp).toBeDefined();
  await end(cluster, 'low');
  await clock.advance(20_000);
  expect([await nodeOf(cluster, 'high'), await nodeOf(cluster, 'same')]).toEqual(['n1', undefined]);
});

test('SCH38: a pod goes where capacity is published, when it is published', async () => {
  const cluster = await startCluster({ storageCapacity: true });
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  await addNode(cluster, 'n2');
  await api.create(persistentVolumeClaims, {
    metadata: { namespace, name: 'data' },
    spec: claimSpec('later'),
  });
  await api.create(pods, aPod('web', { volumes: uses('data') }));
  await clock.advance(1000);
  const message = (await api.get(pods, { namespace, name: 'web' })).status?.conditions?.[0]?.message;
  expect(message).toContain('2 node(s) did not have enough free storage');
  await api.create(csiStorageCapacities, {
    metadata: { namespace, name: 'c' },
    storageClassName: 'later',
    nodeTopology: { matchLabels: { host: 'n2' } },
    capacity: '5Gi',
  });
  await clock.advance(11_000);
  const { annotations } = (await api.get(persistentVolumeClaims, { namespace, name: 'data' })).metadata;
  expect(annotations?.['volume.kubernetes.io/selected-node']).toBe('n2');
});

test('SCH72: of many waiting pods the urgent one is placed first', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await addNode(cluster, 'n1');
  const made = await api.get(nodes, { name: 'n1' });
  await api.update(nodes, { ...made, spec: { ...made.spec, unschedulable: true } });
  for (let at = 0; at < 20; at++) await api.create(pods, aPod(`p-${at}`, { containers: cpus('1') }));
  await api.create(pods, urgent('urgent', { containers: cpus('4') }));
  await clock.advance(20_000);
  const node = await api.get(nodes, { name: 'n1' });
  await api.update(nodes, { ...node, spec: { ...node.spec, unschedulable: false } });
  await clock.advance(20_000);
  expect(await nodeOf(cluster, 'urgent')).toBe('n1');
});
