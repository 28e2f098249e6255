import { describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeGroupSnapshot } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshot } from '#api/generated/snapshot-v1.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeGroupSnapshotClasses,
  volumeGroupSnapshotContents,
  volumeGroupSnapshots,
  volumeSnapshotClasses,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { CLAIM_SOURCE_FINALIZER, DEFAULT_SNAPSHOT_CLASS } from '#rules/snapshot-names.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { snapshotsLoop, snapshotsReconcile } from './connect.ts';
import { snapshotsDeps } from './deps.ts';

const DRIVER = 'disk.holdfast.dev';
const signal = new AbortController().signal;
const NAME = { namespace: 'team', name: 'snap' };
const CONTENT = { name: 'snapcontent-u1' };
const DELETED = '2026-01-01T00:00:00Z';

function world() {
  const api = scriptedApi();
  const told: string[] = [];
  const deps = {
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    api,
    informers: api.informers,
    events: { record: (_about: unknown, { reason }: { reason: string }) => void told.push(reason) },
  };
  const reconcile = snapshotsReconcile(snapshotsDeps(deps));
  const pass = (key = 'snapshot/team/snap') => reconcile(key, signal);
  const passes = async (count: number, key?: string) => {
    for (let i = 0; i < count; i++) await pass(key);
  };
  const finish = (): void => {
    const content = api.peek(volumeSnapshotContents, CONTENT);
    if (content === undefined) throw new Error('no content');
    const status = { snapshotHandle: 'h', readyToUse: true, restoreSize: 2 ** 30, creationTime: 1.8e18 };
    api.seed(volumeSnapshotContents, { ...content, status });
  };
  return { api, deps, told, pass, passes, finish };
}

type World = ReturnType<typeof world>;

const aSnapshot = (spec: object = {}): VolumeSnapshot => ({
  metadata: { ...NAME, uid: 'u1' },
  spec: { source: { persistentVolumeClaimName: 'data' }, volumeSnapshotClassName: 'fast', ...spec },
});

const aClaim = (changes: object = {}, name = 'data'): PersistentVolumeClaim => ({
  metadata: { namespace: 'team', name, uid: `u-${name}`, labels: { app: 'db' }, ...changes },
  spec: { volumeName: `pv-${name}` },
  status: { phase: 'Bound' },
});

function furnish({ api }: World, driver = DRIVER, name = 'data'): void {
  api.seed(persistentVolumes, {
    metadata: { name: `pv-${name}` },
    spec: {
      csi: { driver, volumeHandle: `vol-${name}` },
      claimRef: { namespace: 'team', name, uid: `u-${name}` },
      volumeMode: 'Block',
    },
  });
  api.seed(persistentVolumeClaims, aClaim({}, name));
}

const aClass = (name: string, more: object = {}) => ({
  metadata: { name, ...more },
  driver: DRIVER,
  deletionPolicy: 'Delete' as const,
  parameters: {
    'csi.storage.k8s.io/snapshotter-secret-name': '${volumesnapshot.name}-key',
    'csi.storage.k8s.io/snapshotter-secret-namespace': '${volumesnapshot.namespace}',
  },
});

describe('a dynamic snapshot', () => {
  test('SNC2 SNC4 SNC5 SNC8 SNC9: finalizers, claim, content, status; then nothing is written', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.passes(3);
    expect(w.api.writes.map((one) => `${one.verb} ${one.plural}`)).toEqual([
      'update volumesnapshots',
      'update persistentvolumeclaims',
      'create volumesnapshotcontents',
      'updateStatus volumesnapshots',
    ]);
    expect(w.api.peek(volumeSnapshotContents, CONTENT)).toMatchObject({
      metadata: {
        annotations: {
          'snapshot.storage.kubernetes.io/deletion-secret-name': 'snap-key',
          'snapshot.storage.kubernetes.io/deletion-secret-namespace': 'team',
        },
        finalizers: ['snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection'],
      },
      spec: {
        driver: DRIVER,
        deletionPolicy: 'Delete',
        source: { volumeHandle: 'vol-data' },
        sourceVolumeMode: 'Block',
        volumeSnapshotRef: { namespace: 'team', name: 'snap', uid: 'u1' },
      },
    });
    w.finish();
    await w.passes(2);
    expect(w.api.peek(volumeSnapshots, NAME)?.status).toEqual({
      boundVolumeSnapshotContentName: 'snapcontent-u1',
      creationTime: '2027-01-15T08:00:00Z',
      readyToUse: true,
      restoreSize: '1Gi',
    });
    expect(w.told).toEqual(['CreatingSnapshot', 'SnapshotCreated', 'SnapshotReady']);
    const count = w.api.writes.length;
    await w.passes(3);
    await w.passes(2, 'content/snapcontent-u1');
    expect(w.api.writes).toHaveLength(count);
  });

  test('SNC1: gets the one default class of its driver', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('other'));
    w.api.seed(volumeSnapshots, aSnapshot({ volumeSnapshotClassName: undefined }));
    await w.passes(2);
    expect(w.told).toEqual(['SetDefaultSnapshotClassFailed']);
    expect(w.api.peek(volumeSnapshots, NAME)?.status?.error?.message).toContain('cannot find default');
    w.api.seed(volumeSnapshotClasses, aClass('fast', { annotations: { [DEFAULT_SNAPSHOT_CLASS]: 'true' } }));
    await w.pass();
    expect(w.api.peek(volumeSnapshots, NAME)?.spec.volumeSnapshotClassName).toBe('fast');
  });

  test.each<{ when: string; prepare: (w: World) => void; because: RegExp }>([
    {
      when: 'the claim is not there',
      prepare: ({ api }) => api.drop(persistentVolumeClaims, { namespace: 'team', name: 'data' }),
      because: /not found/,
    },
    {
      when: 'the claim is not bound',
      prepare: ({ api }) => api.seed(persistentVolumeClaims, { ...aClaim(), status: { phase: 'Pending' } }),
      because: /not yet bound/,
    },
    { when: 'the volume is another driver’s', prepare: (w) => furnish(w, 'other'), because: /driver other/ },
    {
      when: 'the volume is not there',
      prepare: ({ api }) => api.drop(persistentVolumes, { name: 'pv-data' }),
      because: /pv-data/,
    },
    {
      when: 'the class is not there',
      prepare: ({ api }) => api.drop(volumeSnapshotClasses, { name: 'fast' }),
      because: /"fast" not found/,
    },
    {
      when: 'the claim goes',
      prepare: ({ api }) =>
        api.seed(persistentVolumeClaims, aClaim({ deletionTimestamp: DELETED, finalizers: ['x/y'] })),
      because: /being deleted/,
    },
  ])('SNC3 SNC4: says so once and makes nothing when $when', async ({ prepare, because }) => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    prepare(w);
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.passes(4);
    expect(w.api.peek(volumeSnapshotContents, CONTENT)).toBeUndefined();
    expect(w.told).toEqual(['SnapshotContentCreationFailed']);
    expect(w.api.peek(volumeSnapshots, NAME)?.status?.error?.message).toMatch(because);
    expect(w.api.writes.filter(({ verb }) => verb === 'updateStatus')).toHaveLength(1);
  });

  test('SNC3: a snapshot that only the cache still has gets no content', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.pass();
    w.api.freeze(true);
    w.api.drop(volumeSnapshots, NAME);
    await w.pass();
    expect(w.api.peek(volumeSnapshotContents, CONTENT)).toBeUndefined();
  });

  test('SNC3: a content whose creation got no answer is found again', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.pass();
    w.api.fail({
      verb: 'create',
      plural: 'volumesnapshotcontents',
      status: 0,
      reason: 'Unknown',
      isAnswerLost: true,
    });
    await expect(w.pass()).rejects.toMatchObject({ reason: 'Unknown' });
    await w.pass();
    expect(w.api.peek(volumeSnapshots, NAME)?.status?.boundVolumeSnapshotContentName).toBe('snapcontent-u1');
  });

  test('SNC4: the claim is released when its snapshot is ready, not before, and only if the server agrees', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.passes(3);
    const finalizers = () =>
      w.api.peek(persistentVolumeClaims, { namespace: 'team', name: 'data' })?.metadata.finalizers;
    await w.pass('claim/team/data');
    expect(finalizers()).toEqual([CLAIM_SOURCE_FINALIZER]);
    w.finish();
    await w.pass();
    w.api.freeze(true);
    const other = { ...aSnapshot(), metadata: { namespace: 'team', name: 'other' } };
    w.api.seed(volumeSnapshots, other);
    expect(await w.pass('claim/team/data')).toMatchObject({ kind: 'blocked' });
    w.api.drop(volumeSnapshots, { namespace: 'team', name: 'other' });
    w.api.freeze(false);
    await w.passes(2, 'claim/team/data');
    expect(finalizers()).toEqual([]);
  });
});

describe('a pre-provisioned snapshot', () => {
  const aGiven = (ref: object) => ({
    metadata: { name: 'given' },
    spec: {
      deletionPolicy: 'Retain' as const,
      driver: DRIVER,
      source: { snapshotHandle: 'h' },
      volumeSnapshotRef: { namespace: 'team', name: 'snap', ...ref },
    },
    status: { snapshotHandle: 'h', readyToUse: true },
  });
  const named = aSnapshot({ source: { volumeSnapshotContentName: 'given' } });

  test('SNC5 SNC6: is bound by its UID, and protected', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, aGiven({}));
    w.api.seed(volumeSnapshots, named);
    await w.passes(2, 'content/given');
    await w.passes(4);
    expect(w.api.peek(volumeSnapshotContents, { name: 'given' })).toMatchObject({
      metadata: { finalizers: ['snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection'] },
      spec: { volumeSnapshotRef: { uid: 'u1' }, volumeSnapshotClassName: 'fast' },
    });
    expect(w.api.peek(volumeSnapshots, NAME)?.status).toMatchObject({ readyToUse: true });
    const count = w.api.writes.length;
    await w.passes(2);
    expect(w.api.writes).toHaveLength(count);
  });

  test.each([
    { when: 'missing', ref: undefined, reason: 'SnapshotContentMissing' },
    { when: 'bound to another UID', ref: { uid: 'u2' }, reason: 'SnapshotContentMisbound' },
  ])('SNC7: a content that is $when is told once', async ({ ref, reason }) => {
    const w = world();
    if (ref !== undefined) w.api.seed(volumeSnapshotContents, aGiven(ref));
    w.api.seed(volumeSnapshots, named);
    await w.passes(4);
    expect(w.told).toEqual([reason]);
    expect(w.api.peek(volumeSnapshots, NAME)?.status).toMatchObject({ readyToUse: false });
  });
});

describe('the end', () => {
  async function ready(policy: 'Delete' | 'Retain' = 'Delete'): Promise<World> {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, { ...aClass('fast'), deletionPolicy: policy });
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.passes(3);
    w.finish();
    await w.passes(2);
    await w.api.delete(volumeSnapshots, NAME);
    return w;
  }
  const annotations = ({ api }: World) => api.peek(volumeSnapshotContents, CONTENT)?.metadata.annotations;

  test('SNC21: content annotated, then deleted, and the snapshot after it', async () => {
    const w = await ready();
    await w.pass();
    expect(annotations(w)).toHaveProperty(
      ['snapshot.storage.kubernetes.io/volumesnapshot-being-deleted'],
      'yes',
    );
    await w.passes(2);
    expect(w.api.peek(volumeSnapshotContents, CONTENT)?.metadata.deletionTimestamp).toBeDefined();
    expect(w.api.peek(volumeSnapshots, NAME)).toBeDefined();
    w.api.drop(volumeSnapshotContents, CONTENT);
    await w.passes(2);
    expect(w.api.peek(volumeSnapshots, NAME)).toBeUndefined();
  });

  test('SNC22: with Retain the content stays', async () => {
    const w = await ready('Retain');
    await w.passes(3);
    expect(w.api.peek(volumeSnapshots, NAME)).toBeUndefined();
    expect(w.api.peek(volumeSnapshotContents, CONTENT)?.metadata.deletionTimestamp).toBeUndefined();
  });

  const restoring: PersistentVolumeClaim = {
    metadata: { namespace: 'team', name: 'copy' },
    spec: { dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'snap' } },
  };

  test('SNC20: waits for a claim that is restored from it, also one that only the server knows', async () => {
    const w = await ready();
    w.api.seed(persistentVolumeClaims, restoring);
    await w.passes(2);
    expect(w.told).toContain('SnapshotDeletePending');
    expect(annotations(w)).not.toHaveProperty([
      'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted',
    ]);
    w.api.drop(persistentVolumeClaims, { namespace: 'team', name: 'copy' });
    await w.pass();
    w.api.freeze(true);
    w.api.seed(persistentVolumeClaims, restoring);
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    expect(w.api.peek(volumeSnapshotContents, CONTENT)?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('SNC21: a content that the cache does not know yet keeps its snapshot', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.pass();
    w.api.freeze(true);
    await w.pass();
    w.api.freeze(false);
    const content = w.api.peek(volumeSnapshotContents, CONTENT);
    w.api.drop(volumeSnapshotContents, CONTENT);
    await w.api.delete(volumeSnapshots, NAME);
    w.api.freeze(true);
    if (content !== undefined) w.api.seed(volumeSnapshotContents, content);
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    expect(w.api.peek(volumeSnapshots, NAME)).toBeDefined();
  });

  test('SNC23: a content deleted by hand waits for its snapshot and is annotated when that goes', async () => {
    const w = world();
    furnish(w);
    w.api.seed(volumeSnapshotClasses, aClass('fast'));
    w.api.seed(volumeSnapshots, aSnapshot());
    await w.passes(3);
    await w.api.delete(volumeSnapshotContents, CONTENT);
    await w.passes(2, 'content/snapcontent-u1');
    expect(annotations(w)).not.toHaveProperty([
      'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted',
    ]);
    w.api.drop(volumeSnapshots, NAME);
    await w.pass('content/snapcontent-u1');
    expect(annotations(w)).toHaveProperty(['snapshot.storage.kubernetes.io/volumesnapshot-being-deleted']);
  });
});

describe('a group', () => {
  const GROUP = { namespace: 'team', name: 'both' };
  const KEY = 'group/team/both';
  const aGroup: VolumeGroupSnapshot = {
    metadata: { ...GROUP, uid: 'g1' },
    spec: { source: { selector: { matchLabels: { app: 'db' } } }, volumeGroupSnapshotClassName: 'fast' },
  };

  async function made(): Promise<World> {
    const w = world();
    furnish(w);
    furnish(w, DRIVER, 'logs');
    w.api.seed(volumeGroupSnapshotClasses, {
      metadata: { name: 'fast' },
      driver: DRIVER,
      deletionPolicy: 'Delete',
    });
    w.api.seed(volumeGroupSnapshots, aGroup);
    await w.passes(3, KEY);
    const content = w.api.peek(volumeGroupSnapshotContents, { name: 'groupsnapcontent-g1' });
    if (content === undefined) throw new Error('no content');
    w.api.seed(volumeGroupSnapshotContents, {
      ...content,
      status: {
        volumeGroupSnapshotHandle: 'gh',
        readyToUse: true,
        volumeSnapshotInfoList: [
          { volumeHandle: 'vol-data', snapshotHandle: 's1', readyToUse: true },
          { volumeHandle: 'vol-logs', snapshotHandle: 's2', readyToUse: true },
        ],
      },
    });
    await w.passes(4, 'members/team/both');
    await w.passes(2, KEY);
    return w;
  }

  test('SNC30 SNC31 SNC32: its content has the handles, each member a content and a snapshot of its own', async () => {
    const w = await made();
    const content = w.api.peek(volumeGroupSnapshotContents, { name: 'groupsnapcontent-g1' });
    expect(content?.spec.source.volumeHandles).toEqual(['vol-data', 'vol-logs']);
    const snapshots = (await w.api.list(volumeSnapshots)).items;
    expect(snapshots).toHaveLength(2);
    for (const { metadata } of snapshots) {
      expect(metadata.ownerReferences).toMatchObject([{ kind: 'VolumeGroupSnapshot', uid: 'g1' }]);
      expect(metadata.finalizers).toEqual([
        'groupsnapshot.storage.kubernetes.io/volumesnapshot-in-group-protection',
      ]);
      await w.passes(4, `snapshot/team/${metadata.name}`);
      expect(w.api.peek(volumeSnapshots, { namespace: 'team', name: metadata.name })?.status).toMatchObject({
        volumeGroupSnapshotName: 'both',
      });
    }
    expect(w.api.peek(volumeGroupSnapshots, GROUP)?.status?.readyToUse).toBe(true);
    const count = w.api.writes.length;
    await w.passes(2, KEY);
    await w.passes(2, 'members/team/both');
    expect(w.api.writes).toHaveLength(count);
  });

  test.each<{ when: string; prepare: (w: World) => void; because: RegExp }>([
    { when: 'nothing is selected', prepare: () => undefined, because: /selects no claim/ },
    {
      when: 'one claim waits',
      prepare: (w) => {
        furnish(w);
        w.api.seed(persistentVolumeClaims, { ...aClaim(), status: { phase: 'Pending' } });
      },
      because: /not yet bound/,
    },
    { when: 'one is of another driver', prepare: (w) => furnish(w, 'other'), because: /driver other/ },
  ])('SNC30: says so and makes nothing when $when', async ({ prepare, because }) => {
    const w = world();
    prepare(w);
    w.api.seed(volumeGroupSnapshotClasses, {
      metadata: { name: 'fast' },
      driver: DRIVER,
      deletionPolicy: 'Delete',
    });
    w.api.seed(volumeGroupSnapshots, aGroup);
    await w.passes(4, KEY);
    expect(w.told).toEqual(['GroupSnapshotContentCreationFailed']);
    expect(w.api.peek(volumeGroupSnapshots, GROUP)?.status?.error?.message).toMatch(because);
  });

  test('SNC25 SNC33: members go first, then the content, then the group', async () => {
    const w = await made();
    const [first] = (await w.api.list(volumeSnapshots)).items;
    await w.api.delete(volumeSnapshots, { namespace: 'team', name: first?.metadata.name ?? '' });
    await w.passes(3, `snapshot/team/${first?.metadata.name ?? ''}`);
    expect((await w.api.list(volumeSnapshots)).items).toHaveLength(2);
    await w.api.delete(volumeGroupSnapshots, GROUP);
    await w.passes(2, KEY);
    expect(
      w.api.peek(volumeGroupSnapshotContents, { name: 'groupsnapcontent-g1' })?.metadata.annotations,
    ).not.toHaveProperty(['groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-being-deleted']);
    await w.passes(4, 'members/team/both');
    expect((await w.api.list(volumeSnapshots)).items).toEqual([]);
    await w.passes(3, KEY);
    const content = w.api.peek(volumeGroupSnapshotContents, { name: 'groupsnapcontent-g1' });
    expect(content?.metadata.deletionTimestamp).toBeDefined();
    w.api.drop(volumeGroupSnapshotContents, { name: 'groupsnapcontent-g1' });
    await w.pass(KEY);
    expect(w.api.peek(volumeGroupSnapshots, GROUP)).toBeUndefined();
  });
});

test('SNC8 SNC21: the loop carries a snapshot from request to ready, and to its end', async () => {
  const w = world();
  const stop = new AbortController();
  furnish(w);
  w.api.seed(volumeSnapshotClasses, aClass('fast'));
  const running = snapshotsLoop(w.deps).run(stop.signal);
  w.api.seed(volumeSnapshots, aSnapshot());
  await w.deps.clock.advance(100);
  w.finish();
  await w.deps.clock.advance(100);
  expect(w.api.peek(volumeSnapshots, NAME)?.status?.readyToUse).toBe(true);
  await w.api.delete(volumeSnapshots, NAME);
  await w.deps.clock.advance(100);
  w.api.drop(volumeSnapshotContents, CONTENT);
  await w.deps.clock.advance(100);
  expect(w.api.peek(volumeSnapshots, NAME)).toBeUndefined();
  stop.abort();
  await running;
});
