import { describe, expect, test } from 'vitest';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import { csiNodes, persistentVolumes, volumeAttachments } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { CsiConnection } from '#csi/client.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { comparePublished } from './compare-published.ts';
import { attacherLoop } from './connect.ts';
import {
  type AttacherDeps,
  attacherFinalizer,
  BY_VOLUME,
  reconcileAttachment,
  reconcileVolume,
} from './reconcile.ts';

const DRIVER = 'disk.holdfast.dev';
const FINALIZER = attacherFinalizer(DRIVER);
const signal = new AbortController().signal;

const aVolume = (over: Partial<PersistentVolume['metadata']> = {}): PersistentVolume => ({
  metadata: { name: 'pv', ...over },
  spec: { accessModes: ['ReadWriteOnce'], csi: { driver: DRIVER, volumeHandle: 'vol-1' } },
});
const anAttachment = (over: Partial<VolumeAttachment['metadata']> = {}): VolumeAttachment => ({
  metadata: { name: 'va', ...over },
  spec: { attacher: DRIVER, nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
});

interface Answers {
  readonly publish?: () => Promise<object>;
  readonly unpublish?: () => Promise<object>;
  readonly list?: () => Promise<object>;
}

function world(answers: Answers = {}) {
  const api = scriptedApi();
  const calls: string[] = [];
  const answer = (name: string, reply: (() => Promise<object>) | undefined) => () => {
    calls.push(name);
    return reply === undefined ? Promise.resolve({ publishContext: { path: 'x' } }) : reply();
  };
  const controller = {
    controllerPublishVolume: answer('publish', answers.publish),
    listVolumes: answer('list', answers.list),
    controllerUnpublishVolume: answer('unpublish', answers.unpublish),
  } as unknown as CsiConnection['controller'];
  const deps = {
    clock: virtualClock(),
    random: seededRandom(1),
    log: silentLog,
    api,
    informers: api.informers,
    events: { record: () => undefined },
    callTimeoutMs: 1_000,
    suspects: new Set(),
    driver: {
      name: DRIVER,
      connection: { controller } as unknown as CsiConnection,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(['PUBLISH_UNPUBLISH_VOLUME']),
    },
    caches: {
      attachments: api.informers.informer(volumeAttachments, {
        [BY_VOLUME]: (a) => [a.spec.source.persistentVolumeName ?? ''],
      }),
      volumes: api.informers.informer(persistentVolumes),
      csiNodes: api.informers.informer(csiNodes),
    },
  } satisfies AttacherDeps;
  api.seed(csiNodes, { metadata: { name: 'node-1' }, spec: { drivers: [{ name: DRIVER, nodeID: 'id-1' }] } });
  const pass = () => reconcileAttachment(deps, 'va', signal);
  return { api, deps, calls, pass };
}

describe('attaching', () => {
  test('ATC3 ATC10: stores both finalizers, calls, stores the answer, and then writes nothing', async () => {
    const { api, calls, pass } = world();
    api.seed(persistentVolumes, aVolume());
    api.seed(volumeAttachments, anAttachment());
    for (let i = 0; i < 3; i++) await pass();
    expect(api.writes.map((w) => `${w.verb} ${w.plural}`)).toEqual([
      'update persistentvolumes',
      'update volumeattachments',
      'updateStatus volumeattachments',
    ]);
    expect(api.peek(volumeAttachments, { name: 'va' })?.status).toEqual({
      attached: true,
      attachmentMetadata: { path: 'x' },
    });
    await pass();
    expect(calls).toEqual(['publish']);
    expect(api.writes).toHaveLength(3);
  });

  test.each([
    { when: 'is Released', change: { status: { phase: 'Released' as const } } },
    { when: 'is Failed', change: { status: { phase: 'Failed' as const } } },
    {
      when: 'is being deleted',
      change: { metadata: { ...aVolume().metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    },
    { when: 'is gone', change: undefined },
  ])('ATC15: a volume that $when is not attached, whatever the cache says', async ({ change }) => {
    const { api, calls, pass } = world();
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, anAttachment());
    api.freeze(true);
    if (change === undefined) api.drop(persistentVolumes, { name: 'pv' });
    else api.seed(persistentVolumes, { ...aVolume({ finalizers: [FINALIZER] }), ...change });
    expect([(await pass()).kind, (await pass()).kind]).toEqual(['blocked', 'blocked']);
    expect([calls, api.writes]).toEqual([[], []]);
  });

  test('ATC5: an unanswered call is stored as an error with its code, and attached stays false', async () => {
    const { api, pass } = world({
      publish: () => Promise.reject(new CsiError('DEADLINE_EXCEEDED', 'no\u0007answer')),
    });
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, anAttachment({ finalizers: [FINALIZER] }));
    expect((await pass()).kind).toBe('failed');
    expect(api.peek(volumeAttachments, { name: 'va' })?.status).toMatchObject({
      attached: false,
      attachError: { errorCode: 4, message: 'rpc error: code = DEADLINE_EXCEEDED desc = no answer' },
    });
  });

  test('ATC5: the same error again is not stored again: its own event would end the back-off', async () => {
    const { api, deps, pass } = world({ publish: () => Promise.reject(new CsiError('INTERNAL', 'busy')) });
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, anAttachment({ finalizers: [FINALIZER] }));
    await pass();
    const before = api.peek(volumeAttachments, { name: 'va' });
    await deps.clock.advance(5_000);
    expect((await pass()).kind).toBe('failed');
    expect(api.peek(volumeAttachments, { name: 'va' })).toEqual(before);
  });
});

describe('detaching', () => {
  const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };

  test('ATC6 ATC7: unpublishes though attached says false, and only then drops the finalizer', async () => {
    const { api, calls, pass } = world();
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, anAttachment(deleting));
    await pass();
    expect(calls).toEqual(['unpublish']);
    expect(api.peek(volumeAttachments, { name: 'va' })).toBeUndefined();
  });

  test('ATC7: a refused detach is stored and the finalizer stays', async () => {
    const { api, pass } = world({ unpublish: () => Promise.reject(new CsiError('INTERNAL', 'busy')) });
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, anAttachment(deleting));
    expect((await pass()).kind).toBe('failed');
    const stored = api.peek(volumeAttachments, { name: 'va' });
    expect(stored?.metadata.finalizers).toEqual([FINALIZER]);
    expect(stored?.status?.detachError?.errorCode).toBe(13);
  });

  test('ATC8: the recorded node ID serves when the CSINode has gone', async () => {
    const { api, calls, pass } = world();
    api.drop(csiNodes, { name: 'node-1' });
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(
      volumeAttachments,
      anAttachment({ ...deleting, annotations: { 'csi.alpha.kubernetes.io/node-id': 'id-1' } }),
    );
    await pass();
    expect(calls).toEqual(['unpublish']);
  });
});

describe('the volume', () => {
  const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };

  test('ATC9: keeps the finalizer while a live attachment names it that the cache has not seen', async () => {
    const { api, deps } = world();
    api.seed(persistentVolumes, aVolume(deleting));
    api.freeze(true);
    api.seed(volumeAttachments, anAttachment());
    await reconcileVolume(deps, 'pv', signal);
    expect(api.writes).toEqual([]);
  });

  test('ATC9: loses it when none does', async () => {
    const { api, deps } = world();
    api.seed(persistentVolumes, aVolume(deleting));
    await reconcileVolume(deps, 'pv', signal);
    expect(api.peek(persistentVolumes, { name: 'pv' })).toBeUndefined();
  });
});

describe("the driver's own list", () => {
  const listed =
    (...publishedNodeIds: string[]) =>
    () =>
      Promise.resolve({
        entries: [{ volume: { volumeId: 'vol-1' }, status: { publishedNodeIds, volumeCondition: null } }],
        nextToken: '',
      });
  const attached = { attached: true, attachmentMetadata: { path: 'x' } };
  const seed = ({ api }: ReturnType<typeof world>, status = attached) => {
    api.seed(persistentVolumes, aVolume({ finalizers: [FINALIZER] }));
    api.seed(volumeAttachments, { ...anAttachment({ finalizers: [FINALIZER] }), status });
  };
  const compare = async ({ deps }: ReturnType<typeof world>) => {
    const woken: string[] = [];
    await comparePublished(deps, (name) => woken.push(name), signal);
    return woken;
  };

  test('ATC12: what it does not show is published again, and the same answer writes nothing', async () => {
    const w = world({ list: listed() });
    seed(w);
    expect(await compare(w)).toEqual(['va']);
    await w.pass();
    await w.pass();
    expect([w.calls, w.api.writes]).toEqual([['list', 'publish'], []]);
  });

  test('ATC12: a refusal is stored and leaves it attached', async () => {
    const publish = () => Promise.reject(new CsiError('NOT_FOUND', 'gone'));
    const w = world({ list: listed(), publish });
    seed(w);
    await compare(w);
    expect((await w.pass()).kind).toBe('failed');
    const { status } = w.api.peek(volumeAttachments, { name: 'va' }) ?? {};
    expect(status).toMatchObject({ ...attached, attachError: { errorCode: 5 } });
  });

  test.each([
    { rule: 'ATC11', when: 'both agree', nodes: ['id-1'], status: attached, woken: [] },
    { rule: 'ATC12', when: 'another node is listed', nodes: ['id-2'], status: attached, woken: ['va'] },
    {
      rule: 'ATC13',
      when: 'it is listed and not attached',
      nodes: ['id-1'],
      status: { attached: false, attachmentMetadata: { path: '' } },
      woken: ['va'],
    },
  ])('$rule: wakes $woken when $when', async ({ nodes, status, woken }) => {
    const w = world({ list: listed(...nodes) });
    seed(w, status);
    expect(await compare(w)).toEqual(woken);
  });

  test('ATC11: the loop compares each minute', async () => {
    const w = world({ list: listed('id-1') });
    seed(w);
    const capabilities = ['LIST_VOLUMES', 'LIST_VOLUMES_PUBLISHED_NODES', 'PUBLISH_UNPUBLISH_VOLUME'];
    const stop = new AbortController();
    const driver = { ...w.deps.driver, controllerCapabilities: new Set(capabilities) };
    const done = attacherLoop(w.deps, { driver }).run(stop.signal);
    await w.deps.clock.advance(130_000);
    expect(w.calls).toEqual(['list', 'list', 'list']);
    stop.abort();
    await done;
  });
});
