import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import {
  configMaps,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { CsiConnection } from '#csi/client.ts';
import { SELECTED_NODE, STORAGE_PROVISIONER } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { reconcileReclaim } from './delete-volume.ts';
import { BY_HANDLE, BY_UID, type ProvisionerDeps } from './deps.ts';
import { reconcileProvision } from './reconcile-provision.ts';

const DRIVER = 'disk.holdfast.dev';
const signal = new AbortController().signal;

type Reply = () => Promise<object>;

function world(replies: { create?: Reply; delete?: Reply } = {}) {
  const api = scriptedApi();
  const calls: string[] = [];
  const told: string[] = [];
  const answer = (name: string, reply: Reply) => () => {
    calls.push(name);
    return reply();
  };
  const created = {
    volumeId: 'vol-1',
    capacityBytes: '1073741824',
    volumeContext: {},
    accessibleTopology: [],
  };
  const controller = {
    createVolume: answer('create', replies.create ?? (() => Promise.resolve({ volume: created }))),
    deleteVolume: answer('delete', replies.delete ?? (() => Promise.resolve({}))),
  } as unknown as CsiConnection['controller'];
  const { informers } = api;
  const deps: ProvisionerDeps = {
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    api,
    informers,
    events: { record: (_about, event) => told.push(event.reason) },
    live: api,
    callTimeoutMs: 1_000,
    freshIntents: new Set(),
    answeredIntents: new Set(),
    driver: {
      name: DRIVER,
      connection: { controller } as unknown as CsiConnection,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(['CREATE_DELETE_VOLUME']),
    },
    caches: {
      claims: informers.informer(persistentVolumeClaims, { [BY_UID]: (c) => [c.metadata.uid] }),
      volumes: informers.informer(persistentVolumes, { [BY_HANDLE]: () => [] }),
      classes: informers.informer(storageClasses),
      intents: informers.informer(configMaps),
      nodes: informers.informer(nodes),
      csiNodes: informers.informer(csiNodes),
    },
  };
  api.seed(storageClasses, {
    metadata: { name: 'fast' },
    provisioner: DRIVER,
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
  });
  const pass = () => reconcileProvision(deps, 'pvc-u1', signal);
  return { api, deps, calls, told, pass };
}

const aClaim = (): PersistentVolumeClaim => ({
  metadata: {
    name: 'data',
    namespace: 'team',
    uid: 'u1',
    annotations: { [STORAGE_PROVISIONER]: DRIVER, [SELECTED_NODE]: 'node-1' },
  },
  spec: {
    storageClassName: 'fast',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
  },
});
const CLAIM = { namespace: 'team', name: 'data' };

describe('creating', () => {
  test('PRV3 PRV8 PRV10: intent, call, volume, intent gone; then nothing is written', async () => {
    const { api, calls, pass } = world();
    api.seed(persistentVolumeClaims, aClaim());
    for (let i = 0; i < 3; i++) await pass();
    expect(api.writes.map((w) => `${w.verb} ${w.plural}`)).toEqual([
      'create configmaps',
      'create persistentvolumes',
      'delete configmaps',
    ]);
    await pass();
    expect(calls).toEqual(['create']);
    expect(api.writes).toHaveLength(3);
  });

  test('PRV4: a claim that only the cache still has is not provisioned, and its intent is withdrawn', async () => {
    const { api, calls, pass } = world();
    api.seed(persistentVolumeClaims, aClaim());
    await pass();
    api.freeze(true);
    api.drop(persistentVolumeClaims, CLAIM);
    await pass();
    expect(calls).toEqual([]);
    expect(api.peek(configMaps, { namespace: 'holdfast-system', name: 'pvc-u1' })).toBeUndefined();
  });

  test('PRV7: a refusal of the first call takes the intent back; after an unknown one it stays', async () => {
    const replies = [new CsiError('INVALID_ARGUMENT', 'no')];
    const { api, pass } = world({ create: () => Promise.reject(replies[0]) });
    api.seed(persistentVolumeClaims, aClaim());
    await pass();
    await pass();
    const intent = () => api.peek(configMaps, { namespace: 'holdfast-system', name: 'pvc-u1' });
    expect(intent()).toBeUndefined();
    replies[0] = new CsiError('DEADLINE_EXCEEDED', 'late');
    await pass();
    await pass();
    replies[0] = new CsiError('INVALID_ARGUMENT', 'no');
    await pass();
    expect(intent()).toBeDefined();
  });

  test('PRV13: no room, said twice, clears the selected node and the intent', async () => {
    const { api, calls, told, pass } = world({
      create: () => Promise.reject(new CsiError('RESOURCE_EXHAUSTED', 'full')),
    });
    api.seed(persistentVolumeClaims, aClaim());
    await pass();
    await pass();
    expect(calls).toEqual(['create', 'create']);
    expect(api.peek(persistentVolumeClaims, CLAIM)?.metadata.annotations?.[SELECTED_NODE]).toBeUndefined();
    expect(api.peek(configMaps, { namespace: 'holdfast-system', name: 'pvc-u1' })).toBeUndefined();
    expect(told).toContain('ProvisioningFailed');
  });

  test('PRV9: a volume of that name with another handle stops it and keeps the intent', async () => {
    const { api, told, pass } = world();
    api.seed(persistentVolumeClaims, aClaim());
    await pass();
    api.freeze(true);
    api.seed(persistentVolumes, { ...releasedVolume(), metadata: { name: 'pvc-u1' } });
    expect((await pass()).kind).toBe('failed');
    expect(told).toContain('ProvisioningFailed');
    expect(api.peek(configMaps, { namespace: 'holdfast-system', name: 'pvc-u1' })).toBeDefined();
  });
});

const releasedVolume = (): PersistentVolume => ({
  metadata: {
    name: 'pv',
    annotations: { 'pv.kubernetes.io/provisioned-by': DRIVER },
    finalizers: ['external-provisioner.volume.kubernetes.io/finalizer'],
  },
  spec: {
    csi: { driver: DRIVER, volumeHandle: 'vol-9' },
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { namespace: 'team', name: 'data', uid: 'u9' },
  },
  status: { phase: 'Released' },
});

describe('deleting', () => {
  const reclaim = ({ deps }: ReturnType<typeof world>) => reconcileReclaim(deps, 'pv', signal);

  test('PRV20 PRV22: a released volume goes from the driver, then from the API', async () => {
    const w = world();
    w.api.seed(persistentVolumes, releasedVolume());
    await reclaim(w);
    expect(w.calls).toEqual(['delete']);
    expect(w.api.peek(persistentVolumes, { name: 'pv' })).toBeUndefined();
  });

  test('PRV20: a volume whose claim is bound to another one lost its race and goes', async () => {
    const w = world();
    w.api.seed(persistentVolumes, releasedVolume());
    w.api.seed(persistentVolumeClaims, {
      metadata: { ...CLAIM, uid: 'u9', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
      spec: { volumeName: 'other' },
    });
    await reclaim(w);
    expect(w.calls).toEqual(['delete']);
    expect(w.api.peek(persistentVolumes, { name: 'pv' })).toBeUndefined();
  });

  test('PRV20: a policy that became Retain behind the cache is honoured', async () => {
    const w = world();
    w.api.seed(persistentVolumes, releasedVolume());
    w.api.freeze(true);
    const volume = releasedVolume();
    w.api.seed(persistentVolumes, {
      ...volume,
      spec: { ...volume.spec, persistentVolumeReclaimPolicy: 'Retain' },
    });
    expect((await reclaim(w)).kind).toBe('blocked');
    expect(w.calls).toEqual([]);
  });

  test.each([
    [
      'its claim exists',
      (w: ReturnType<typeof world>) =>
        w.api.seed(persistentVolumeClaims, { metadata: { ...CLAIM, uid: 'u9' } }),
    ],
    [
      'an attachment names it',
      (w: ReturnType<typeof world>) =>
        w.api.seed(volumeAttachments, {
          metadata: { name: 'va' },
          spec: { attacher: DRIVER, nodeName: 'n', source: { persistentVolumeName: 'pv' } },
        }),
    ],
    [
      'a node uses it',
      (w: ReturnType<typeof world>) =>
        w.api.seed(nodes, {
          metadata: { name: 'n' },
          status: { volumesInUse: [`kubernetes.io/csi/${DRIVER}^vol-9`] },
        }),
    ],
    [
      'a twin has its handle',
      (w: ReturnType<typeof world>) =>
        w.api.seed(persistentVolumes, {
          ...releasedVolume(),
          metadata: { name: 'twin' },
          status: { phase: 'Bound' },
        }),
    ],
  ])('PRV21: waits while %s', async (_what, seed) => {
    const w = world();
    w.api.seed(persistentVolumes, releasedVolume());
    seed(w);
    expect((await reclaim(w)).kind).toBe('blocked');
    expect(w.calls).toEqual([]);
  });

  test('PRV23: a refused delete leaves the volume Released and says so', async () => {
    const w = world({ delete: () => Promise.reject(new CsiError('FAILED_PRECONDITION', 'in use')) });
    w.api.seed(persistentVolumes, releasedVolume());
    expect((await reclaim(w)).kind).toBe('failed');
    expect(w.told).toEqual(['VolumeFailedDelete']);
    expect(w.api.peek(persistentVolumes, { name: 'pv' })?.status?.phase).toBe('Released');
  });
});
