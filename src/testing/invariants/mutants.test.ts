// The invariants against histories that break them: each is caught by the invariant of its number, and the history
// without the mutation is not. A checker that never complains is none.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import type { ChangeBatch, KeyValue } from '#store/store.ts';
import { WorldBuilder } from './builder.ts';
import { INVARIANTS } from './check.ts';
import { findViolations, type World } from './world.ts';

const DRIVER = 'scripted.csi.example';
const UNIQUE = `kubernetes.io/csi/${DRIVER}^vol-1`;
const CLAIM = 'persistentvolumeclaims/default/data';
const VOLUME = 'persistentvolumes/pvc-1';
const INTENT = 'configmaps/holdfast-system/pvc-1';
const GIB = '1Gi';

const claim = (more: JsonObject = {}, meta: JsonObject = {}): JsonObject => ({
  metadata: { namespace: 'default', name: 'data', uid: '1', annotations: {}, ...meta },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: GIB } },
    storageClassName: 'now',
    ...more,
  },
  status: { phase: 'Pending' },
});
const boundTo = (volumeName: string, meta: JsonObject = {}): JsonObject => ({
  ...claim({ volumeName }, { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' }, ...meta }),
  status: { phase: 'Bound', capacity: { storage: GIB } },
});
const volume = (phase: string, uid: string, more: JsonObject = {}, meta: JsonObject = {}): JsonObject => ({
  metadata: {
    name: 'pvc-1',
    uid: 'v1',
    annotations: { 'pv.kubernetes.io/provisioned-by': DRIVER, 'pv.kubernetes.io/bound-by-controller': 'yes' },
    ...meta,
  },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: GIB },
    storageClassName: 'now',
    persistentVolumeReclaimPolicy: 'Delete',
    csi: { driver: DRIVER, volumeHandle: 'vol-1' },
    ...(uid === '' ? {} : { claimRef: { namespace: 'default', name: 'data', uid } }),
    ...more,
  },
  status: { phase },
});
const node = (volumesInUse: readonly string[], taints: JsonObject[] = []): JsonObject => ({
  metadata: { name: 'a', uid: 'n' },
  spec: { taints },
  status: { volumesInUse: [...volumesInUse], nodeInfo: { bootID: 'b' } },
});
const pod = (phase: string): JsonObject => ({
  metadata: { namespace: 'default', name: 'web', uid: 'p1' },
  spec: { nodeName: 'a', volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  status: { phase },
});
const attachment = (attached: boolean): JsonObject => ({
  metadata: { name: 'va', uid: 'va' },
  spec: { attacher: DRIVER, nodeName: 'a', source: { persistentVolumeName: 'pvc-1' } },
  status: { attached },
});
/** With the attacher's finalizer, which says that a call may have been made for it. */
const protectedAttachment = (): JsonObject => ({
  ...attachment(false),
  metadata: { name: 'va', uid: 'va', finalizers: ['external-attacher/driver'] },
});
const start = (): WorldBuilder => new WorldBuilder();
const pair = (): WorldBuilder =>
  start().put(CLAIM, claim()).put(VOLUME, volume('Bound', '1')).put(CLAIM, boundTo('pvc-1'));
const releasedWorld = (): WorldBuilder => pair().drop(CLAIM).byUser().put(VOLUME, volume('Released', '1'));
const created = (b: WorldBuilder): WorldBuilder =>
  b
    .put(INTENT, { metadata: { name: 'pvc-1' }, data: { phase: 'creating', handle: '' } })
    .call(
      'controller',
      'createVolume',
      { name: 'pvc-1' },
      { reply: { volume: { volumeId: 'vol-1', capacityBytes: '1073741824' } } },
    );
const remove = (b: WorldBuilder): WorldBuilder => b.call('controller', 'deleteVolume', { volumeId: 'vol-1' });
const WRITER = { accessMode: { mode: 'SINGLE_NODE_WRITER' } };
const attach = (b: WorldBuilder, nodeId: string, code: 'OK' | 'DEADLINE_EXCEEDED' = 'OK'): WorldBuilder =>
  b.call(
    'controller',
    'controllerPublishVolume',
    { volumeId: 'vol-1', nodeId, volumeCapability: WRITER },
    { code },
  );
const detach = (b: WorldBuilder, nodeId = 'a'): WorldBuilder =>
  b.call('controller', 'controllerUnpublishVolume', { volumeId: 'vol-1', nodeId });
const onNode = (b: WorldBuilder, method: string, request: JsonObject, nodeId = 'a'): WorldBuilder =>
  b.call('node', method, { volumeId: 'vol-1', ...request }, { nodeId });
const stage = (b: WorldBuilder): WorldBuilder => onNode(b, 'nodeStageVolume', { stagingTargetPath: '/s' });
const publish = (b: WorldBuilder, targetPath = '/pods/p1/v', readonly = false): WorldBuilder =>
  onNode(b, 'nodePublishVolume', { stagingTargetPath: '/s', targetPath, readonly });

interface Row {
  readonly id: string;
  readonly breaks: string;
  readonly broken: World;
  readonly whole: World;
}
const rows: readonly Row[] = [
  {
    id: 'I-1',
    breaks: 'a Bound claim whose volume points at another UID',
    broken: start().put(VOLUME, volume('Bound', '2')).put(CLAIM, boundTo('pvc-1')).world(),
    whole: pair().world(),
  },
  {
    id: 'I-2',
    breaks: 'two claims Bound to one volume',
    broken: pair()
      .put('persistentvolumeclaims/default/other', boundTo('pvc-1', { name: 'other', uid: '2' }))
      .world(),
    whole: pair()
      .put('persistentvolumeclaims/default/other', claim({}, { name: 'other', uid: '2' }))
      .world(false),
  },
  {
    id: 'I-3',
    breaks: 'a claimRef that goes from one UID to another in one step',
    broken: pair().put(VOLUME, volume('Bound', '2')).world(),
    whole: pair().put(VOLUME, volume('Bound', '2')).byUser().world(false),
  },
  {
    id: 'I-3',
    breaks: 'a claimRef that is cleared though its claim lost no race',
    broken: pair().put(VOLUME, volume('Available', '')).world(),
    whole: pair().put(VOLUME, volume('Bound', '1')).world(),
  },
  {
    id: 'I-4',
    breaks: 'a claim that changes its volume',
    broken: pair().put(CLAIM, boundTo('pvc-2')).world(),
    whole: pair().put(CLAIM, boundTo('pvc-1')).world(),
  },
  {
    id: 'I-5',
    breaks: 'a volume that is too small',
    broken: start()
      .put(VOLUME, volume('Bound', '1', { capacity: { storage: '1Mi' } }))
      .put(CLAIM, boundTo('pvc-1'))
      .world(),
    whole: pair().world(),
  },
  {
    id: 'I-5',
    breaks: 'a volume of another attributes class',
    broken: start()
      .put(VOLUME, volume('Bound', '1', { volumeAttributesClassName: 'slow' }))
      .put(CLAIM, boundTo('pvc-1'))
      .world(),
    whole: pair().world(),
  },
  {
    id: 'I-6',
    breaks: 'a Released volume that is Bound to another claim',
    broken: releasedWorld().put(VOLUME, volume('Bound', '2')).world(),
    whole: releasedWorld()
      .put(VOLUME, volume('Available', ''))
      .byUser()
      .put(VOLUME, volume('Bound', '2'))
      .world(false),
  },
  {
    id: 'I-7',
    breaks: 'a quiet world with half a pair',
    broken: start().put(CLAIM, claim()).put(VOLUME, volume('Bound', '1')).world(true),
    whole: start().put(CLAIM, claim()).put(VOLUME, volume('Bound', '1')).world(false),
  },
  {
    id: 'I-8',
    breaks: 'DeleteVolume of a Bound volume',
    broken: remove(pair()).world(false),
    whole: remove(releasedWorld()).world(false),
  },
  {
    id: 'I-8',
    breaks: 'DeleteVolume while a node uses it',
    broken: remove(releasedWorld().put('nodes/a', node([UNIQUE]))).world(false),
    whole: remove(releasedWorld().put('nodes/a', node([]))).world(false),
  },
  {
    id: 'I-8',
    breaks: 'DeleteVolume of a handle that nothing knows',
    broken: remove(start()).world(false),
    whole: remove(start().put(INTENT, { metadata: {}, data: { phase: 'deleting', handle: 'vol-1' } })).world(
      false,
    ),
  },
  {
    id: 'I-8',
    breaks: 'DeleteVolume while an attachment that may be published exists',
    broken: remove(releasedWorld().put('volumeattachments/va', protectedAttachment())).world(false),
    whole: remove(releasedWorld().put('volumeattachments/va', attachment(false))).world(false),
  },
  {
    id: 'I-8',
    breaks: 'ControllerPublish after DeleteVolume began',
    broken: attach(remove(releasedWorld()), 'a').world(false),
    whole: remove(detach(attach(releasedWorld(), 'a'))).world(false),
  },
  {
    id: 'I-8',
    breaks: 'DeleteVolume while it is attached',
    broken: remove(
      releasedWorld()
        .put('volumeattachments/va', attachment(false))
        .put('volumeattachments/va', attachment(true)),
    ).world(false),
    whole: remove(releasedWorld()).world(false),
  },
  {
    id: 'I-9',
    breaks: 'DeleteVolume of a retained volume',
    broken: remove(
      releasedWorld().put(VOLUME, volume('Released', '1', { persistentVolumeReclaimPolicy: 'Retain' })),
    ).world(false),
    whole: remove(releasedWorld()).world(false),
  },
  {
    id: 'I-10',
    breaks: 'a volume object that goes before DeleteVolume',
    broken: releasedWorld().drop(VOLUME).world(false),
    whole: remove(releasedWorld()).drop(VOLUME).world(false),
  },
  {
    id: 'I-11',
    breaks: 'DeleteVolume while another object names the handle',
    broken: remove(
      releasedWorld().put('persistentvolumes/twin', volume('Released', '9', {}, { name: 'twin', uid: 'v2' })),
    ).world(false),
    whole: remove(releasedWorld()).world(false),
  },
  {
    id: 'I-12',
    breaks: 'an object whose backend volume is gone',
    broken: pair().world(true),
    whole: pair().world(false),
  },
  {
    id: 'I-13',
    breaks: 'CreateVolume without an intent',
    broken: start().call('controller', 'createVolume', { name: 'pvc-1' }).world(false),
    whole: created(start()).world(false),
  },
  {
    id: 'I-13',
    breaks: 'an intent that goes while the volume has no object',
    broken: created(start()).drop(INTENT).world(false),
    whole: created(start()).put(VOLUME, volume('Pending', '1')).drop(INTENT).world(false),
  },
  {
    id: 'I-14',
    breaks: 'CreateVolume again with other arguments',
    broken: created(start())
      .call('controller', 'createVolume', { name: 'pvc-1', parameters: { a: 'b' } })
      .world(false),
    whole: created(start())
      .call('controller', 'createVolume', { name: 'pvc-1', secrets: { a: 'b' } })
      .world(false),
  },
  {
    id: 'I-15',
    breaks: 'CreateVolume after DeleteVolume began',
    broken: created(remove(created(start()))).world(false),
    whole: remove(created(start())).world(false),
  },
  {
    id: 'I-16',
    breaks: 'NodePublish before NodeStage',
    broken: publish(attach(start(), 'a')).world(false),
    whole: publish(stage(attach(start(), 'a'))).world(false),
  },
  {
    id: 'I-16',
    breaks: 'NodeStage before ControllerPublish said OK',
    broken: stage(attach(start(), 'a', 'DEADLINE_EXCEEDED')).world(false),
    whole: stage(attach(start(), 'a')).world(false),
  },
  {
    id: 'I-16',
    breaks: 'NodeUnstage while published',
    broken: onNode(publish(stage(attach(start(), 'a'))), 'nodeUnstageVolume', {
      stagingTargetPath: '/s',
    }).world(false),
    whole: onNode(stage(attach(start(), 'a')), 'nodeUnstageVolume', { stagingTargetPath: '/s' }).world(false),
  },
  {
    id: 'I-17',
    breaks: 'ControllerUnpublish while the node reports it in use',
    broken: detach(attach(start().put('nodes/a', node([UNIQUE])), 'a')).world(false),
    whole: detach(
      attach(start().put('nodes/a', node([UNIQUE], [{ key: 'node.kubernetes.io/out-of-service' }])), 'a'),
    ).world(false),
  },
  {
    id: 'I-17',
    breaks: 'ControllerUnpublish while it is staged',
    broken: detach(stage(attach(start().put('nodes/a', node([])), 'a'))).world(false),
    whole: detach(attach(start().put('nodes/a', node([])), 'a')).world(false),
  },
  {
    id: 'I-18',
    breaks: 'a single-node volume attached to two nodes, the first without an answer',
    broken: attach(attach(start(), 'a', 'DEADLINE_EXCEEDED'), 'b').world(false),
    whole: attach(detach(attach(start(), 'a')), 'b').world(false),
  },
  {
    id: 'I-18',
    breaks: 'a ReadWriteOncePod volume in two pods',
    broken: publish(
      publish(
        stage(attach(pair().put(VOLUME, volume('Bound', '1', { accessModes: ['ReadWriteOncePod'] })), 'a')),
      ),
      '/pods/p2/v',
    ).world(false),
    whole: publish(publish(stage(attach(pair(), 'a'))), '/pods/p2/v').world(false),
  },
  {
    id: 'I-19',
    breaks: 'a read-only volume published writable',
    broken: publish(
      stage(attach(start().put(VOLUME, volume('Bound', '1', { accessModes: ['ReadOnlyMany'] })), 'a')),
    ).world(false),
    whole: publish(
      stage(attach(start().put(VOLUME, volume('Bound', '1', { accessModes: ['ReadOnlyMany'] })), 'a')),
      '/pods/p1/v',
      true,
    ).world(false),
  },
  {
    id: 'I-20',
    breaks: 'two calls about one volume at once',
    broken: attach(
      start().call('controller', 'controllerExpandVolume', { volumeId: 'vol-1' }, { isOpen: true }),
      'a',
    ).world(false),
    whole: attach(start().call('controller', 'controllerExpandVolume', { volumeId: 'vol-1' }), 'a').world(
      false,
    ),
  },
  {
    id: 'I-21',
    breaks: 'a pod that runs without its volume',
    broken: pair()
      .put('pods/default/web', pod('Pending'))
      .put('pods/default/web', pod('Running'))
      .world(false),
    whole: publish(stage(attach(pair().put('pods/default/web', pod('Pending')), 'a')))
      .put('pods/default/web', pod('Running'))
      .world(false),
  },
  {
    id: 'I-27',
    breaks: 'a finalizer added to what is being deleted',
    broken: start()
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['a'] }))
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['a', 'b'] }))
      .world(false),
    whole: start()
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['a', 'b'] }))
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['a'] }))
      .world(false),
  },
  {
    id: 'I-27',
    breaks: 'a claim that loses its protection while a pod uses it',
    broken: start()
      .put('pods/default/web', pod('Running'))
      .put(CLAIM, claim({}, { finalizers: ['kubernetes.io/pvc-protection'] }))
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['kubernetes.io/pvc-protection'] }))
      .drop(CLAIM)
      .world(false),
    whole: start()
      .put('pods/default/web', pod('Succeeded'))
      .put(CLAIM, claim({}, { deletionTimestamp: 'now', finalizers: ['kubernetes.io/pvc-protection'] }))
      .drop(CLAIM)
      .world(false),
  },
  {
    id: 'I-28',
    breaks: 'a write without a version',
    broken: start().write('PUT', '/api/v1/persistentvolumes/a', { metadata: {} }).world(),
    whole: start()
      .write('PUT', '/api/v1/persistentvolumes/a', { metadata: { resourceVersion: '3' } })
      .world(),
  },
  {
    id: 'I-28',
    breaks: 'a delete without a precondition',
    broken: start().write('DELETE', '/api/v1/persistentvolumes/a', {}).world(),
    whole: start()
      .write('DELETE', '/api/v1/persistentvolumes/a', { preconditions: { uid: '3' } })
      .world(),
  },
  {
    id: 'I-29',
    breaks: 'a claim that shows more than the volume has',
    broken: created(start())
      .put(VOLUME, volume('Bound', '1'))
      .put(CLAIM, { ...boundTo('pvc-1'), status: { phase: 'Bound', capacity: { storage: '2Gi' } } })
      .world(false),
    whole: created(start()).put(VOLUME, volume('Bound', '1')).put(CLAIM, boundTo('pvc-1')).world(false),
  },
  {
    id: 'I-30',
    breaks: 'a claim that waits without a word',
    broken: start().put(CLAIM, claim()).world(true),
    whole: start()
      .put(CLAIM, claim())
      .put('events/default/e', { metadata: { name: 'e' }, involvedObject: { uid: '1' } })
      .world(true),
  },
];

const found = (world: World): readonly string[] =>
  findViolations(world, INVARIANTS).map(({ invariant }) => invariant);

describe('invariants', () => {
  test.each(rows)('$id catches $breaks', ({ id, broken, whole }) => {
    expect(found(broken)).toContain(id);
    expect(found(whole)).not.toContain(id);
  });

  const entry = (parts: Partial<KeyValue>): KeyValue => ({
    key: '/a',
    value: new Uint8Array(),
    createRevision: 2,
    modRevision: 2,
    version: 1,
    ...parts,
  });
  const batch = (revision: number, parts: Partial<KeyValue>, previous?: KeyValue): ChangeBatch => ({
    revision,
    events: [{ kind: 'put', entry: entry({ modRevision: revision, ...parts }), previous }],
  });
  const first = entry({});
  const batches: Readonly<Record<string, { readonly id: string; readonly batches: readonly ChangeBatch[] }>> =
    {
      'a revision that repeats': { id: 'I-31', batches: [batch(2, {}), batch(2, { version: 2 }, first)] },
      'a version that is skipped': { id: 'I-31', batches: [batch(2, {}), batch(3, { version: 3 }, first)] },
      'a wrong previous value': { id: 'I-32', batches: [batch(2, {}), batch(3, { version: 2 })] },
      'a creation that is none': {
        id: 'I-32',
        batches: [batch(2, {}), batch(3, { version: 2, createRevision: 3 }, first)],
      },
      'a change of another revision': { id: 'I-32', batches: [batch(2, { modRevision: 1 })] },
    };
  test('every number has a predicate, and every predicate a history that breaks it', () => {
    const numbers = [...Array.from({ length: 21 }, (_, at) => at + 1), 27, 28, 29, 30, 31, 32];
    const expected = new Set(numbers.map((number) => `I-${number}`));
    expect(new Set(INVARIANTS.map(({ id }) => id))).toEqual(expected);
    expect(new Set([...rows, ...Object.values(batches)].map(({ id }) => id))).toEqual(expected);
  });

  test.each(Object.entries(batches))('%s is caught', (_, { id, batches: broken }) => {
    expect(found({ ...start().world(), batches: broken })).toContain(id);
    expect(
      found({ ...start().world(), batches: [batch(2, {}), batch(3, { version: 2 }, first)] }),
    ).not.toContain(id);
  });
});
