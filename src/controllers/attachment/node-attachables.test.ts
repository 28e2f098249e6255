// Volumes without a VolumeAttachment: every world of one node and one volume, and their life over the real server.
import { afterEach, expect, test } from 'vitest';
import type { Node, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { nodes, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import { BIND_COMPLETED, OUT_OF_SERVICE_TAINT } from '#rules/well-known.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { attachmentLoop } from './connect.ts';
import { decideNode } from './decide.ts';
import type { NodeAttachable } from './view.ts';

const NAME = 'kubernetes.io/iscsi/10.0.0.1:3260:iqn.2026-01.example:disk:0';
const stored = <T>(object: T): T & { metadata: Stored<Pod>['metadata'] } => ({
  ...object,
  metadata: { name: 'x', uid: 'x', resourceVersion: '1', creationTimestamp: '' },
});
const user = stored<Pod>({ metadata: {}, spec: { nodeName: 'a', containers: [] } });

// Every combination of the five facts that count: 32 worlds.
const worlds = Array.from({ length: 32 }, (_, bits) => ({
  isWanted: (bits & 1) !== 0,
  isOffered: (bits & 2) !== 0,
  isInUse: (bits & 4) !== 0,
  isFenced: (bits & 8) !== 0,
  isHeldElsewhere: (bits & 16) !== 0,
}));

test.each(worlds)('ATT60 ATT61 ATT62: a node and a volume with %o', (world) => {
  const node = stored<Node>({
    metadata: {},
    ...(world.isFenced && {
      spec: { taints: [{ key: OUT_OF_SERVICE_TAINT, effect: 'NoExecute' as const }] },
    }),
    status: {
      volumesAttached: world.isOffered ? [{ name: NAME, devicePath: '' }] : [],
      volumesInUse: world.isInUse ? [NAME] : [],
    },
  });
  const attachable: NodeAttachable = {
    uniqueName: NAME,
    title: 'pv',
    pods: world.isWanted ? [user] : [],
    holders: world.isHeldElsewhere ? ['b'] : [],
    isExclusive: true,
  };
  const step = decideNode({ node, attachments: [], attachables: [attachable] });
  const offers = step.kind === 'publish' ? step.names.includes(NAME) : world.isOffered;
  const mayStay = world.isOffered && (world.isWanted || (world.isInUse && !world.isFenced));
  const mayCome = !world.isOffered && world.isWanted && !world.isHeldElsewhere;
  expect(offers).toBe(mayStay || mayCome);
  expect(step.kind).toBe(offers === world.isOffered ? 'rest' : 'publish');
  const isKeptWaiting = world.isWanted && !world.isOffered && world.isHeldElsewhere;
  expect(step.news.map(({ message }) => message.slice(0, 35))).toEqual(
    isKeptWaiting ? ['Multi-Attach error for volume "pv" '] : [],
  );
});

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function cluster() {
  const { server, clock, store } = await testServer();
  const admin = inProcessClient(server.handler, 'admin');
  const said: string[] = [];
  /** Starts the loop as a new process; what it returns kills it. */
  const startLoop = (): (() => Promise<void>) => {
    const stop = new AbortController();
    const base = {
      api: inProcessClient(server.handler, 'attachment'),
      clock,
      random: seededRandom(1),
      log: silentLog,
    };
    const informers = createInformerSource(base);
    const record = (_: unknown, { reason }: { readonly reason: string }): void => void said.push(reason);
    const loop = attachmentLoop({ ...base, informers, events: { record } });
    const running = Promise.all([loop.run(stop.signal), informers.run(stop.signal)]);
    const end = async (): Promise<void> => {
      stop.abort();
      await clock.advance(6000);
      await running;
    };
    stops.push(end);
    return end;
  };
  const iscsi = { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2026-01.example:disk', lun: 0 };
  await admin.create(persistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      iscsi,
    },
  });
  const claim = await admin.create(persistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'data', annotations: { [BIND_COMPLETED]: 'yes' } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: 'pv' },
  });
  const claimRef = { namespace: 'default', name: 'data', uid: claim.metadata.uid };
  const patch = { spec: { claimRef } } satisfies { spec: Partial<PersistentVolume['spec']> };
  await admin.patch(persistentVolumes, { name: 'pv' }, { type: 'merge', patch });
  for (const name of ['a', 'b']) await admin.create(nodes, { metadata: { name } });
  const pod = (name: string, nodeName: string) =>
    admin.create(pods, {
      metadata: { namespace: 'default', name },
      spec: {
        nodeName,
        containers: [{ name: 'c', image: 'i' }],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
      },
    });
  const remove = (name: string) =>
    admin.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  /** What the node's agent says it uses. */
  const uses = (name: string, volumesInUse: readonly string[]) =>
    admin.patch(
      nodes,
      { name },
      { type: 'merge', patch: { status: { volumesInUse: [...volumesInUse] } }, subresource: 'status' },
    );
  /** `a[offered]` of both nodes. */
  const offers = async (): Promise<string> => {
    await clock.advance(3000);
    const { items } = await admin.list(nodes);
    return items
      .map(({ metadata, status }) => `${metadata.name}${(status?.volumesAttached ?? []).length}`)
      .join(' ');
  };
  return { admin, clock, store, said, startLoop, pod, remove, uses, offers };
}

test('ATT60 ATT61 ATT62: a volume moves from node to node as each says, and a restart at any point changes nothing', async () => {
  const { admin, clock, store, said, startLoop, pod, remove, uses, offers } = await cluster();
  let kill = startLoop();
  const restart = async (): Promise<void> => {
    await kill();
    kill = startLoop();
  };
  await pod('one', 'a');
  await uses('a', [NAME]);
  expect(await offers()).toBe('a1 b0');
  expect((await admin.get(nodes, { name: 'a' })).status?.volumesAttached?.[0]?.name).toBe(NAME);
  await restart();
  await pod('two', 'b');
  await uses('b', [NAME]);
  expect(await offers()).toBe('a1 b0');
  expect(said).toEqual(['FailedAttachVolume']);
  await restart();
  await remove('one');
  // The agent has not unmounted yet.
  expect(await offers()).toBe('a1 b0');
  await restart();
  expect(await offers()).toBe('a1 b0');
  await uses('a', []);
  expect(await offers()).toBe('a0 b1');
  await restart();
  await remove('two');
  await uses('b', []);
  expect(await offers()).toBe('a0 b0');
  expect((await admin.list(volumeAttachments)).items).toEqual([]);
  // A second look writes nothing.
  const { revision } = store;
  await clock.advance(600_000);
  expect(store.revision).toBe(revision);
});

test('ATT61: a node out of service gives up what it uses, and the next one gets it', async () => {
  const { admin, startLoop, pod, uses, offers } = await cluster();
  startLoop();
  await pod('one', 'a');
  await uses('a', [NAME]);
  await pod('two', 'b');
  expect(await offers()).toBe('a1 b0');
  const taints = [{ key: OUT_OF_SERVICE_TAINT, value: 'off', effect: 'NoExecute' }];
  await admin.patch(nodes, { name: 'a' }, { type: 'merge', patch: { spec: { taints } } });
  expect(await offers()).toBe('a0 b1');
});

test('ATT62: two nodes that want it at the same moment get it one after the other', async () => {
  const { startLoop, pod, offers } = await cluster();
  await pod('one', 'a');
  await pod('two', 'b');
  startLoop();
  expect(['a1 b0', 'a0 b1']).toContain(await offers());
});

test('ATT62 ATT63: an inline volume is offered to every node whose pods have it', async () => {
  const { admin, startLoop, remove, uses, offers } = await cluster();
  startLoop();
  for (const nodeName of ['a', 'b']) {
    await admin.create(pods, {
      metadata: { namespace: 'default', name: nodeName },
      spec: {
        nodeName,
        containers: [{ name: 'c', image: 'i' }],
        volumes: [{ name: 'v', flexVolume: { driver: 'example.com/nas' } }],
      },
    });
  }
  await uses('a', ['flexvolume-example.com/nas/v']);
  expect(await offers()).toBe('a1 b1');
  expect((await admin.get(nodes, { name: 'b' })).status?.volumesAttached).toEqual([
    { name: 'flexvolume-example.com/nas/v', devicePath: '' },
  ]);
  await remove('a');
  await remove('b');
  expect(await offers()).toBe('a1 b0');
  await uses('a', []);
  expect(await offers()).toBe('a0 b0');
});
