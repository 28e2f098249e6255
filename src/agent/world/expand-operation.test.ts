// Growing a volume on a node against objects in memory and a scripted driver.
import { expect, test } from 'vitest';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiNode } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { CsiNodeDriver } from '#volumes/csi/csi-volume.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { DriverRegistry, type RegisteredDriver } from '../plugins/driver-registry.ts';
import { DesiredWorld } from './desired-world.ts';
import { growOnNode, type GrowRequest } from './expand-operation.ts';
import { Growth } from './growth.ts';
import { volumesToGrow } from './growth-watch.ts';
import type { RecordStore } from './record-store.ts';
import type { CsiSource } from './resolved-volume.ts';

const NAME = { namespace: 'ns', name: 'c' };
const GI = 1024 ** 3;

function world(status: PersistentVolumeClaim['status'], reply?: () => Promise<object>) {
  const api = scriptedApi();
  const claim = api.seed<PersistentVolumeClaim>(persistentVolumeClaims, {
    metadata: NAME,
    spec: { volumeName: 'pv', resources: { requests: { storage: '2Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, ...status },
  });
  const { uid } = claim.metadata;
  api.seed(persistentVolumes, {
    metadata: { name: 'pv' },
    spec: { capacity: { storage: '2Gi' }, claimRef: { ...NAME, uid } },
  });
  const calls: { readonly request: unknown; readonly status: string | undefined }[] = [];
  const events: string[] = [];
  const stored = () => api.peek(persistentVolumeClaims, NAME)?.status;
  const node = {
    nodeExpandVolume: (request: unknown) => {
      calls.push({ request, status: stored()?.allocatedResourceStatuses?.storage });
      return reply === undefined ? Promise.resolve({ capacityBytes: String(2 * GI) }) : reply();
    },
  } as unknown as CsiNode;
  const driver: CsiNodeDriver = { name: 'd', node, capabilities: new Set(['EXPAND_VOLUME']) };
  const request: GrowRequest = {
    claim: { ...NAME, uid },
    persistentVolume: 'pv',
    volume: {
      handle: 'h',
      mode: 'Filesystem',
      fsType: 'ext4',
      mountFlags: [],
      accessMode: 'SINGLE_NODE_WRITER',
      readOnly: false,
      mountGroup: '',
      volumeContext: {},
      publishContext: {},
    },
    volumePath: '/target',
    stagePath: '/stage',
    secrets: {},
    grownTo: undefined,
  };
  const deps = {
    api,
    clock: virtualClock(),
    log: silentLog,
    events: { record: (_about: object, { reason }: { reason: string }) => void events.push(reason) },
  };
  const grow = (over: Partial<GrowRequest> = {}) => growOnNode(deps, driver, { ...request, ...over });
  return { api, calls, events, stored, grow, driver, uid, deps };
}

const pending = {
  allocatedResources: { storage: '2Gi' },
  allocatedResourceStatuses: { storage: 'NodeResizePending' },
  conditions: [
    { type: 'FileSystemResizePending', status: 'True' },
    { type: 'Unused', status: 'True' },
  ],
};
const refusal = (code: CsiError['code']) => () => Promise.reject(new CsiError(code, 'no'));

test('AGT60 AGT62: the step is stored, the driver called once, the capacity set and nothing is pending', async () => {
  const w = world(pending);
  expect(await w.grow()).toEqual({ kind: 'settled', size: '2Gi' });
  expect(w.calls).toHaveLength(1);
  expect(w.calls[0]).toMatchObject({
    status: 'NodeResizeInProgress',
    request: {
      volumePath: '/target',
      stagingTargetPath: '/stage',
      capacityRange: { requiredBytes: String(2 * GI) },
    },
  });
  expect(w.stored()).toEqual({
    phase: 'Bound',
    capacity: { storage: '2Gi' },
    allocatedResources: { storage: '2Gi' },
    conditions: [{ type: 'Unused', status: 'True' }],
  });
  expect(w.events).toEqual(['FileSystemResizeSuccessful']);
  expect(await w.grow({ grownTo: '2Gi' })).toEqual({ kind: 'settled', size: '2Gi' });
  expect(w.calls).toHaveLength(1);
});

test('AGT62: a growth that was interrupted is taken up without a second intent', async () => {
  const w = world({ ...pending, allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } });
  await w.grow();
  expect(w.api.writes.map(({ verb }) => verb)).toEqual(['updateStatus']);
});

test('AGT62: an answer below the size sets no capacity, one without a size does', async () => {
  const less = world(pending, () => Promise.resolve({ capacityBytes: String(GI) }));
  await expect(less.grow()).rejects.toThrow('were asked for');
  expect(less.stored()?.capacity).toEqual({ storage: '1Gi' });
  const unsaid = world(pending, () => Promise.resolve({ capacityBytes: '0' }));
  await unsaid.grow();
  expect(unsaid.stored()?.capacity).toEqual({ storage: '2Gi' });
});

test.each(['DEADLINE_EXCEEDED', 'UNAVAILABLE'] as const)(
  'AGT62: after %s the outcome is unknown: nothing more is written and it is called again',
  async (code) => {
    const w = world(pending, refusal(code));
    await expect(w.grow()).rejects.toThrow('no');
    expect(w.stored()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInProgress' });
    await expect(w.grow()).rejects.toThrow('no');
    expect(w.calls).toHaveLength(2);
  },
);

test.each(['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND'] as const)(
  'AGT63: %s is infeasible and not called again',
  async (code) => {
    const w = world(pending, refusal(code));
    expect(await w.grow()).toEqual({ kind: 'infeasible' });
    expect(w.stored()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInfeasible' });
    expect(w.stored()?.conditions?.map(({ type }) => type)).toContain('NodeResizeError');
    expect(await w.grow()).toEqual({ kind: 'settled', size: undefined });
    expect(w.calls).toHaveLength(1);
  },
);

test('AGT63: a failure that ends the attempt is told and tried again; with another request it is infeasible', async () => {
  const w = world(pending, refusal('INTERNAL'));
  await expect(w.grow()).rejects.toThrow('no');
  expect(w.stored()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInProgress' });
  expect(w.stored()?.conditions?.map(({ type }) => type)).toContain('NodeResizeError');
  await expect(w.grow()).rejects.toThrow('no');
  const now = w.api.peek(persistentVolumeClaims, NAME);
  if (now === undefined) throw new Error('the claim is gone');
  w.api.seed(persistentVolumeClaims, {
    ...now,
    spec: { ...now.spec, resources: { requests: { storage: '1536Mi' } } },
  });
  expect(await w.grow()).toEqual({ kind: 'infeasible' });
  expect(w.stored()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInfeasible' });
});

test('AGT63: FAILED_PRECONDITION keeps the status, says why, and is not wanted again before unstage', async () => {
  const w = world(pending, refusal('FAILED_PRECONDITION'));
  expect(await w.grow()).toEqual({ kind: 'refused' });
  expect(w.stored()?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInProgress' });
  const growth = new Growth();
  growth.refuse('v');
  growth.want('v');
  expect(growth.isWanted('v')).toBe(false);
  growth.forget('v');
  growth.want('v');
  expect(growth.isWanted('v')).toBe(true);
});

test.each([
  ['infeasible', { allocatedResourceStatuses: { storage: 'NodeResizeInfeasible' } }],
  ['still the controller’s', { allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' } }],
  ['not asked for', {}],
  ['done', { capacity: { storage: '2Gi' } }],
])('AGT64: a growth that is %s is left alone', async (_what, status) => {
  const w = world(status);
  await w.grow();
  expect(w.calls).toEqual([]);
  expect(w.api.writes).toEqual([]);
});

test('AGT64: a claim made anew under the name is not grown', async () => {
  const w = world(pending);
  expect(await w.grow({ claim: { ...NAME, uid: 'older' } })).toEqual({ kind: 'settled', size: undefined });
  expect(w.calls).toEqual([]);
});

test('AGT65: a volume that another node has grown is grown here, and nothing is written', async () => {
  const w = world({ capacity: { storage: '2Gi' } });
  expect(await w.grow({ grownTo: '1Gi' })).toEqual({ kind: 'settled', size: '2Gi' });
  expect(w.calls).toHaveLength(1);
  expect(w.api.writes).toEqual([]);
});

test('AGT61: of the published volumes those whose claim waits for the node are found', async () => {
  const w = world(pending);
  const desired = new DesiredWorld();
  const source = {
    driver: 'd',
    handle: 'h',
    readOnly: false,
    claim: { ...NAME, uid: w.uid, capacity: '1Gi', isToGrow: false },
  } as unknown as CsiSource;
  desired.want('p', [
    {
      key: 'p/csi/pv',
      pod: { uid: 'p', name: 'p', namespace: 'ns', serviceAccountName: '' },
      volumeName: 'v',
      type: 'csi',
      target: '/target',
      source: { ...source, type: 'csi' },
      group: undefined,
      version: '',
    },
  ]);
  const drivers = new DriverRegistry();
  let phase = 'starting';
  const records = { publish: () => ({ phase }) } as unknown as RecordStore;
  const look = (growth = new Growth()) =>
    volumesToGrow({ api: w.api, log: silentLog, desired, drivers, records }, growth);
  expect(await look()).toEqual([]);
  await drivers.put(w.driver as unknown as RegisteredDriver);
  expect(await look()).toEqual([]);
  phase = 'done';
  expect(await look()).toEqual(['kubernetes.io/csi/d^h']);
  const refused = new Growth();
  refused.refuse('kubernetes.io/csi/d^h');
  expect(await look(refused)).toEqual([]);
  w.api.fail({ verb: 'get', plural: 'persistentvolumeclaims', status: 500, reason: 'InternalError' });
  expect(await look()).toEqual([]);
});
