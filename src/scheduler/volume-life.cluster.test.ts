// Binding, scheduler and attachment together on the real server over the memory store. The driver's sidecars and the
// node's agent are played by the test, one move at a time, so that every wait between the parts is real.
import { afterEach, expect, test } from 'vitest';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { LoopDeps } from '#client/loop.ts';
import { attachmentLoop } from '#controllers/attachment/connect.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { schedulerLoop } from './connect.ts';

const DRIVER = 'disk.holdfast.dev';
const POOL = 'topology.disk.holdfast.dev/pool';
const namespace = 'default';
const stop = { now: new AbortController(), done: Promise.resolve() };

afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

async function startCluster() {
  const { server, clock, store } = await testServer();
  stop.now = new AbortController();
  const api = inProcessClient(server.handler, 'test');
  const said: string[] = [];
  const base = { api, clock, random: seededRandom(1), log: silentLog };
  const informers = createInformerSource(base);
  const events: LoopDeps['events'] = {
    record: (about, { reason }) => said.push(`${about.kind ?? ''} ${about.metadata.name ?? ''} ${reason}`),
  };
  const deps: LoopDeps = { ...base, informers, events };
  const services = [bindingLoop, schedulerLoop, attachmentLoop, protectionLoop].map((loop) =>
    loop(deps).run(stop.now.signal),
  );
  stop.done = Promise.all([...services, informers.run(stop.now.signal)]).then(() => undefined);
  await clock.advance(100);
  const revision = async (): Promise<string> => (await api.list(persistentVolumes)).resourceVersion;
  return { api, clock, store, said, revision };
}

type Cluster = Awaited<ReturnType<typeof startCluster>>;

const aNode = (name: string): Node => ({
  metadata: { name, labels: { [POOL]: name } },
  status: {
    allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
  },
});
const aClaim = (name: string, storageClassName: string): PersistentVolumeClaim => ({
  metadata: { namespace, name },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } },
});
const aPod = (name: string, claimName: string, more: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { namespace, name },
  spec: {
    containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
    ...more,
  },
});
const aVolume = (name: string, storageClassName: string, storage = '1Gi'): PersistentVolume => ({
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage },
    storageClassName,
    persistentVolumeReclaimPolicy: 'Retain',
    csi: { driver: DRIVER, volumeHandle: name },
  },
});

async function furnish({ api, clock }: Cluster, nodeNames: readonly string[]): Promise<void> {
  await api.create(csiDrivers, { metadata: { name: DRIVER }, spec: { attachRequired: true } });
  for (const name of nodeNames) {
    await api.create(nodes, aNode(name));
    await api.updateStatus(nodes, { ...(await api.get(nodes, { name })), status: aNode(name).status });
    const drivers = [{ name: DRIVER, nodeID: name, topologyKeys: [POOL] }];
    await api.create(csiNodes, { metadata: { name }, spec: { drivers } });
  }
  for (const volumeBindingMode of ['Immediate', 'WaitForFirstConsumer'] as const) {
    const name = volumeBindingMode === 'Immediate' ? 'now' : 'later';
    await api.create(storageClasses, { metadata: { name }, provisioner: DRIVER, volumeBindingMode });
  }
  await clock.advance(100);
}

/** The provisioner's move: makes the volume of a claim that asks for one. */
async function provision({ api, clock }: Cluster, name: string): Promise<string> {
  const claim = await api.get(persistentVolumeClaims, { namespace, name });
  const annotations = claim.metadata.annotations ?? {};
  expect(annotations['volume.kubernetes.io/storage-provisioner']).toBe(DRIVER);
  const node = annotations['volume.kubernetes.io/selected-node'] ?? '';
  const volume = aVolume(`pvc-${claim.metadata.uid}`, claim.spec?.storageClassName ?? '');
  const matchExpressions = [{ key: POOL, operator: 'In' as const, values: [node] }];
  await api.create(persistentVolumes, {
    metadata: { ...volume.metadata, annotations: { 'pv.kubernetes.io/provisioned-by': DRIVER } },
    spec: {
      ...volume.spec,
      persistentVolumeReclaimPolicy: 'Delete',
      claimRef: { namespace, name, uid: claim.metadata.uid },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  });
  await clock.advance(200);
  return volume.metadata.name ?? '';
}

/** The attacher's move: everything that has an attachment is attached. */
async function attachAll({ api, clock }: Cluster): Promise<void> {
  for (const attachment of (await api.list(volumeAttachments)).items) {
    await api.updateStatus(volumeAttachments, { ...attachment, status: { attached: true } });
  }
  await clock.advance(200);
}

/** The agent's move. */
async function reportInUse(
  { api, clock }: Cluster,
  name: string,
  volumesInUse: readonly string[],
): Promise<void> {
  const node = await api.get(nodes, { name });
  await api.updateStatus(nodes, { ...node, status: { ...node.status, volumesInUse } });
  await clock.advance(200);
}

async function nodeOf({ api }: Cluster, name: string): Promise<string | undefined> {
  return (await api.get(pods, { namespace, name })).spec?.nodeName;
}

async function offered({ api }: Cluster, name: string): Promise<readonly string[]> {
  const node = await api.get(nodes, { name });
  return (node.status?.volumesAttached ?? []).map((volume) => volume.name);
}

test('SCH61: a delayed claim is provisioned for a node, bound, attached and detached again', async () => {
  const cluster = await startCluster();
  const { api, clock, said } = cluster;
  await furnish(cluster, ['node-1']);
  await api.create(persistentVolumeClaims, aClaim('data', 'later'));
  await clock.advance(200);
  expect(said).toEqual(['PersistentVolumeClaim data WaitForFirstConsumer']);
  await api.create(pods, aPod('web', 'data'));
  await clock.advance(200);
  expect(await nodeOf(cluster, 'web')).toBeUndefined();
  const volume = await provision(cluster, 'data');
  expect(await nodeOf(cluster, 'web')).toBe('node-1');
  const claim = await api.get(persistentVolumeClaims, { namespace, name: 'data' });
  expect(claim.status).toMatchObject({ phase: 'Bound', capacity: { storage: '1Gi' } });
  expect((await api.get(persistentVolumes, { name: volume })).status?.phase).toBe('Bound');

  await attachAll(cluster);
  const unique = `kubernetes.io/csi/${DRIVER}^${volume}`;
  expect(await offered(cluster, 'node-1')).toEqual([unique]);
  await reportInUse(cluster, 'node-1', [unique]);
  await api.delete(pods, { namespace, name: 'web' }, { gracePeriodSeconds: 0 });
  await clock.advance(3_600_000);
  expect(await offered(cluster, 'node-1')).toEqual([unique]);
  expect((await api.list(volumeAttachments)).items).toHaveLength(1);
  await reportInUse(cluster, 'node-1', []);
  await clock.advance(2000);
  expect(await offered(cluster, 'node-1')).toEqual([]);
  expect((await api.list(volumeAttachments)).items).toHaveLength(0);

  await api.delete(persistentVolumeClaims, { namespace, name: 'data' });
  await clock.advance(200);
  expect((await api.get(persistentVolumes, { name: volume })).status?.phase).toBe('Released');
  const quiet = await cluster.revision();
  await clock.advance(60_000);
  expect(await cluster.revision()).toBe(quiet);
});

test('BND7: many claims that bind at once share out the volumes, each its own', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await furnish(cluster, ['node-1']);
  const names = Array.from({ length: 20 }, (_, at) => `${at + 10}`);
  await Promise.all(names.map((name) => api.create(persistentVolumeClaims, aClaim(`c-${name}`, 'now'))));
  await Promise.all(
    names.map((name) => api.create(persistentVolumes, aVolume(`v-${name}`, 'now', `${name}Gi`))),
  );
  await clock.advance(5000);
  const claims = (await api.list(persistentVolumeClaims)).items;
  expect(claims.map(({ status }) => status?.phase)).toEqual(names.map(() => 'Bound'));
  expect(new Set(claims.map(({ spec }) => spec?.volumeName)).size).toBe(names.length);
  for (const { spec, metadata } of claims) {
    const volume = await api.get(persistentVolumes, { name: spec?.volumeName ?? '' });
    expect([volume.spec?.claimRef?.uid, volume.status?.phase]).toEqual([metadata.uid, 'Bound']);
  }
  const quiet = await cluster.revision();
  await clock.advance(60_000);
  expect(await cluster.revision()).toBe(quiet);
});

test('SCH60: a delayed claim takes an existing volume before its pod is bound', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await furnish(cluster, ['node-1', 'node-2']);
  const required = {
    nodeSelectorTerms: [{ matchExpressions: [{ key: POOL, operator: 'In' as const, values: ['node-2'] }] }],
  };
  const volume = aVolume('local', 'later');
  await api.create(persistentVolumes, { ...volume, spec: { ...volume.spec, nodeAffinity: { required } } });
  await api.create(persistentVolumeClaims, aClaim('data', 'later'));
  await api.create(pods, aPod('web', 'data', { nodeSelector: { [POOL]: 'node-2' } }));
  await clock.advance(1000);
  expect(await nodeOf(cluster, 'web')).toBe('node-2');
  const claim = await api.get(persistentVolumeClaims, { namespace, name: 'data' });
  expect([claim.spec?.volumeName, claim.status?.phase]).toEqual(['local', 'Bound']);
});

test('ATT4: a single-node volume moves only after the old node has let go', async () => {
  const cluster = await startCluster();
  const { api, clock, said } = cluster;
  await furnish(cluster, ['node-1', 'node-2']);
  await api.create(persistentVolumes, aVolume('shared', 'now'));
  await api.create(persistentVolumeClaims, aClaim('data', 'now'));
  await clock.advance(500);
  await api.create(pods, aPod('one', 'data', { nodeName: 'node-1' }));
  await clock.advance(500);
  await attachAll(cluster);
  const unique = `kubernetes.io/csi/${DRIVER}^shared`;
  await reportInUse(cluster, 'node-1', [unique]);
  await api.create(pods, aPod('two', 'data', { nodeName: 'node-2' }));
  await clock.advance(500);
  expect((await api.list(volumeAttachments)).items.map(({ spec }) => spec.nodeName)).toEqual(['node-1']);
  expect(said.filter((line) => line.includes('FailedAttachVolume'))).toEqual(['Pod two FailedAttachVolume']);
  await api.delete(pods, { namespace, name: 'one' }, { gracePeriodSeconds: 0 });
  await clock.advance(600_000);
  expect((await api.list(volumeAttachments)).items.map(({ spec }) => spec.nodeName)).toEqual(['node-1']);
  await reportInUse(cluster, 'node-1', []);
  await clock.advance(3000);
  expect((await api.list(volumeAttachments)).items.map(({ spec }) => spec.nodeName)).toEqual(['node-2']);
});

test('SCH51: a pod that fits nowhere says why, and goes when there is room', async () => {
  const cluster = await startCluster();
  const { api, clock } = cluster;
  await api.create(pods, { ...aPod('web', 'data') });
  await clock.advance(500);
  const read = () => api.get(pods, { namespace, name: 'web' });
  expect((await read()).status?.conditions).toMatchObject([
    {
      type: 'PodScheduled',
      status: 'False',
      message: '0/0 nodes are available: persistentvolumeclaim "data" not found.',
    },
  ]);
  await furnish(cluster, ['node-1']);
  await api.create(persistentVolumes, aVolume('v', 'now'));
  await api.create(persistentVolumeClaims, aClaim('data', 'now'));
  await clock.advance(1000);
  expect(await nodeOf(cluster, 'web')).toBe('node-1');
});
