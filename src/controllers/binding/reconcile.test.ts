import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { ScriptedFailure } from '#testing/scripted-api.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { FreeVolumes } from '#rules/free-volumes.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, PRE_RESIZE_CAPACITY } from '#rules/well-known.ts';
import { bindingLoop } from './connect.ts';
import { bindingReconcile } from './reconcile.ts';
import { claimIndexes, podIndexes, volumeIndexes } from './view.ts';

const CLAIM = 'claim/shop/data';
const claimName = { namespace: 'shop', name: 'data' };

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
  const caches = {
    claims: informers.informer(persistentVolumeClaims, claimIndexes),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    free: new FreeVolumes<Stored<PersistentVolume>>(),
    classes: informers.informer(storageClasses),
    pods: informers.informer(pods, podIndexes),
  };
  caches.volumes.subscribe(({ kind, object }) => {
    if (kind === 'deleted') caches.free.remove(object.metadata.name);
    else caches.free.put(object);
  });
  // Made again, as after a restart of the process.
  const start = () => {
    const reconcile = bindingReconcile(deps, caches);
    return (key: string) => reconcile(key, new AbortController().signal);
  };
  return { api, said, deps, clock, start };
}
type World = ReturnType<typeof setUp>;

const aClaim = (name = 'data', volumeName?: string): PersistentVolumeClaim => ({
  metadata: { namespace: 'shop', name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'gold',
    ...(volumeName === undefined ? {} : { volumeName }),
  },
  status: { phase: 'Pending' },
});
const aVolume = (name = 'pv', spec: PersistentVolume['spec'] = {}, annotations = {}): PersistentVolume => ({
  metadata: { name, annotations },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '10Gi' }, storageClassName: 'gold', ...spec },
  status: { phase: 'Available' },
});

function pairOf({ api }: World) {
  return {
    claim: api.peek(persistentVolumeClaims, claimName),
    volume: api.peek(persistentVolumes, { name: 'pv' }),
  };
}

function expectWholePair(world: World): void {
  const { claim, volume } = pairOf(world);
  expect(volume?.spec?.claimRef).toMatchObject({ ...claimName, uid: claim?.metadata.uid });
  expect(volume?.metadata.annotations).toMatchObject({ [BOUND_BY_CONTROLLER]: 'yes' });
  expect(volume?.status).toMatchObject({ phase: 'Bound', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' });
  expect(claim?.spec?.volumeName).toBe('pv');
  expect(claim?.metadata.annotations).toMatchObject({
    [BIND_COMPLETED]: 'yes',
    [BOUND_BY_CONTROLLER]: 'yes',
  });
  expect(claim?.status).toEqual({
    phase: 'Bound',
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '10Gi' },
  });
}

async function settle(pass: (key: string) => Promise<{ kind: string }>, key: string): Promise<number> {
  for (let passes = 1; passes < 20; passes++) if ((await pass(key)).kind === 'settled') return passes;
  throw new Error(`key "${key}" does not settle`);
}

test('BND1: four writes make a pair, in this order (BND2, BND3, BND4, BND63)', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim());
  expect(await settle(world.start(), CLAIM)).toBe(5);
  expect(world.api.writes.map(({ verb, plural }) => `${verb} ${plural}`)).toEqual([
    'update persistentvolumes',
    'updateStatus persistentvolumes',
    'update persistentvolumeclaims',
    'updateStatus persistentvolumeclaims',
  ]);
  expectWholePair(world);
});

test('BND4: a pre-resize annotation replaces the capacity (5-2-3)', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume('pv', {}, { [PRE_RESIZE_CAPACITY]: '3Gi' }));
  world.api.seed(persistentVolumeClaims, aClaim());
  await settle(world.start(), CLAIM);
  expect(pairOf(world).claim?.status?.capacity).toEqual({ storage: '3Gi' });
});

test.each([0, 1, 2, 3])('BND6: a crash after write %i leads to the same pair', async (crashAfter) => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim());
  const before = world.start();
  for (let write = 0; write < crashAfter; write++) await before(CLAIM);
  await settle(world.start(), CLAIM);
  expectWholePair(world);
  expect(world.api.writes).toHaveLength(4);
});

const lost: readonly Pick<ScriptedFailure, 'verb' | 'plural'>[] = [
  { verb: 'update', plural: 'persistentvolumes' },
  { verb: 'updateStatus', plural: 'persistentvolumes' },
  { verb: 'update', plural: 'persistentvolumeclaims' },
  { verb: 'updateStatus', plural: 'persistentvolumeclaims' },
];
test.each(lost)('BND6: a lost answer to $verb $plural leads to the same pair', async (call) => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim());
  world.api.fail({ ...call, status: 0, reason: 'Unknown', isAnswerLost: true });
  await settle(world.start(), CLAIM);
  expectWholePair(world);
});

test.each(lost)(
  'BND8: a conflict at $verb $plural is a failed pass, and the next one goes on',
  async (call) => {
    const world = setUp();
    world.api.seed(persistentVolumes, aVolume());
    world.api.seed(persistentVolumeClaims, aClaim());
    world.api.fail({ ...call, status: 409, reason: 'Conflict' });
    const pass = world.start();
    const kinds: string[] = [];
    for (let at = 0; at < 6; at++) kinds.push((await pass(CLAIM)).kind);
    expect(kinds.filter((kind) => kind === 'failed')).toHaveLength(1);
    expectWholePair(world);
  },
);

test('BND8: a decision on a stale cache is refused and changes nothing', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim());
  world.api.freeze(true);
  world.api.seed(persistentVolumes, aVolume('pv', { claimRef: { namespace: 'x', name: 'y', uid: 'z' } }));
  const pass = world.start();
  expect((await pass(CLAIM)).kind).toBe('failed');
  expect(pairOf(world).volume?.spec?.claimRef).toEqual({ namespace: 'x', name: 'y', uid: 'z' });
});

test('BND7: two claims in flight choose different volumes', async () => {
  const world = setUp();
  for (const name of ['a', 'b']) world.api.seed(persistentVolumes, aVolume(name));
  for (const name of ['one', 'two']) world.api.seed(persistentVolumeClaims, aClaim(name));
  const pass = world.start();
  const kinds = await Promise.all([pass('claim/shop/one'), pass('claim/shop/two')]);
  expect(kinds.map(({ kind }) => kind)).toEqual(['progressed', 'progressed']);
  expect(world.api.writes.map(({ key }) => key)).toEqual(['a', 'b']);
});

test('BND7: a volume whose reservation failed can be chosen again', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  for (const name of ['one', 'two']) world.api.seed(persistentVolumeClaims, aClaim(name));
  world.api.fail({ verb: 'update', plural: 'persistentvolumes', status: 500, reason: 'InternalError' });
  const pass = world.start();
  expect((await pass('claim/shop/one')).kind).toBe('failed');
  expect((await pass('claim/shop/two')).kind).toBe('progressed');
});

test('BND3: a claim that named its volume is not marked as our choice', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim('data', 'pv'));
  await settle(world.start(), CLAIM);
  expect(pairOf(world).claim?.metadata.annotations).toEqual({ [BIND_COMPLETED]: 'yes' });
});

test('BND45: Lost is not written while the volume is there, whatever the cache says', async () => {
  const world = setUp();
  const claim = aClaim('data', 'pv');
  world.api.seed(persistentVolumeClaims, {
    ...claim,
    metadata: { ...claim.metadata, uid: 'uid-data', annotations: { [BIND_COMPLETED]: 'yes' } },
  });
  world.api.freeze(true);
  world.api.seed(persistentVolumes, aVolume('pv', { claimRef: { ...claimName, uid: 'uid-data' } }));
  const pass = world.start();
  expect(await pass(CLAIM)).toMatchObject({ kind: 'blocked' });
  expect([world.api.writes, world.said]).toEqual([[], []]);
  world.api.drop(persistentVolumes, { name: 'pv' });
  world.api.freeze(false);
  expect((await pass(CLAIM)).kind).toBe('progressed');
  expect((await pass(CLAIM)).kind).toBe('settled');
  expect([pairOf(world).claim?.status?.phase, world.said]).toEqual(['Lost', ['ClaimLost']]);
});

test('BND58: Released is not written while the claim is there, whatever the cache says', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, {
    ...aVolume('pv', { claimRef: { ...claimName, uid: 'uid-1' } }),
    status: { phase: 'Bound' },
  });
  world.api.freeze(true);
  const claim = aClaim('data', 'pv');
  world.api.seed(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, uid: 'uid-1' } });
  const pass = world.start();
  expect(await pass('volume/pv')).toMatchObject({ kind: 'blocked' });
  expect(world.api.writes).toEqual([]);
  world.api.drop(persistentVolumeClaims, claimName);
  world.api.freeze(false);
  expect((await pass('volume/pv')).kind).toBe('progressed');
  expect(pairOf(world).volume?.status?.phase).toBe('Released');
});

test.each([
  { rule: 'BND56', annotations: { [BOUND_BY_CONTROLLER]: 'yes' }, left: undefined },
  { rule: 'BND57', annotations: {}, left: claimName },
])('$rule: a reservation that lost its race is taken back to $left', async ({ annotations, left }) => {
  const world = setUp();
  const claim = world.api.seed(persistentVolumeClaims, aClaim('data', 'other'));
  const claimRef = { ...claimName, uid: claim.metadata.uid, resourceVersion: '1' };
  world.api.seed(persistentVolumes, {
    ...aVolume('pv', { claimRef }, annotations),
    status: { phase: 'Bound' },
  });
  await settle(world.start(), 'volume/pv');
  const { volume } = pairOf(world);
  expect(volume?.spec?.claimRef).toEqual(left);
  expect(volume?.metadata.annotations).toEqual({});
  expect(volume?.status?.phase).toBe('Available');
});

test.each([CLAIM, 'volume/pv'])('BND70: a key without its object, "%s", is settled', async (key) => {
  const world = setUp();
  expect(await world.start()(key)).toEqual({ kind: 'settled' });
  expect([world.api.writes, world.said]).toEqual([[], []]);
});

test('BND62: a policy that nobody can carry out fails once', async () => {
  const world = setUp();
  const claimRef = { ...claimName, uid: 'gone' };
  world.api.seed(persistentVolumes, aVolume('pv', { claimRef, persistentVolumeReclaimPolicy: 'Delete' }));
  const pass = world.start();
  await settle(pass, 'volume/pv');
  await pass('volume/pv');
  expect([pairOf(world).volume?.status?.reason, world.said]).toEqual([
    'VolumeFailedDelete',
    ['VolumeFailedDelete'],
  ]);
});

test('BND17: asks the provisioner, waits and says so once', async () => {
  const world = setUp();
  world.api.seed(storageClasses, { metadata: { name: 'gold' }, provisioner: 'disk.holdfast.dev' });
  world.api.seed(persistentVolumeClaims, aClaim());
  const pass = world.start();
  await settle(pass, CLAIM);
  await pass(CLAIM);
  expect(pairOf(world).claim?.metadata.annotations).toEqual({
    'volume.kubernetes.io/storage-provisioner': 'disk.holdfast.dev',
    'volume.beta.kubernetes.io/storage-provisioner': 'disk.holdfast.dev',
  });
  expect([world.api.writes.length, world.said]).toEqual([1, ['ExternalProvisioning']]);
});

test('BND18: fills in the default class', async () => {
  const world = setUp();
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  world.api.seed(storageClasses, { metadata: { name: 'gold', annotations }, provisioner: 'd' });
  const claim = aClaim();
  world.api.seed(persistentVolumeClaims, { ...claim, spec: { ...claim.spec, storageClassName: undefined } });
  await world.start()(CLAIM);
  expect(pairOf(world).claim?.spec?.storageClassName).toBe('gold');
});

test('BND70: a whole pair gets no write and no event', async () => {
  const world = setUp();
  world.api.seed(persistentVolumes, aVolume());
  world.api.seed(persistentVolumeClaims, aClaim());
  await settle(world.start(), CLAIM);
  const { length } = world.api.writes;
  const pass = world.start();
  expect([await pass(CLAIM), await pass('volume/pv')]).toEqual([{ kind: 'settled' }, { kind: 'settled' }]);
  expect([world.api.writes.length, world.said]).toEqual([length, []]);
});

test('BND71: the loop binds what appears in either order, and loses what goes', async () => {
  const world = setUp();
  const stop = new AbortController();
  const running = bindingLoop(world.deps).run(stop.signal);
  world.api.seed(persistentVolumeClaims, aClaim());
  await world.clock.advance(50);
  world.api.seed(persistentVolumes, { ...aVolume(), status: {} });
  await world.clock.advance(500);
  expectWholePair(world);
  world.api.drop(persistentVolumes, { name: 'pv' });
  await world.clock.advance(2000);
  expect(pairOf(world).claim?.status?.phase).toBe('Lost');
  stop.abort();
  await running;
});
