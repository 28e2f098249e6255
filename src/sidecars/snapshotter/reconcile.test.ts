import { describe, expect, test } from 'vitest';
import type { VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import {
  configMaps,
  secrets,
  volumeGroupSnapshotContents,
  volumeSnapshotClasses,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import { CONTENT_SOURCE_LABEL, contentSourceValue } from '#rules/content-source.ts';
import {
  BEING_CREATED,
  BEING_DELETED,
  CONTENT_FINALIZER,
  GROUP_BEING_DELETED,
  GROUP_CONTENT_FINALIZER,
} from '#rules/snapshot-names.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { snapshotterLoop } from './connect.ts';
import type { SnapshotterDeps } from './deps.ts';
import { groupKind } from './group-kind.ts';
import { reconcileContent } from './reconcile.ts';
import { snapshotKind } from './snapshot-kind.ts';

const DRIVER = 'disk.holdfast.dev';
const DELETED = '2026-01-01T00:00:00Z';
const signal = new AbortController().signal;
const NAME = { name: 'content' };

type Reply = (request: object) => Promise<object>;

const snapshotOf = (more: object = {}) => ({
  snapshotId: 'snap-1',
  sourceVolumeId: 'vol-1',
  sizeBytes: '1073741824',
  creationTime: { seconds: '1800000000', nanos: 5_000_000 },
  readyToUse: true,
  groupSnapshotId: '',
  ...more,
});

function world(
  replies: Record<string, Reply> = {},
  capabilities = ['CREATE_DELETE_SNAPSHOT', 'LIST_SNAPSHOTS'],
) {
  const api = scriptedApi();
  const calls: { readonly method: string; readonly request: object }[] = [];
  const told: string[] = [];
  const answers: Record<string, Reply> = {
    createSnapshot: () => Promise.resolve({ snapshot: snapshotOf() }),
    deleteSnapshot: () => Promise.resolve({}),
    listSnapshots: () => Promise.resolve({ entries: [{ snapshot: snapshotOf() }], nextToken: '' }),
    deleteVolumeGroupSnapshot: () => Promise.resolve({}),
    ...replies,
  };
  const service = new Proxy(
    {},
    {
      get: (_target, method) => (request: object) => {
        calls.push({ method: String(method), request });
        return answers[String(method)]?.(request);
      },
    },
  );
  const base = {
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    api,
    informers: api.informers,
    events: { record: (_about: unknown, { reason }: { reason: string }) => void told.push(reason) },
  };
  const driver = {
    name: DRIVER,
    connection: { controller: service, groupController: service } as unknown as CsiConnection,
    pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
    controllerCapabilities: new Set(capabilities),
    groupCapabilities: new Set(['CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT']),
  };
  const deps: SnapshotterDeps = {
    ...base,
    driver,
    live: api,
    callTimeoutMs: 1_000,
    extraCreateMetadata: false,
    answered: new Set(),
    caches: {
      contents: api.informers.informer(volumeSnapshotContents),
      groupContents: api.informers.informer(volumeGroupSnapshotContents),
    },
  };
  api.seed(volumeSnapshotClasses, { metadata: { name: 'fast' }, driver: DRIVER, deletionPolicy: 'Delete' });
  const pass = () => reconcileContent(deps, snapshotKind, 'content', signal);
  const groupPass = () => reconcileContent(deps, groupKind, 'content', signal);
  const content = () => api.peek(volumeSnapshotContents, NAME);
  const methods = () => calls.map(({ method }) => method);
  return { api, base, deps, driver, calls, told, pass, groupPass, content, methods };
}

const aContent = (
  changes: { metadata?: object; spec?: object; status?: object } = {},
): VolumeSnapshotContent =>
  ({
    metadata: { ...NAME, uid: 'c1', finalizers: [CONTENT_FINALIZER], ...changes.metadata },
    spec: {
      deletionPolicy: 'Delete',
      driver: DRIVER,
      source: { volumeHandle: 'vol-1' },
      volumeSnapshotClassName: 'fast',
      volumeSnapshotRef: { namespace: 'team', name: 'snap', uid: 'u1' },
      ...changes.spec,
    },
    ...(changes.status === undefined ? {} : { status: changes.status }),
  }) as VolumeSnapshotContent;

const aClass = {
  metadata: { name: 'fast' },
  driver: DRIVER,
  deletionPolicy: 'Delete' as const,
  parameters: {
    speed: '9',
    'csi.storage.k8s.io/snapshotter-secret-name': 'key',
    'csi.storage.k8s.io/snapshotter-secret-namespace': 'vault',
  },
};
const aSecret = { metadata: { namespace: 'vault', name: 'key' }, data: { token: 'c2VjcmV0' } };

const refusing = (code: 'NOT_FOUND' | 'DEADLINE_EXCEEDED' | 'PERMISSION_DENIED') => () =>
  Promise.reject(new CsiError(code, 'no'));

describe('creating', () => {
  test('SNS2 SNS4 SNS5 SNS9: annotation, call, status, annotation gone; then nothing', async () => {
    const w = world();
    w.api.seed(volumeSnapshotClasses, aClass);
    w.api.seed(secrets, aSecret);
    w.api.seed(volumeSnapshotContents, aContent());
    await w.pass();
    expect(w.content()?.metadata.annotations).toEqual({
      [BEING_CREATED]: 'yes',
      'holdfast.dev/creation-parameters': '{"speed":"9"}',
    });
    expect(w.calls).toEqual([]);
    await w.pass();
    expect(w.calls).toEqual([
      {
        method: 'createSnapshot',
        request: {
          name: 'snapshot-u1',
          sourceVolumeId: 'vol-1',
          parameters: { speed: '9' },
          secrets: { token: 'secret' },
        },
      },
    ]);
    expect(w.content()?.status).toEqual({
      snapshotHandle: 'snap-1',
      creationTime: 1800000000005000000,
      restoreSize: 1073741824,
      readyToUse: true,
    });
    await w.pass();
    expect(w.content()?.metadata.annotations).not.toHaveProperty([BEING_CREATED]);
    const count = w.api.writes.length;
    await w.pass();
    await w.pass();
    expect(w.api.writes).toHaveLength(count);
    expect(w.calls).toHaveLength(1);
  });

  test('SNS1: a content of another driver is not touched', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, aContent({ spec: { driver: 'other' } }));
    await w.pass();
    expect(w.api.writes).toEqual([]);
  });

  test('SNS3: a content that only the cache still has is not called for', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, aContent());
    await w.pass();
    w.api.freeze(true);
    w.api.drop(volumeSnapshotContents, NAME);
    expect(await w.pass()).toEqual({ kind: 'settled' });
    expect(w.calls).toEqual([]);
  });

  test('SNS4: the parameters stay those of the first call when the class changes', async () => {
    const w = world({ createSnapshot: refusing('DEADLINE_EXCEEDED') });
    w.api.seed(volumeSnapshotClasses, { ...aClass, parameters: { speed: '9' } });
    w.api.seed(volumeSnapshotContents, aContent());
    await w.pass();
    await w.pass();
    w.api.seed(volumeSnapshotClasses, { ...aClass, parameters: { speed: '1' } });
    await w.pass();
    expect(w.calls[1]).toEqual(w.calls[0]);
  });

  test('SNS6: a snapshot that is not ready is asked for again, and its readiness stored', async () => {
    let isReady = false;
    const w = world({
      createSnapshot: () => Promise.resolve({ snapshot: snapshotOf({ readyToUse: isReady }) }),
    });
    w.api.seed(volumeSnapshotContents, aContent());
    for (let i = 0; i < 3; i++) await w.pass();
    expect(w.content()?.status?.readyToUse).toBe(false);
    const count = w.api.writes.length;
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    expect(w.api.writes).toHaveLength(count);
    isReady = true;
    await w.pass();
    expect(w.content()?.status?.readyToUse).toBe(true);
    expect(new Set(w.calls.map(({ request }) => JSON.stringify(request))).size).toBe(1);
  });

  test('SNS7: an uncertain error keeps the annotation and is stored once', async () => {
    const w = world({ createSnapshot: refusing('DEADLINE_EXCEEDED') });
    w.api.seed(volumeSnapshotContents, aContent());
    await w.pass();
    for (let i = 0; i < 3; i++) expect(await w.pass()).toMatchObject({ kind: 'failed' });
    expect(w.content()?.metadata.annotations).toHaveProperty([BEING_CREATED]);
    expect(w.content()?.status?.error?.message).toContain('DEADLINE_EXCEEDED');
    expect(w.api.writes.filter(({ verb }) => verb === 'updateStatus')).toHaveLength(1);
    expect(w.told).toContain('SnapshotCreationFailed');
  });

  test.each([
    { when: 'of the first call', first: undefined, code: 'PERMISSION_DENIED', isGone: true },
    {
      when: 'after an unknown one, before the name was looked for',
      first: 'DEADLINE_EXCEEDED',
      code: 'PERMISSION_DENIED',
      isGone: false,
    },
    {
      when: 'after an unknown one, when the name was looked for',
      first: 'DEADLINE_EXCEEDED',
      code: 'NOT_FOUND',
      isGone: true,
    },
  ] as const)(
    'SNS8: a final error $when takes the annotation off: $isGone',
    async ({ first, code, isGone }) => {
      const answers = first === undefined ? [code] : [first, code];
      let at = 0;
      const w = world({ createSnapshot: () => refusing(answers[at++] ?? code)() });
      w.api.seed(volumeSnapshotContents, aContent());
      await w.pass();
      for (const answer of answers) expect(await w.pass(), answer).toMatchObject({ kind: 'failed' });
      expect(w.content()?.metadata.annotations?.[BEING_CREATED] === undefined).toBe(isGone);
    },
  );

  test('SNS10: a class that is not there is an error, stored once, until it is back', async () => {
    const w = world();
    w.api.drop(volumeSnapshotClasses, { name: 'fast' });
    w.api.seed(volumeSnapshotContents, aContent());
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    await w.pass();
    expect([w.calls, w.told[0]]).toEqual([[], 'SnapshotCreationFailed']);
    expect(w.api.writes.map(({ verb }) => verb)).toEqual(['updateStatus']);
    expect(w.content()?.status?.error?.message).toContain('"fast" not found');
    w.api.seed(secrets, aSecret);
    w.api.seed(volumeSnapshotClasses, aClass);
    for (let pass = 0; pass < 3; pass++) await w.pass();
    expect(w.methods()).toEqual(['createSnapshot']);
    expect(w.content()?.status?.readyToUse).toBe(true);
  });

  test('SNS9: a class with an unknown variable is refused before any call', async () => {
    const w = world();
    const parameters = {
      ...aClass.parameters,
      'csi.storage.k8s.io/snapshotter-secret-namespace': '${volumesnapshot.name}',
    };
    w.api.seed(volumeSnapshotClasses, { ...aClass, parameters });
    w.api.seed(volumeSnapshotContents, aContent());
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    expect(w.calls).toEqual([]);
  });
});

describe('pre-provisioned', () => {
  const given = aContent({ spec: { source: { snapshotHandle: 'snap-1' } } });

  test('SNS20: is looked up and gets the status of what was found', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, given);
    await w.pass();
    await w.pass();
    expect(w.methods()).toEqual(['listSnapshots']);
    expect(w.content()?.status).toMatchObject({ snapshotHandle: 'snap-1', readyToUse: true });
  });

  test('SNS20: is believed where the driver cannot list', async () => {
    const w = world({}, ['CREATE_DELETE_SNAPSHOT']);
    w.api.seed(volumeSnapshotContents, given);
    await w.pass();
    expect(w.calls).toEqual([]);
    expect(w.content()?.status).toEqual({ snapshotHandle: 'snap-1', readyToUse: true });
  });

  test('SNS21: what the driver does not know is an error, stored once', async () => {
    const w = world({ listSnapshots: () => Promise.resolve({ entries: [], nextToken: '' }) });
    w.api.seed(volumeSnapshotContents, given);
    await w.pass();
    await w.pass();
    expect(w.content()?.status).toMatchObject({ readyToUse: false, error: { message: expect.any(String) } });
    expect(w.api.writes).toHaveLength(1);
  });
});

describe('deleting', () => {
  const going = (changes: Parameters<typeof aContent>[0] = {}) =>
    aContent({
      ...changes,
      metadata: { deletionTimestamp: DELETED, annotations: { [BEING_DELETED]: 'yes' }, ...changes.metadata },
      status: { snapshotHandle: 'snap-1', readyToUse: true, ...changes.status },
    });

  test('SNS32 SNS34: DeleteSnapshot, then the finalizer goes', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, going());
    await w.pass();
    expect(w.methods()).toEqual(['deleteSnapshot']);
    expect(w.content()).toBeUndefined();
    expect(await w.pass()).toEqual({ kind: 'settled' });
  });

  test.each<{ rule: string; when: string; prepare: (w: ReturnType<typeof world>) => void }>([
    {
      rule: 'RUL301',
      when: 'its snapshot is back on the server',
      prepare: ({ api }) =>
        api.seed(volumeSnapshots, {
          metadata: { namespace: 'team', name: 'snap', uid: 'u1' },
          spec: { source: { persistentVolumeClaimName: 'data' } },
        }),
    },
    {
      rule: 'RUL301',
      when: 'a second content has the handle',
      prepare: ({ api }) =>
        api.seed(
          volumeSnapshotContents,
          aContent({ metadata: { name: 'twin', uid: 'c2' }, spec: { source: { snapshotHandle: 'snap-1' } } }),
        ),
    },
    {
      rule: 'RUL301',
      when: 'a volume is being made from it',
      prepare: ({ api }) => {
        const value = contentSourceValue({ driver: DRIVER, kind: 'snapshot', handle: 'snap-1' });
        api.seed(configMaps, {
          metadata: {
            namespace: 'holdfast-system',
            name: 'pvc-1',
            labels: { [CONTENT_SOURCE_LABEL]: value },
          },
        });
      },
    },
  ])('SNS32 $rule: waits while $when', async ({ prepare }) => {
    const w = world();
    w.api.seed(volumeSnapshotContents, going());
    w.api.freeze(true);
    prepare(w);
    expect(await w.pass()).toMatchObject({ kind: 'blocked' });
    expect(w.calls).toEqual([]);
    expect(w.content()).toBeDefined();
  });

  test.each([
    { rule: 'SNS33', when: 'it is retained', content: going({ spec: { deletionPolicy: 'Retain' } }) },
    {
      rule: 'SNS36',
      when: 'it is a member of a group',
      content: going({ status: { volumeGroupSnapshotHandle: 'g' } }),
    },
  ])('$rule: nothing is called when $when, and the finalizer goes', async ({ content }) => {
    const w = world();
    w.api.seed(volumeSnapshotContents, content);
    await w.pass();
    expect(w.calls).toEqual([]);
    expect(w.content()).toBeUndefined();
  });

  test('SNS30: waits while its snapshot wants it', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, going({ metadata: { annotations: {} } }));
    expect(await w.pass()).toEqual({ kind: 'settled' });
    expect(w.api.writes).toEqual([]);
  });

  test('SNS31: an unknown creation is replayed, then deleted', async () => {
    const w = world();
    const annotations = { [BEING_CREATED]: 'yes', [BEING_DELETED]: 'yes' };
    const { status: _none, ...unknown } = going({ metadata: { annotations } });
    w.api.seed(volumeSnapshotContents, unknown);
    for (let i = 0; i < 3; i++) await w.pass();
    expect(w.methods()).toEqual(['createSnapshot', 'deleteSnapshot']);
    expect(w.content()).toBeUndefined();
  });

  test.each([
    { when: 'is there', isThere: true, sent: { token: 'secret' } },
    { when: 'has gone', isThere: false, sent: {} },
  ])('SNS9: DeleteSnapshot goes on with $sent when the secret $when', async ({ isThere, sent }) => {
    const w = world();
    if (isThere) w.api.seed(secrets, aSecret);
    w.api.seed(volumeSnapshotClasses, aClass);
    w.api.seed(volumeSnapshotContents, going());
    await w.pass();
    expect(w.calls).toMatchObject([{ method: 'deleteSnapshot', request: { secrets: sent } }]);
    expect(w.content()).toBeUndefined();
  });

  test('SNS35: a refused deletion keeps the finalizer and is told', async () => {
    const w = world({ deleteSnapshot: refusing('DEADLINE_EXCEEDED') });
    w.api.seed(volumeSnapshotContents, going());
    expect(await w.pass()).toMatchObject({ kind: 'failed' });
    expect(w.told).toEqual(['SnapshotDeleteError']);
    expect(w.content()?.metadata.finalizers).toEqual([CONTENT_FINALIZER]);
  });

  test('SNS34: a release whose answer is lost is made good by the next pass', async () => {
    const w = world();
    w.api.seed(volumeSnapshotContents, going());
    w.api.fail({ verb: 'update', plural: 'volumesnapshotcontents', status: 409, reason: 'Conflict' });
    await expect(w.pass()).rejects.toMatchObject({ reason: 'Conflict' });
    await w.pass();
    expect(w.methods()).toEqual(['deleteSnapshot', 'deleteSnapshot']);
    expect(w.content()).toBeUndefined();
  });
});

describe('groups', () => {
  const aGroup = (metadata: object, status: object = {}): VolumeGroupSnapshotContent => ({
    metadata: { ...NAME, uid: 'gc1', finalizers: [GROUP_CONTENT_FINALIZER], ...metadata },
    spec: {
      deletionPolicy: 'Delete',
      driver: DRIVER,
      source: { volumeHandles: ['vol-1', 'vol-2'] },
      volumeGroupSnapshotRef: { namespace: 'team', name: 'both', uid: 'g1' },
    },
    ...(Object.keys(status).length === 0 ? {} : { status }),
  });
  const reply = {
    groupSnapshot: {
      groupSnapshotId: 'group-1',
      snapshots: [snapshotOf({ groupSnapshotId: 'group-1' })],
      creationTime: { seconds: '1800000000', nanos: 0 },
      readyToUse: true,
    },
  };

  test('SNS4 SNS5: CreateVolumeGroupSnapshot with all handles; its members are in the status', async () => {
    const w = world({ createVolumeGroupSnapshot: () => Promise.resolve(reply) });
    w.api.seed(volumeGroupSnapshotContents, aGroup({}));
    for (let i = 0; i < 4; i++) await w.groupPass();
    expect(w.calls).toEqual([
      {
        method: 'createVolumeGroupSnapshot',
        request: {
          name: 'groupsnapshot-g1',
          sourceVolumeIds: ['vol-1', 'vol-2'],
          parameters: {},
          secrets: {},
        },
      },
    ]);
    expect(w.api.peek(volumeGroupSnapshotContents, NAME)?.status).toMatchObject({
      volumeGroupSnapshotHandle: 'group-1',
      readyToUse: true,
      creationTime: '2027-01-15T08:00:00Z',
      volumeSnapshotInfoList: [{ volumeHandle: 'vol-1', snapshotHandle: 'snap-1', readyToUse: true }],
    });
  });

  const going = aGroup(
    { deletionTimestamp: DELETED, annotations: { [GROUP_BEING_DELETED]: 'yes' } },
    { volumeGroupSnapshotHandle: 'group-1', volumeSnapshotInfoList: [{ snapshotHandle: 'snap-1' }] },
  );

  test('SNS36: DeleteVolumeGroupSnapshot with its members', async () => {
    const w = world();
    w.api.seed(volumeGroupSnapshotContents, going);
    await w.groupPass();
    expect(w.calls).toEqual([
      {
        method: 'deleteVolumeGroupSnapshot',
        request: { groupSnapshotId: 'group-1', snapshotIds: ['snap-1'], secrets: {} },
      },
    ]);
    expect(w.api.peek(volumeGroupSnapshotContents, NAME)).toBeUndefined();
  });

  test('RUL302 SNS32: waits while the content of a member is left', async () => {
    const w = world();
    w.api.seed(volumeGroupSnapshotContents, going);
    w.api.seed(volumeSnapshotContents, aContent({ status: { volumeGroupSnapshotHandle: 'group-1' } }));
    expect(await w.groupPass()).toMatchObject({ kind: 'blocked' });
    expect(w.calls).toEqual([]);
  });
});

test('SNS1: a driver without snapshots has a loop that does nothing; another one carries a content to ready', async () => {
  const w = world();
  const stop = new AbortController();
  const idle = { ...w.driver, controllerCapabilities: new Set<string>() };
  const loops = [snapshotterLoop(w.base, { driver: idle }), snapshotterLoop(w.base, { driver: w.driver })];
  w.api.seed(volumeSnapshotContents, aContent());
  const running = Promise.all(loops.map((loop) => loop.run(stop.signal)));
  await w.base.clock.advance(100);
  expect(w.content()?.status?.readyToUse).toBe(true);
  expect(w.methods()).toEqual(['createSnapshot']);
  stop.abort();
  await running;
});
