import { expect, test } from 'vitest';
import type { Node, PersistentVolume } from '#api/generated/core-v1.ts';
import type { CSINode } from '#api/generated/storage-v1.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  nodes,
  persistentVolumes,
  storageClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { capacityLoop, type CapacityLoopOptions } from './connect.ts';

const DRIVER = 'local.csi.example';
const ZONE = 'topology.example/zone';
const aNode = (name: string, zone: string): Node => ({ metadata: { name, labels: { [ZONE]: zone } } });
const aCsiNode = (name: string): CSINode => ({
  metadata: { name },
  spec: { drivers: [{ name: DRIVER, nodeID: name, topologyKeys: [ZONE] }] },
});
const aVolume = (zone: string): PersistentVolume => ({
  metadata: { name: `pv-${zone}` },
  spec: {
    csi: { driver: DRIVER, volumeHandle: 'h' },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: [zone] }] }],
      },
    },
  },
});

async function world(options: Partial<CapacityLoopOptions> = {}, capability = 'GET_CAPACITY') {
  const api = scriptedApi();
  const clock = virtualClock();
  const asked: { readonly zone: string; readonly parameters: object }[] = [];
  const room = { bytes: '1073741824', fails: false };
  const controller = {
    getCapacity: (request: {
      parameters: object;
      accessibleTopology?: { segments: Record<string, string> };
    }) => {
      asked.push({ zone: request.accessibleTopology?.segments[ZONE] ?? '', parameters: request.parameters });
      return room.fails
        ? Promise.reject(new CsiError('UNAVAILABLE', 'down'))
        : Promise.resolve({ availableCapacity: room.bytes, maximumVolumeSize: { value: '536870912' } });
    },
  } as unknown as CsiConnection['controller'];
  const driver = {
    name: DRIVER,
    connection: { controller } as unknown as CsiConnection,
    pluginCapabilities: new Set<string>(),
    controllerCapabilities: new Set([capability]),
    groupCapabilities: new Set<string>(),
  };
  api.seed(csiDrivers, { metadata: { name: DRIVER }, spec: { storageCapacity: true } });
  api.seed(storageClasses, {
    metadata: { name: 'late' },
    provisioner: DRIVER,
    volumeBindingMode: 'WaitForFirstConsumer',
    parameters: { tier: 'fast', 'csi.storage.k8s.io/fstype': 'xfs' },
  });
  api.seed(storageClasses, {
    metadata: { name: 'now' },
    provisioner: DRIVER,
    volumeBindingMode: 'Immediate',
  });
  for (const [name, zone] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['b1', 'b'],
  ] as const) {
    api.seed(nodes, aNode(name, zone));
    api.seed(csiNodes, aCsiNode(name));
  }
  const { informers } = api;
  const deps = {
    api,
    clock,
    informers,
    random: seededRandom(1),
    log: silentLog,
    events: { record: () => undefined },
  };
  const stop = new AbortController();
  const loop = capacityLoop(deps, { driver, ...options });
  const done = loop.run(stop.signal);
  await clock.advance(1000);
  const stored = async () => (await api.list(csiStorageCapacities)).items;
  return {
    api,
    clock,
    asked,
    room,
    stored,
    end: async () => {
      stop.abort();
      await done;
    },
  };
}

test('PRV75 PRV77: one object per delayed class and segment, owned by the driver', async () => {
  const { asked, stored, end } = await world();
  const all = await stored();
  expect(all.map(({ nodeTopology }) => nodeTopology?.matchLabels?.[ZONE]).sort()).toEqual(['a', 'b']);
  expect(all[0]).toMatchObject({
    storageClassName: 'late',
    capacity: '1Gi',
    maximumVolumeSize: '512Mi',
    metadata: {
      labels: {
        'csi.storage.k8s.io/drivername': DRIVER,
        'csi.storage.k8s.io/managed-by': 'external-provisioner',
      },
      ownerReferences: [{ kind: 'CSIDriver', name: DRIVER }],
    },
  });
  expect(asked.map(({ parameters }) => parameters)).toEqual([{ tier: 'fast' }, { tier: 'fast' }]);
  await end();
});

test('PRV75: a segment or class that goes takes its objects with it', async () => {
  const { api, clock, stored, end } = await world();
  api.drop(csiNodes, { name: 'b1' });
  await clock.advance(1000);
  expect(await stored()).toHaveLength(1);
  api.drop(storageClasses, { name: 'late' });
  await clock.advance(1000);
  expect(await stored()).toHaveLength(0);
  await end();
});

test('PRV76: without storageCapacity there are none, and what was there goes', async () => {
  const { api, clock, stored, end } = await world();
  api.seed(csiDrivers, { metadata: { name: DRIVER }, spec: { storageCapacity: false } });
  await clock.advance(1000);
  expect(await stored()).toHaveLength(0);
  await end();
});

test('PRV76: a driver that cannot tell is not asked', async () => {
  const { asked, stored, end } = await world({}, 'OTHER');
  expect([await stored(), asked]).toEqual([[], []]);
  await end();
});

test('PRV78: asked again each minute and after a volume of the segment; equal numbers write nothing', async () => {
  const { api, clock, asked, room, stored, end } = await world();
  const writes = api.writes.length;
  await clock.advance(60_000);
  expect([asked.length, api.writes.length]).toEqual([4, writes]);
  asked.length = 0;
  room.bytes = '0';
  api.seed(persistentVolumes, aVolume('b'));
  await clock.advance(500);
  expect(asked.map(({ zone }) => zone)).toEqual(['b']);
  expect((await stored()).map(({ capacity }) => capacity).sort()).toEqual(['0', '1Gi']);
  await end();
});

test('PRV79: a node publishes its own segment only', async () => {
  const { stored, end } = await world({ nodeName: 'b1' });
  const all = await stored();
  expect(all.map(({ nodeTopology }) => nodeTopology?.matchLabels?.[ZONE])).toEqual(['b']);
  expect(all[0]?.metadata.labels?.['csi.storage.k8s.io/managed-by']).toBe('external-provisioner-b1');
  await end();
});

test('PRV80: a driver that does not answer leaves the last numbers, and is asked again', async () => {
  const { api, clock, asked, room, stored, end } = await world();
  room.fails = true;
  api.seed(persistentVolumes, aVolume('a'));
  await clock.advance(500);
  const before = asked.length;
  expect((await stored()).map(({ capacity }) => capacity)).toEqual(['1Gi', '1Gi']);
  await clock.advance(2000);
  expect(asked.length).toBeGreaterThan(before);
  await end();
});
