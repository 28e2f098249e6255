import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  secrets,
  volumeAttachments,
  volumeAttributesClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { PRE_RESIZE_CAPACITY } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { INFEASIBLE_RETRY_MS } from './decide.ts';
import { BY_CLAIM, BY_VOLUME, type ResizerDeps } from './deps.ts';
import { reconcileExpansion } from './expand.ts';
import { reconcileModify } from './modify.ts';

const DRIVER = 'd.example';
const GI = 1024n ** 3n;
const signal = new AbortController().signal;
const NAME = { namespace: 'ns', name: 'c' };

type Reply = (request: never) => Promise<object>;
interface Options {
  readonly expand?: Reply;
  readonly modify?: Reply;
  readonly capabilities?: readonly string[];
  readonly expansion?: 'ONLINE' | 'OFFLINE';
  readonly volume?: Partial<NonNullable<PersistentVolume['spec']>>;
}

function world(options: Options = {}) {
  const api = scriptedApi();
  const calls: { readonly method: string; readonly request: object }[] = [];
  const events: string[] = [];
  const call = (method: string, reply: Reply | undefined) => (request: never) => {
    calls.push({ method, request });
    return reply === undefined ? Promise.resolve({}) : reply(request);
  };
  const grown: Reply = ({ capacityRange }: { capacityRange: { requiredBytes: string } }) =>
    Promise.resolve({ capacityBytes: capacityRange.requiredBytes, nodeExpansionRequired: true });
  const controller = {
    controllerExpandVolume: call('expand', options.expand ?? grown),
    controllerModifyVolume: call('modify', options.modify),
  } as unknown as CsiConnection['controller'];
  const clock = virtualClock();
  const { expansion } = options;
  const deps: ResizerDeps = {
    clock,
    random: seededRandom(1),
    log: silentLog,
    api,
    informers: api.informers,
    events: { record: (_about, { reason }) => void events.push(reason) },
    callTimeoutMs: 1000,
    hasExtraMetadata: false,
    driver: {
      name: DRIVER,
      connection: { controller } as unknown as CsiConnection,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(options.capabilities ?? ['EXPAND_VOLUME', 'MODIFY_VOLUME']),
      ...(expansion === undefined ? {} : { volumeExpansion: expansion }),
    },
    refusedSizes: new Map(),
    refusedClasses: new Map(),
    inUseAnswers: new Set(),
    caches: {
      claims: api.informers.informer(persistentVolumeClaims),
      volumes: api.informers.informer(persistentVolumes),
      pods: api.informers.informer(pods, { [BY_CLAIM]: claimKeysOfPod }),
      attachments: api.informers.informer(volumeAttachments, {
        [BY_VOLUME]: (a) => [a.spec.source.persistentVolumeName ?? ''],
      }),
      nodes: api.informers.informer(nodes),
      classes: api.informers.informer(volumeAttributesClasses),
    },
  };
  const seeded = api.seed<PersistentVolumeClaim>(persistentVolumeClaims, {
    metadata: NAME,
    spec: { volumeName: 'pv', resources: { requests: { storage: '2Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  });
  api.seed<PersistentVolume>(persistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      claimRef: { ...NAME, uid: seeded.metadata.uid },
      csi: { driver: DRIVER, volumeHandle: 'h' },
      ...options.volume,
    },
  });
  const edit = (spec: object): void => {
    const now = api.peek(persistentVolumeClaims, NAME);
    if (now !== undefined) {
      api.seed(persistentVolumeClaims, { ...now, spec: { ...now.spec, ...spec } });
    }
  };
  const ask = (storage: string): void => edit({ resources: { requests: { storage } } });
  return {
    api,
    clock,
    calls,
    events,
    deps,
    edit,
    ask,
    claim: () => api.peek(persistentVolumeClaims, NAME)?.status,
    volume: () => api.peek(persistentVolumes, { name: 'pv' }),
    grow: () => reconcileExpansion(deps, 'ns/c', signal),
    modify: () => reconcileModify(deps, 'ns/c', signal),
  };
}

const refuse =
  (code: CsiError['code']): Reply =>
  () =>
    Promise.reject(new CsiError(code, 'no\u0007way'));

describe('growing', () => {
  test('RSZ2 RSZ3 RSZ4 RSZ11: intent, call, volume, claim; then the node is next and nothing more is done', async () => {
    const w = world();
    await w.grow();
    expect(w.calls).toEqual([]);
    expect(w.claim()?.allocatedResources).toEqual({ storage: '2Gi' });
    await w.grow();
    expect(w.calls[0]?.request).toMatchObject({
      volumeId: 'h',
      capacityRange: { requiredBytes: String(2n * GI) },
      volumeCapability: { accessMode: { mode: 'SINGLE_NODE_WRITER' } },
    });
    expect(w.api.writes.map((write) => `${write.verb} ${write.plural}`)).toEqual([
      'updateStatus persistentvolumeclaims',
      'update persistentvolumes',
      'updateStatus persistentvolumeclaims',
    ]);
    expect(w.volume()?.spec?.capacity).toEqual({ storage: '2Gi' });
    expect(w.volume()?.metadata.annotations).toEqual({ [PRE_RESIZE_CAPACITY]: '1Gi' });
    expect(w.claim()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizePending' });
    expect(w.claim()?.capacity).toEqual({ storage: '1Gi' });
    expect(w.events).toEqual(['Resizing', 'FileSystemResizeRequired']);
    await w.grow();
    expect(w.api.writes).toHaveLength(3);
    expect(w.calls).toHaveLength(1);
  });

  test('RSZ4: the note of the old capacity goes when the node has written the new one', async () => {
    const w = world();
    await w.grow();
    await w.grow();
    const now = w.api.peek(persistentVolumeClaims, NAME);
    if (now === undefined) throw new Error('the claim is gone');
    w.api.seed(persistentVolumeClaims, {
      ...now,
      status: { phase: 'Bound', capacity: { storage: '2Gi' }, allocatedResources: { storage: '2Gi' } },
    });
    await w.grow();
    expect(w.volume()?.metadata.annotations).toEqual({});
    expect(await w.grow()).toEqual({ kind: 'settled' });
  });

  test('RSZ5: without a part for the node the claim has its size at once', async () => {
    const w = world({
      expand: () => Promise.resolve({ capacityBytes: String(3n * GI), nodeExpansionRequired: false }),
    });
    await w.grow();
    await w.grow();
    expect(w.claim()).toEqual({
      phase: 'Bound',
      capacity: { storage: '3Gi' },
      allocatedResources: { storage: '2Gi' },
    });
    expect(w.volume()?.metadata.annotations).toEqual({});
    expect(w.events.at(-1)).toBe('VolumeResizeSuccessful');
    expect(await w.grow()).toEqual({ kind: 'settled' });
  });

  test.each([
    ['persistentvolumes', 'update'],
    ['persistentvolumeclaims', 'updateStatus'],
  ] as const)('RSZ3: a crash at the write to %s is replayed with the same size', async (plural, verb) => {
    const w = world();
    await w.grow();
    w.api.fail({ verb, plural, status: 0, reason: 'Unknown', isAnswerLost: true });
    await expect(w.grow()).rejects.toThrow('Unknown');
    await w.grow();
    expect(w.claim()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizePending' });
    expect(w.volume()?.spec?.capacity).toEqual({ storage: '2Gi' });
    expect(w.volume()?.metadata.annotations).toEqual({ [PRE_RESIZE_CAPACITY]: '1Gi' });
    expect(await w.grow()).toEqual({ kind: 'settled' });
  });

  test('RSZ6: an unknown answer keeps the size, also when the user asks for less', async () => {
    const w = world({ expand: refuse('DEADLINE_EXCEEDED') });
    await w.grow();
    expect((await w.grow()).kind).toBe('failed');
    expect(w.claim()).toMatchObject({
      allocatedResources: { storage: '2Gi' },
      allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
    });
    const error = w.claim()?.conditions?.find(({ type }) => type === 'ControllerResizeError');
    expect(error?.message).toBe(
      'failed to expand pvc with rpc error: code = DEADLINE_EXCEEDED (4) desc = no way',
    );
    w.ask('1536Mi');
    await w.grow();
    expect(w.calls.at(-1)?.request).toMatchObject({ capacityRange: { requiredBytes: String(2n * GI) } });
    expect(w.claim()?.allocatedResources).toEqual({ storage: '2Gi' });
  });

  test('RSZ6 RSZ7: an infeasible size waits, and a smaller one is tried at once', async () => {
    const w = world({ expand: refuse('OUT_OF_RANGE') });
    await w.grow();
    await w.grow();
    expect(w.claim()?.allocatedResourceStatuses).toEqual({ storage: 'ControllerResizeInfeasible' });
    expect(w.events.at(-1)).toBe('VolumeResizeFailed');
    expect(await w.grow()).toMatchObject({ kind: 'blocked' });
    await w.clock.advance(INFEASIBLE_RETRY_MS);
    await w.grow();
    expect([w.calls.length, w.claim()?.allocatedResourceStatuses]).toEqual([
      1,
      { storage: 'ControllerResizeInProgress' },
    ]);
    await w.grow();
    expect(w.calls).toHaveLength(2);
    w.ask('1536Mi');
    await w.grow();
    expect(w.claim()).toMatchObject({
      allocatedResources: { storage: '1536Mi' },
      allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
    });
  });

  test('RSZ6 RSZ7: a retry of an infeasible size without an answer is unknown: less is not given meanwhile', async () => {
    const answers = ['OUT_OF_RANGE', 'DEADLINE_EXCEEDED', 'OUT_OF_RANGE'] as const;
    let call = 0;
    const w = world({ expand: (request) => refuse(answers[call++] ?? 'OUT_OF_RANGE')(request) });
    await w.grow();
    await w.grow();
    await w.clock.advance(INFEASIBLE_RETRY_MS);
    await w.grow();
    await w.grow();
    expect(w.calls).toHaveLength(2);
    const asked = w.claim()?.allocatedResources;
    w.ask('1536Mi');
    await w.grow();
    // The unknown size is asked for again, and only its final answer lets it fall.
    expect([w.calls.length, w.claim()?.allocatedResources]).toEqual([3, asked]);
    await w.grow();
    expect(w.claim()?.allocatedResources).toEqual({ storage: '1536Mi' });
  });

  test('RSZ6: a final refusal that is not infeasible lets the user ask for less; a restart forgets it', async () => {
    const w = world({ expand: refuse('PERMISSION_DENIED') });
    await w.grow();
    await w.grow();
    w.ask('1536Mi');
    w.deps.refusedSizes.clear();
    await w.grow();
    expect(w.claim()?.allocatedResources).toEqual({ storage: '2Gi' });
    await w.grow();
    expect(w.claim()?.allocatedResources).toEqual({ storage: '1536Mi' });
  });

  test('RSZ8: an offline driver is called only when no pod, attachment or node has the volume', async () => {
    const w = world({ expansion: 'OFFLINE' });
    w.api.seed(pods, {
      metadata: { namespace: 'ns', name: 'p' },
      spec: {
        nodeName: 'n',
        containers: [],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
      },
    });
    w.api.seed(volumeAttachments, {
      metadata: { name: 'va' },
      spec: { attacher: DRIVER, nodeName: 'n', source: { persistentVolumeName: 'pv' } },
    });
    w.api.seed(nodes, {
      metadata: { name: 'n' },
      status: { volumesInUse: [`kubernetes.io/csi/${DRIVER}^h`] },
    });
    for (const release of [
      () => w.api.drop(pods, { namespace: 'ns', name: 'p' }),
      () => w.api.drop(volumeAttachments, { name: 'va' }),
      () => w.api.drop(nodes, { name: 'n' }),
    ]) {
      expect(await w.grow()).toMatchObject({ kind: 'blocked' });
      release();
    }
    expect(w.api.writes).toEqual([]);
    await w.grow();
    await w.grow();
    expect(w.calls).toHaveLength(1);
  });

  test('RSZ8: an answer "in use" is respected until the use ends', async () => {
    const w = world({ expand: refuse('FAILED_PRECONDITION') });
    await w.grow();
    await w.grow();
    w.api.seed(volumeAttachments, {
      metadata: { name: 'va' },
      spec: { attacher: DRIVER, nodeName: 'n', source: { persistentVolumeName: 'pv' } },
    });
    expect(await w.grow()).toMatchObject({ kind: 'blocked' });
    expect(w.calls).toHaveLength(1);
  });

  test('RSZ9: a driver that grows on nodes only is not called; one that does not grow is left alone', async () => {
    const nodeOnly = world({ capabilities: [], expansion: 'ONLINE' });
    await nodeOnly.grow();
    await nodeOnly.grow();
    expect(nodeOnly.calls).toEqual([]);
    expect(nodeOnly.claim()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizePending' });
    const never = world({ capabilities: [] });
    expect(await never.grow()).toEqual({ kind: 'settled' });
    expect(never.api.writes).toEqual([]);
  });

  test('RSZ10: an answer below what was asked for changes nothing', async () => {
    const w = world({
      expand: () => Promise.resolve({ capacityBytes: String(GI), nodeExpansionRequired: false }),
    });
    await w.grow();
    expect((await w.grow()).kind).toBe('failed');
    expect(w.volume()?.spec?.capacity).toEqual({ storage: '1Gi' });
    expect(w.claim()?.capacity).toEqual({ storage: '1Gi' });
  });

  test('RSZ1: a volume that points at an older claim of the name is not grown', async () => {
    const w = world({ volume: { claimRef: { ...NAME, uid: 'older' } } });
    expect(await w.grow()).toEqual({ kind: 'settled' });
    expect(w.api.writes).toEqual([]);
  });

  test.each([
    { when: 'in another namespace', claimRef: { namespace: 'other', name: 'c', uid: 'u' } },
    { when: 'by name only', claimRef: NAME },
    { when: 'nowhere', claimRef: undefined },
  ])('RSZ1: a volume that points $when is not grown', async ({ claimRef }) => {
    const w = world({ volume: { claimRef } });
    expect(await w.grow()).toEqual({ kind: 'settled' });
    expect([w.api.writes, w.calls]).toEqual([[], []]);
  });

  test.each([
    { what: 'claim', drop: (w: ReturnType<typeof world>) => w.api.drop(persistentVolumeClaims, NAME) },
    { what: 'volume', drop: (w: ReturnType<typeof world>) => w.api.drop(persistentVolumes, { name: 'pv' }) },
  ])('RSZ1: without its $what nothing is grown', async ({ drop }) => {
    const w = world();
    drop(w);
    expect(await w.grow()).toEqual({ kind: 'settled' });
    expect([w.api.writes, w.calls]).toEqual([[], []]);
  });

  test.each([
    { volumeMode: 'Block' as const, capability: { block: {} } },
    { volumeMode: 'Filesystem' as const, capability: { mount: {} } },
  ])(
    'RSZ2: a volume of mode $volumeMode is named as such in the call',
    async ({ volumeMode, capability }) => {
      const w = world({ volume: { volumeMode } });
      await w.grow();
      await w.grow();
      expect(w.calls[0]?.request).toMatchObject({ volumeCapability: capability });
    },
  );

  test.each([
    { then: 'FAILED_PRECONDITION' as const, status: 'ControllerResizeInProgress' },
    { then: 'INVALID_ARGUMENT' as const, status: 'ControllerResizeInfeasible' },
  ])(
    'RSZ6: after a final refusal the lower size is refused with $then: $status',
    async ({ then, status }) => {
      let code: CsiError['code'] = 'PERMISSION_DENIED';
      const w = world({ expand: (request) => refuse(code)(request) });
      await w.grow();
      await w.grow();
      w.ask('1536Mi');
      code = then;
      await w.grow();
      await w.grow();
      expect(w.claim()).toMatchObject({
        allocatedResources: { storage: '1536Mi' },
        allocatedResourceStatuses: { storage: status },
      });
    },
  );

  test('RSZ8: an answer "in use" for a volume that nobody uses is asked again', async () => {
    const w = world({ expand: refuse('FAILED_PRECONDITION') });
    await w.grow();
    await w.grow();
    await w.grow();
    expect(w.calls).toHaveLength(2);
  });

  test('RSZ2: the secret that the volume names is sent, and a missing one stops the call', async () => {
    const csi = {
      driver: DRIVER,
      volumeHandle: 'h',
      controllerExpandSecretRef: { namespace: 'ns', name: 's' },
    };
    const w = world({ volume: { csi } });
    await w.grow();
    await expect(w.grow()).rejects.toThrow('secrets "ns/s"');
    w.api.seed(secrets, { metadata: { namespace: 'ns', name: 's' }, data: { key: 'dmFsdWU=' } });
    await w.grow();
    expect(w.calls.at(-1)?.request).toMatchObject({ secrets: { key: 'value' } });
  });
});

describe('modifying', () => {
  const withClass = (w: ReturnType<typeof world>, name: string, driverName = DRIVER): void => {
    w.api.seed(volumeAttributesClasses, { metadata: { name }, driverName, parameters: { speed: name } });
  };

  test('RSZ21 RSZ22 RSZ23 RSZ29: pending, intent, call, volume, claim; then nothing more is done', async () => {
    const w = world();
    w.edit({ volumeAttributesClassName: 'fast' });
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus).toEqual({
      status: 'Pending',
      targetVolumeAttributesClassName: 'fast',
    });
    expect(await w.modify()).toEqual({ kind: 'settled' });
    withClass(w, 'fast');
    await w.modify();
    expect(w.calls).toEqual([]);
    await w.modify();
    expect(w.calls[0]?.request).toMatchObject({ volumeId: 'h', mutableParameters: { speed: 'fast' } });
    expect(w.volume()?.spec?.volumeAttributesClassName).toBe('fast');
    expect(w.claim()?.currentVolumeAttributesClassName).toBe('fast');
    expect(w.claim()?.modifyVolumeStatus).toBeUndefined();
    expect(w.claim()?.conditions).toBeUndefined();
    expect(w.events).toEqual(['VolumeModifyFailed', 'VolumeModify', 'VolumeModifySuccessful']);
    expect(await w.modify()).toEqual({ kind: 'settled' });
    expect(w.api.writes).toHaveLength(4);
  });

  test.each([
    ['persistentvolumes', 'update'],
    ['persistentvolumeclaims', 'updateStatus'],
  ] as const)('RSZ23: a crash at the write to %s is replayed', async (plural, verb) => {
    const w = world();
    withClass(w, 'fast');
    w.edit({ volumeAttributesClassName: 'fast' });
    await w.modify();
    w.api.fail({ verb, plural, status: 0, reason: 'Unknown' });
    await expect(w.modify()).rejects.toThrow('Unknown');
    await w.modify();
    expect(w.claim()?.currentVolumeAttributesClassName).toBe('fast');
    expect(w.volume()?.spec?.volumeAttributesClassName).toBe('fast');
  });

  test('RSZ24 RSZ25: an infeasible class waits, and another one is tried at once', async () => {
    const w = world({ modify: refuse('INVALID_ARGUMENT') });
    withClass(w, 'fast');
    withClass(w, 'slow');
    w.edit({ volumeAttributesClassName: 'fast' });
    await w.modify();
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus?.status).toBe('Infeasible');
    expect(await w.modify()).toMatchObject({ kind: 'blocked' });
    w.edit({ volumeAttributesClassName: 'slow' });
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus).toEqual({
      status: 'InProgress',
      targetVolumeAttributesClassName: 'slow',
    });
  });

  test('RSZ26: an unknown class is asked for again though another is named; a refused one is not', async () => {
    let code: CsiError['code'] = 'DEADLINE_EXCEEDED';
    const w = world({ modify: (request) => refuse(code)(request) });
    withClass(w, 'fast');
    withClass(w, 'slow');
    w.edit({ volumeAttributesClassName: 'fast' });
    await w.modify();
    expect((await w.modify()).kind).toBe('failed');
    w.edit({ volumeAttributesClassName: 'slow' });
    code = 'FAILED_PRECONDITION';
    await w.modify();
    expect(w.calls.at(-1)?.request).toMatchObject({ mutableParameters: { speed: 'fast' } });
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus?.targetVolumeAttributesClassName).toBe('slow');
  });

  test('RSZ27 RSZ28: a class of another driver is refused without a call, and going back clears it', async () => {
    const w = world();
    withClass(w, 'foreign', 'other');
    w.edit({ volumeAttributesClassName: 'foreign' });
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus?.status).toBe('Infeasible');
    expect(w.claim()?.conditions?.[0]?.message).toContain('is for driver "other"');
    expect(await w.modify()).toEqual({ kind: 'settled' });
    w.edit({ volumeAttributesClassName: undefined });
    await w.modify();
    expect(w.claim()?.modifyVolumeStatus).toBeUndefined();
    expect(w.claim()?.conditions).toBeUndefined();
    expect(w.calls).toEqual([]);
  });

  test('RSZ20: a claim bound elsewhere is not modified', async () => {
    const w = world({ volume: { claimRef: { ...NAME, uid: 'older' } } });
    withClass(w, 'fast');
    w.edit({ volumeAttributesClassName: 'fast' });
    expect(await w.modify()).toEqual({ kind: 'settled' });
  });
});
