// Quota, limits and priorities on the real server: what is charged, refused and given back, and that concurrent creates
// cannot overshoot.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { type TestServer, testServer } from '#testing/api-server.ts';

const HOME = '/api/v1/namespaces/default';
const CLAIMS = `${HOME}/persistentvolumeclaims`;
const QUOTA = `${HOME}/resourcequotas/q`;
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';

function claim(name: string, size = '1Gi', spec: JsonObject = {}): JsonObject {
  const resources = { requests: { storage: size } };
  return { metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], resources, ...spec } };
}

const pod = (name: string, spec: JsonObject = {}): JsonObject => ({
  metadata: { name },
  spec: { containers: [{ name: 'a', image: 'b' }], ...spec },
});

/** A server with a quota whose status the quota loop has filled in. */
async function limited(hard: Record<string, string>, spec: JsonObject = {}): Promise<TestServer> {
  const world = await testServer();
  await world.call('POST', `${HOME}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard, ...spec } });
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  await world.call('PATCH', `${QUOTA}/status`, { status: { hard, used } });
  return world;
}

async function usedOf({ call }: TestServer): Promise<unknown> {
  return ((await call('GET', QUOTA)).json.status as JsonObject).used;
}

describe('quota', () => {
  test('SRV50: a create beyond the quota is 403 and says what was asked, used and allowed', async () => {
    const world = await limited({ persistentvolumeclaims: '3', 'requests.storage': '3Gi' });
    expect((await world.call('POST', CLAIMS, claim('a', '2Gi'))).status).toBe(201);
    const { status, json } = await world.call('POST', CLAIMS, claim('b', '2Gi'));
    expect([status, json.reason, json.message]).toEqual([
      403,
      'Forbidden',
      'persistentvolumeclaims "b" is forbidden: exceeded quota: q, requested: requests.storage=2Gi, ' +
        'used: requests.storage=2Gi, limited: requests.storage=3Gi',
    ]);
    expect(await usedOf(world)).toEqual({ persistentvolumeclaims: '1', 'requests.storage': '2Gi' });
  });

  test('SRV51: concurrent creates fill a quota exactly', async () => {
    const world = await limited({ persistentvolumeclaims: '20', 'requests.storage': '20Gi' });
    const names = Array.from({ length: 50 }, (_, index) => `c-${index}`);
    const answers = await Promise.all(names.map((name) => world.call('POST', CLAIMS, claim(name))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(30);
    expect(await usedOf(world)).toEqual({ persistentvolumeclaims: '20', 'requests.storage': '20Gi' });
  });

  test('SRV51: neither a dry run nor a refused object is charged', async () => {
    const world = await limited({ persistentvolumeclaims: '1' });
    expect((await world.call('POST', `${CLAIMS}?dryRun=All`, claim('a'))).status).toBe(201);
    expect((await world.call('POST', CLAIMS, claim('a', '-1'))).status).toBe(422);
    expect(await usedOf(world)).toEqual({ persistentvolumeclaims: '0' });
    expect((await world.call('POST', CLAIMS, claim('a'))).status).toBe(201);
    expect((await world.call('POST', `${CLAIMS}?dryRun=All`, claim('b'))).status).toBe(403);
  });

  test('SRV52: what goes is given back with its removal, not with its deletion', async () => {
    const world = await limited({ persistentvolumeclaims: '5', 'requests.storage': '5Gi' });
    for (const name of ['a', 'b', 'c']) await world.call('POST', CLAIMS, claim(name));
    for (const name of ['a', 'b', 'c']) await world.call('DELETE', `${CLAIMS}/${name}`);
    expect(await usedOf(world)).toMatchObject({ persistentvolumeclaims: '3' });
    const release = (name: string) =>
      world.call('PATCH', `${CLAIMS}/${name}`, { metadata: { finalizers: null } });
    await Promise.all(['a', 'b', 'c'].map(release));
    expect(await usedOf(world)).toEqual({ persistentvolumeclaims: '0', 'requests.storage': '0' });
  });

  test('SRV53: an expansion counts the larger of request and allocation', async () => {
    const fast = 'fast.storageclass.storage.k8s.io/requests.storage';
    const world = await limited({ 'requests.storage': '5Gi', [fast]: '5Gi' });
    const { call } = world;
    await call('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'fast' },
      provisioner: 'x.y',
      allowVolumeExpansion: true,
    });
    await call('POST', CLAIMS, claim('a', '1Gi', { storageClassName: 'fast', volumeName: 'v' }));
    await call('PATCH', `${CLAIMS}/a/status`, { status: { phase: 'Bound', capacity: { storage: '1Gi' } } });
    const resize = (storage: string) =>
      call('PATCH', `${CLAIMS}/a`, { spec: { resources: { requests: { storage } } } });
    expect((await resize('6Gi')).json.message).toContain('exceeded quota: q, requested: fast.storageclass');
    expect((await resize('4Gi')).status).toBe(200);
    await call('PATCH', `${CLAIMS}/a/status`, { status: { allocatedResources: { storage: '4Gi' } } });
    expect((await resize('2Gi')).status).toBe(200);
    expect(await usedOf(world)).toEqual({ 'requests.storage': '4Gi', [fast]: '4Gi' });
    await call('PATCH', `${CLAIMS}/a/status`, { status: { allocatedResources: null } });
    expect(await usedOf(world)).toEqual({ 'requests.storage': '2Gi', [fast]: '2Gi' });
  });

  test('SRV54: a scope selects claims by their attributes class', async () => {
    const expression = { scopeName: 'VolumeAttributesClass', operator: 'In', values: ['gold'] };
    const world = await limited(
      { persistentvolumeclaims: '1' },
      { scopeSelector: { matchExpressions: [expression] } },
    );
    const gold = { volumeAttributesClassName: 'gold' };
    expect((await world.call('POST', CLAIMS, claim('plain'))).status).toBe(201);
    expect((await world.call('POST', CLAIMS, claim('one', '1Gi', gold))).status).toBe(201);
    expect((await world.call('POST', CLAIMS, claim('two', '1Gi', gold))).status).toBe(403);
    const bound = { volumeName: 'v' };
    await world.call('POST', CLAIMS, claim('later', '1Gi', bound));
    await world.call('PATCH', `${CLAIMS}/later/status`, { status: { phase: 'Bound' } });
    expect((await world.call('PATCH', `${CLAIMS}/later`, { spec: gold })).status).toBe(403);
  });

  test('SRV55: pods count until they have ended, other kinds by count/', async () => {
    const world = await limited({
      pods: '1',
      'count/configmaps': '1',
      'count/leases.coordination.k8s.io': '1',
    });
    const { call } = world;
    expect((await call('POST', `${HOME}/pods`, pod('a'))).status).toBe(201);
    expect((await call('POST', `${HOME}/pods`, pod('b'))).status).toBe(403);
    await call('PATCH', `${HOME}/pods/a/status`, { status: { phase: 'Succeeded' } });
    expect((await call('POST', `${HOME}/pods`, pod('b'))).status).toBe(201);
    const statuses = async (path: string): Promise<readonly number[]> => {
      const first = await call('POST', path, { metadata: { name: 'one' } });
      return [first.status, (await call('POST', path, { metadata: { name: 'two' } })).status];
    };
    expect(await statuses(`${HOME}/configmaps`)).toEqual([201, 403]);
    expect(await statuses('/apis/coordination.k8s.io/v1/namespaces/default/leases')).toEqual([201, 403]);
  });
});

describe('compute quota', () => {
  test('SRV67: under a quota of cpu every container says what it takes', async () => {
    const { call } = await limited({ 'requests.cpu': '1', 'limits.memory': '1Gi' });
    const { status, json } = await call('POST', `${HOME}/pods`, pod('p'));
    expect([status, json.message]).toEqual([
      403,
      'pods "p" is forbidden: failed quota: q: must specify limits.memory for: a; requests.cpu for: a',
    ]);
    const resources = { requests: { cpu: '600m' }, limits: { memory: '1Mi' } };
    const sized = { containers: [{ name: 'a', image: 'b', resources }] };
    expect((await call('POST', `${HOME}/pods`, pod('one', sized))).status).toBe(201);
    const second = await call('POST', `${HOME}/pods`, pod('two', sized));
    expect(second.json.message).toContain(
      'requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
    );
  });
});

describe('limits', () => {
  test('SRV56: a claim outside the limits of its namespace is 403, an old one stays usable', async () => {
    const { call } = await testServer();
    await call('POST', CLAIMS, claim('old', '20Gi'));
    const limits = [{ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } }];
    await call('POST', `${HOME}/limitranges`, { metadata: { name: 'l' }, spec: { limits } });
    const large = await call('POST', CLAIMS, claim('large', '100Gi'));
    expect([large.status, large.json.message]).toEqual([
      403,
      'persistentvolumeclaims "large" is forbidden: ' +
        'maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 100Gi',
    ]);
    expect((await call('POST', CLAIMS, claim('small', '500Mi'))).json.message).toContain(
      'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi',
    );
    expect((await call('POST', CLAIMS, claim('fits', '5Gi'))).status).toBe(201);
    expect((await call('PATCH', `${CLAIMS}/old`, { spec: { volumeName: 'v' } })).status).toBe(200);
  });
});

describe('priorities', () => {
  const spec = async ({ call }: TestServer, body: JsonObject): Promise<unknown> =>
    (await call('POST', `${HOME}/pods`, body)).json.spec;

  test('SRV57: a pod has the priority of its class, of the default class, or 0', async () => {
    const world = await testServer();
    expect(await spec(world, pod('zero'))).toMatchObject({
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    await world.call('POST', CLASSES, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
    const high = pod('high', { priorityClassName: 'high' });
    expect(await spec(world, high)).toMatchObject({ priority: 1000, preemptionPolicy: 'Never' });
    await world.call('POST', CLASSES, { metadata: { name: 'usual' }, value: 7, globalDefault: true });
    expect(await spec(world, pod('usual'))).toMatchObject({ priority: 7, priorityClassName: 'usual' });
    const system = pod('system', { priorityClassName: 'system-node-critical' });
    expect(await spec(world, system)).toMatchObject({ priority: 2_000_001_000 });
  });

  test.each([
    ['an unknown class', { priorityClassName: 'none' }, 'no PriorityClass with name none was found'],
    [
      'a number of its own',
      { priority: 5 },
      'the integer value of priority (5) must not be provided in pod spec',
    ],
    ['a policy of its own', { preemptionPolicy: 'Never' }, 'the string value of PreemptionPolicy ("Never")'],
  ])('SRV57: a pod with %s is 403', async (_, content, text) => {
    const { call } = await testServer();
    const { status, json } = await call('POST', `${HOME}/pods`, pod('p', content));
    expect([status, json.message]).toEqual([403, expect.stringContaining(text)]);
  });

  test('SRV58: one default class, and the classes of the system stay', async () => {
    const { call } = await testServer();
    const usual = (name: string): JsonObject => ({ metadata: { name }, value: 1, globalDefault: true });
    await call('POST', CLASSES, usual('a'));
    const second = await call('POST', CLASSES, usual('b'));
    const why = 'PriorityClass a is already marked as default. Only one default can exist';
    expect([second.status, second.json.message]).toEqual([403, expect.stringContaining(why)]);
    expect((await call('PATCH', `${CLASSES}/a`, { description: 'mine' })).status).toBe(200);
    expect((await call('DELETE', `${CLASSES}/system-node-critical`)).status).toBe(403);
    expect((await call('GET', CLASSES)).json.items).toHaveLength(3);
  });
});

describe('data sources', () => {
  const body = claim('c', '1Gi', {
    dataSourceRef: {
      apiGroup: 'snapshot.storage.k8s.io',
      kind: 'VolumeSnapshot',
      name: 's',
      namespace: 'other',
    },
  });

  test('SRV59: a source in another namespace needs its gate', async () => {
    const closed = await (await testServer()).call('POST', CLAIMS, body);
    expect([closed.status, closed.json.message]).toEqual([
      403,
      expect.stringContaining('CrossNamespaceVolumeDataSource'),
    ]);
    const gates = {
      CrossNamespaceVolumeDataSource: true,
      PersistentVolumeClaimUnusedSinceTime: false,
      StorageCapacityScoring: false,
    };
    expect((await (await testServer({ gates })).call('POST', CLAIMS, body)).status).toBe(201);
  });
});
