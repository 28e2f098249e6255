import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import {
  attributesClassesOfClaim,
  attributesClassesOfVolume,
  CLAIMS_BY_ATTRIBUTES_CLASS,
  VOLUMES_BY_ATTRIBUTES_CLASS,
} from './attributes-class.ts';
import { protectionLoop } from './connect.ts';
import { protectionReconcile } from './reconcile.ts';
import { podIndexes } from './view.ts';

const OWN = 'kubernetes.io/pvc-protection';
const VOLUME_OWN = 'kubernetes.io/pv-protection';
const DELETED = '2026-01-01T00:00:00Z';
const signal = new AbortController().signal;

function setUp() {
  const api = scriptedApi();
  const { informers } = api;
  const deps = {
    api,
    informers,
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    events: { record: () => undefined },
  };
  const reconcile = protectionReconcile(deps, {
    claims: informers.informer(persistentVolumeClaims, {
      [CLAIMS_BY_ATTRIBUTES_CLASS]: attributesClassesOfClaim,
    }),
    volumes: informers.informer(persistentVolumes, {
      [VOLUMES_BY_ATTRIBUTES_CLASS]: attributesClassesOfVolume,
    }),
    pods: informers.informer(pods, podIndexes),
    attributesClasses: informers.informer(volumeAttributesClasses),
  });
  return { api, deps, pass: (key: string) => reconcile(key, signal) };
}

const aClaim = (metadata: Partial<PersistentVolumeClaim['metadata']>): PersistentVolumeClaim => ({
  metadata: { namespace: 'shop', name: 'data', ...metadata },
});
const deletedClaim = aClaim({ deletionTimestamp: DELETED, finalizers: ['other/one', OWN] });
const aPod: Pod = {
  metadata: { namespace: 'shop', name: 'web' },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  status: { phase: 'Running' },
};
const claimName = { namespace: 'shop', name: 'data' };

test('PRT1: protects a bare claim once (PRT7)', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, aClaim({ finalizers: ['other/one'] }));
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'progressed' });
  expect(api.peek(persistentVolumeClaims, claimName)?.metadata.finalizers).toEqual(['other/one', OWN]);
  expect(await pass('claim/shop/data')).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test('PRT1: protects a bare volume', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumes, { metadata: { name: 'pv-1' } });
  await pass('volume/pv-1');
  expect(api.peek(persistentVolumes, { name: 'pv-1' })?.metadata.finalizers).toEqual([VOLUME_OWN]);
});

test('PRT6: releases only the own finalizer, from the observed version', async () => {
  const { api, pass } = setUp();
  const seen = api.seed(persistentVolumeClaims, deletedClaim);
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'progressed' });
  const { uid, resourceVersion } = seen.metadata;
  expect(api.writes[0]?.body).toMatchObject({
    patch: { metadata: { uid, resourceVersion, finalizers: ['other/one'] } },
  });
  expect(await pass('claim/shop/data')).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test('PRT6: a conflict is returned and nothing is released', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, deletedClaim);
  api.fail({ verb: 'patch', plural: 'persistentvolumeclaims', status: 409, reason: 'Conflict' });
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'failed' });
  expect(api.peek(persistentVolumeClaims, claimName)?.metadata.finalizers).toContain(OWN);
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'progressed' });
});

test('PRT3: a pod that only the server knows keeps the claim', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, deletedClaim);
  api.freeze(true);
  api.seed(pods, aPod);
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'blocked', because: 'pod shop/web needs it' });
  expect(api.writes).toHaveLength(0);
});

test('PRT3: a failed live list releases nothing', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, deletedClaim);
  api.fail({ verb: 'list', plural: 'pods', status: 0, reason: 'Unknown' });
  expect(await pass('claim/shop/data')).toMatchObject({ kind: 'failed' });
  expect(api.writes).toHaveLength(0);
});

const aVolume = (phase: 'Bound' | 'Released'): PersistentVolume => ({
  metadata: { name: 'pv-1', deletionTimestamp: DELETED, finalizers: [VOLUME_OWN, 'driver/own'] },
  spec: { claimRef: { namespace: 'shop', name: 'data', uid: 'uid-1' } },
  status: { phase },
});

test('PRT5: a volume whose claim is back on the server stays', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumes, aVolume('Released'));
  api.freeze(true);
  api.seed(persistentVolumeClaims, { ...aClaim({ uid: 'uid-1' }), spec: { volumeName: 'pv-1' } });
  expect(await pass('volume/pv-1')).toMatchObject({ kind: 'blocked' });
  expect(api.writes).toHaveLength(0);
});

test('PRT5: a released volume without its claim goes', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumes, aVolume('Released'));
  expect(await pass('volume/pv-1')).toMatchObject({ kind: 'progressed' });
  expect(api.peek(persistentVolumes, { name: 'pv-1' })?.metadata.finalizers).toEqual(['driver/own']);
});

test('PRT4: a bound volume stays', async () => {
  const { api, pass } = setUp();
  api.seed(persistentVolumes, aVolume('Bound'));
  expect(await pass('volume/pv-1')).toEqual({ kind: 'settled' });
});

test('PRT8: the end of a pod releases its claim', async () => {
  const { api, deps } = setUp();
  const stop = new AbortController();
  api.seed(persistentVolumeClaims, deletedClaim);
  api.seed(pods, aPod);
  const running = protectionLoop(deps).run(stop.signal);
  await deps.clock.advance(10);
  expect(api.writes).toHaveLength(0);
  api.drop(pods, { namespace: 'shop', name: 'web' });
  await deps.clock.advance(10);
  expect(api.peek(persistentVolumeClaims, claimName)?.metadata.finalizers).toEqual(['other/one']);
  stop.abort();
  await running;
});

describe('attribute classes', () => {
  const FINALIZER = 'kubernetes.io/vac-protection';
  const deleted = {
    metadata: { name: 'gold', deletionTimestamp: DELETED, finalizers: [FINALIZER] },
    driverName: 'd',
  };

  test.each([
    ['wants it', { spec: { volumeAttributesClassName: 'gold' } }],
    ['has it', { status: { currentVolumeAttributesClassName: 'gold' } }],
    [
      'changes to it',
      { status: { modifyVolumeStatus: { targetVolumeAttributesClassName: 'gold', status: 'InProgress' } } },
    ],
  ] as const)(
    'PRT9: one that a claim %s stays, though the cache has not seen the claim',
    async (_what, over) => {
      const { api, pass } = setUp();
      api.seed(volumeAttributesClasses, deleted);
      api.freeze(true);
      api.seed(persistentVolumeClaims, { ...aClaim({}), ...over });
      expect(await pass('attributes-class/gold')).toMatchObject({ kind: 'blocked' });
      expect(api.writes).toEqual([]);
    },
  );

  test('PRT9: one that a volume carries stays', async () => {
    const { api, pass } = setUp();
    api.seed(volumeAttributesClasses, deleted);
    api.seed(persistentVolumes, { metadata: { name: 'pv-1' }, spec: { volumeAttributesClassName: 'gold' } });
    expect(await pass('attributes-class/gold')).toEqual({ kind: 'settled' });
    expect(api.writes).toEqual([]);
  });

  test('PRT9: one that nobody names goes', async () => {
    const { api, pass } = setUp();
    api.seed(volumeAttributesClasses, deleted);
    await pass('attributes-class/gold');
    expect(api.peek(volumeAttributesClasses, { name: 'gold' })).toBeUndefined();
  });
});
