import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import {
  configMaps,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  secrets,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { CsiConnection } from '#csi/client.ts';
import { DEFAULT_GATES } from '#rules/feature-gates.ts';
import { SELECTED_NODE, STORAGE_PROVISIONER } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { reconcileReclaim } from './delete-volume.ts';
import { BY_HANDLE, BY_UID, type ProvisionerDeps } from './deps.ts';
import { type BehaviourOptions, behaviourOf } from './options.ts';
import { reconcileProvision } from './reconcile-provision.ts';

const DRIVER = 'disk.holdfast.dev';
const signal = new AbortController().signal;

type Reply = () => Promise<object>;

interface Replies {
  readonly create?: Reply;
  readonly delete?: Reply;
  readonly capacity?: Reply;
}

function world(
  replies: Replies = {},
  behaviour: BehaviourOptions = {},
  capabilities = ['CREATE_DELETE_VOLUME'],
) {
  const api = scriptedApi();
  const calls: string[] = [];
  const told: string[] = [];
  const deleted: object[] = [];
  const answer = (name: string, reply: Reply) => (request: object) => {
    calls.push(name);
    if (name === 'delete') deleted.push(request);
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
    getCapacity: answer('capacity', replies.capacity ?? (() => Promise.resolve({ availableCapacity: '1' }))),
    deleteVolume: answer('delete', replies.delete ?? (() => Promise.resolve({}))),
  } as unknown as CsiConnection['controller'];
  const { informers } = api;
  const deps = {
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
    said: new Map(),
    races: new Map(),
    behaviour: behaviourOf(behaviour),
    driver: {
      name: DRIVER,
      connection: { controller } as unknown as CsiConnection,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(capabilities),
    },
    caches: {
      claims: informers.informer(persistentVolumeClaims, { [BY_UID]: (c) => [c.metadata.uid] }),
      volumes: informers.informer(persistentVolumes, { [BY_HANDLE]: () => [] }),
      classes: informers.informer(storageClasses),
      intents: informers.informer(configMaps),
      nodes: informers.informer(nodes),
      csiNodes: informers.informer(csiNodes),
    },
  } satisfies ProvisionerDeps;
  api.seed(nodes, { metadata: { name: 'node-1' } });
  api.seed(storageClasses, {
    metadata: { name: 'fast' },
    provisioner: DRIVER,
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
  });
  const pass = () => reconcileProvision(deps, 'pvc-u1', signal);
  return { api, deps, calls, deleted, told, pass };
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

  test('PRV9: its own volume that the cache does not show is waited for, with the intent as it is', async () => {
    const { api, pass } = world();
    api.seed(persistentVolumeClaims, aClaim());
    await pass();
    api.freeze(true);
    await pass();
    // Found by the simulation: without the wait, intent and call were repeated as fast as the machine could.
    const again = await pass();
    const volume = api.peek(persistentVolumes, { name: 'pvc-u1' });
    expect(again).toMatchObject({
      kind: 'progressed',
      wrote: { resourceVersion: volume?.metadata.resourceVersion },
    });
    const intent = { namespace: 'holdfast-system', name: 'pvc-u1' };
    expect(api.peek(configMaps, intent)).toBeDefined();
    api.freeze(false);
    await pass();
    expect(api.peek(configMaps, intent)).toBeUndefined();
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

const intentOf = ({ api }: ReturnType<typeof world>) =>
  api.peek(configMaps, { namespace: 'holdfast-system', name: 'pvc-u1' });

describe('where from and where to', () => {
  test('PRV64: a selected node without object is taken from the claim', async () => {
    const w = world();
    w.api.seed(persistentVolumeClaims, aClaim());
    w.api.drop(nodes, { name: 'node-1' });
    await w.pass();
    const claim = w.api.peek(persistentVolumeClaims, CLAIM);
    expect(claim?.metadata.annotations).toEqual({ [STORAGE_PROVISIONER]: DRIVER });
    expect(intentOf(w)).toBeUndefined();
  });

  test('PRV65: a populator is told of once, and nothing is called', async () => {
    const w = world();
    const dataSourceRef = { apiGroup: 'hello.example', kind: 'Hello', name: 'h' };
    w.api.seed(persistentVolumeClaims, { ...aClaim(), spec: { ...aClaim().spec, dataSourceRef } });
    await w.pass();
    await w.pass();
    expect([w.told, w.calls, w.api.writes]).toEqual([['Provisioning'], [], []]);
  });

  test.each([
    { rule: 'PRV66', gate: false },
    { rule: 'PRV67', gate: true },
  ])('$rule: a source elsewhere is refused with the gate $gate and no grant', async ({ gate }) => {
    const gates = { ...DEFAULT_GATES, CrossNamespaceVolumeDataSource: gate };
    const w = world({}, { gates });
    const dataSourceRef = { kind: 'PersistentVolumeClaim', name: 'c', namespace: 'prod' };
    w.api.seed(persistentVolumeClaims, { ...aClaim(), spec: { ...aClaim().spec, dataSourceRef } });
    expect((await w.pass()).kind).toBe('blocked');
    expect([w.told, w.calls, w.api.writes]).toEqual([['ProvisioningFailed'], [], []]);
  });

  const withAttributes = (w: ReturnType<typeof world>, driverName: string) => {
    w.api.seed(volumeAttributesClasses, {
      metadata: { name: 'gold' },
      driverName,
      parameters: { iops: '9' },
    });
    const spec = { ...aClaim().spec, volumeAttributesClassName: 'gold' };
    w.api.seed(persistentVolumeClaims, { ...aClaim(), spec });
  };

  test('PRV68: the attributes class gives mutable parameters, and the volume names it', async () => {
    const w = world({}, {}, ['CREATE_DELETE_VOLUME', 'MODIFY_VOLUME']);
    withAttributes(w, DRIVER);
    await w.pass();
    expect(JSON.parse(intentOf(w)?.data?.['request'] ?? '')).toMatchObject({
      mutableParameters: { iops: '9' },
    });
    await w.pass();
    const volume = w.api.peek(persistentVolumes, { name: 'pvc-u1' });
    expect(volume?.spec?.volumeAttributesClassName).toBe('gold');
  });

  test.each([
    { when: 'the driver cannot modify', driver: DRIVER, capabilities: ['CREATE_DELETE_VOLUME'] },
    {
      when: 'it is for another driver',
      driver: 'x',
      capabilities: ['CREATE_DELETE_VOLUME', 'MODIFY_VOLUME'],
    },
  ])('PRV68: refused when $when', async ({ driver, capabilities }) => {
    const w = world({}, {}, capabilities);
    withAttributes(w, driver);
    expect((await w.pass()).kind).toBe('blocked');
    expect(intentOf(w)).toBeUndefined();
  });

  test('PRV60: names are among the parameters only when asked for', async () => {
    const request = async (extraCreateMetadata: boolean) => {
      const w = world({}, { request: { extraCreateMetadata } });
      w.api.seed(persistentVolumeClaims, aClaim());
      await w.pass();
      return JSON.parse(intentOf(w)?.data?.['request'] ?? '') as { parameters: object };
    };
    expect((await request(false)).parameters).toEqual({});
    expect((await request(true)).parameters).toMatchObject({ 'csi.storage.k8s.io/pvc/name': 'data' });
  });
});

describe('one provisioner on each node', () => {
  const distributed = (nodeName: string, replies: Replies = {}) => {
    const w = world(replies, { nodeDeployment: { nodeName, baseDelayMs: 100, maxDelayMs: 100 } }, [
      'CREATE_DELETE_VOLUME',
      'GET_CAPACITY',
    ]);
    w.api.seed(storageClasses, { metadata: { name: 'fast' }, provisioner: DRIVER });
    const csiNode = { metadata: { name: nodeName }, spec: { drivers: [{ name: DRIVER, nodeID: 'n' }] } };
    w.api.seed(csiNodes, csiNode);
    const claim = aClaim();
    const annotations = { [STORAGE_PROVISIONER]: DRIVER };
    w.api.seed(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } });
    return w;
  };
  const selected = (w: ReturnType<typeof world>) =>
    w.api.peek(persistentVolumeClaims, CLAIM)?.metadata.annotations?.[SELECTED_NODE];

  test('PRV72: it waits, asks for room, selects itself, and then provisions', async () => {
    const room = { availableCapacity: '1073741824', maximumVolumeSize: null };
    const w = distributed('node-1', { capacity: () => Promise.resolve(room) });
    expect(await w.pass()).toMatchObject({ kind: 'blocked', retryAfterMs: 100 });
    expect(w.calls).toEqual([]);
    await w.deps.clock.advance(100);
    await w.pass();
    expect([w.calls, selected(w)]).toEqual([['capacity'], 'node-1']);
    await w.pass();
    await w.pass();
    expect(w.api.peek(persistentVolumes, { name: 'pvc-u1' })).toBeDefined();
  });

  test('PRV72: without room it does not select itself', async () => {
    const w = distributed('node-1', { capacity: () => Promise.resolve({ availableCapacity: '5' }) });
    await w.pass();
    await w.deps.clock.advance(100);
    expect((await w.pass()).kind).toBe('blocked');
    expect(selected(w)).toBeUndefined();
  });

  test('PRV71: the intent of another node is left alone', async () => {
    const mine = world();
    mine.api.seed(persistentVolumeClaims, aClaim());
    await mine.pass();
    const w = distributed('node-2');
    const intent = intentOf(mine);
    if (intent !== undefined) w.api.seed(configMaps, intent);
    expect(await w.pass()).toEqual({ kind: 'settled' });
    expect(w.calls).toEqual([]);
  });

  test('PRV73: a volume that the node does not reach is left to others', async () => {
    const w = distributed('node-1');
    const terms = [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: ['b'] }] }];
    const nodeAffinity = { required: { nodeSelectorTerms: terms } };
    w.api.seed(persistentVolumes, { ...releasedVolume(), spec: { ...releasedVolume().spec, nodeAffinity } });
    expect(await reconcileReclaim(w.deps, 'pv', signal)).toEqual({ kind: 'settled' });
    expect(w.calls).toEqual([]);
  });
});

const DELETION_SECRET = {
  'volume.kubernetes.io/provisioner-deletion-secret-name': 'k',
  'volume.kubernetes.io/provisioner-deletion-secret-namespace': 'vault',
};
const keyed = (name: string, secretName: string) => ({
  metadata: { name },
  provisioner: DRIVER,
  parameters: {
    'csi.storage.k8s.io/provisioner-secret-name': secretName,
    'csi.storage.k8s.io/provisioner-secret-namespace': '${pvc.namespace}',
  },
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

  test.each([
    { by: undefined, calls: ['delete'] },
    { by: 'somebody.else', calls: [] },
  ])('PRV20: a released volume with provisioner $by sees $calls', async ({ by, calls }) => {
    const w = world();
    const volume = releasedVolume();
    const annotations = by === undefined ? {} : { 'pv.kubernetes.io/provisioned-by': by };
    w.api.seed(persistentVolumes, { ...volume, metadata: { ...volume.metadata, annotations } });
    await reclaim(w);
    expect(w.calls).toEqual(calls);
  });

  test.each([
    { when: 'annotations name one', annotated: true, className: 'keyed', secrets: { from: 'annotation' } },
    { when: 'its class names one', annotated: false, className: 'keyed', secrets: { from: 'class' } },
    { when: 'its class is gone', annotated: false, className: 'gone', secrets: {} },
  ])('PRV24: DeleteVolume gets $secrets when $when', async ({ annotated, className, secrets: sent }) => {
    const w = world();
    w.api.seed(storageClasses, keyed('keyed', '${pvc.name}-key'));
    const data = (from: string) => ({ from: Buffer.from(from).toString('base64') });
    w.api.seed(secrets, { metadata: { namespace: 'team', name: 'data-key' }, data: data('class') });
    w.api.seed(secrets, { metadata: { namespace: 'vault', name: 'k' }, data: data('annotation') });
    const volume = releasedVolume();
    const annotations = annotated ? DELETION_SECRET : {};
    w.api.seed(persistentVolumes, {
      ...volume,
      metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...annotations } },
      spec: { ...volume.spec, storageClassName: className },
    });
    await reclaim(w);
    expect(w.deleted).toEqual([{ volumeId: 'vol-9', secrets: sent }]);
  });

  test('PRV24: a secret whose name cannot be filled in is refused', async () => {
    const w = world();
    w.api.seed(storageClasses, keyed('keyed', "${pvc.annotations['a']}"));
    const volume = releasedVolume();
    w.api.seed(persistentVolumes, { ...volume, spec: { ...volume.spec, storageClassName: 'keyed' } });
    expect((await reclaim(w)).kind).toBe('failed');
    expect([w.calls, w.told]).toEqual([[], ['VolumeFailedDelete']]);
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
