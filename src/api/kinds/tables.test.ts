// Deletion grace, selectable fields and the rows of kubectl's tables.
import { describe, expect, test } from 'vitest';
import { tableOf } from '../table.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { ageOf } from './age.ts';
import { kindOf, servedKinds } from './index.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const metadata = { name: 'x', namespace: 'default', creationTimestamp: '2026-01-01T00:55:00Z' };
const deleted = { ...metadata, deletionTimestamp: '2026-01-01T00:59:00Z' };

test.each([
  {
    when: 'nothing is asked',
    requested: undefined,
    object: { spec: { nodeName: 'n', terminationGracePeriodSeconds: 7 } },
    grace: 7,
  },
  {
    when: '3 s are asked',
    requested: 3,
    object: { spec: { nodeName: 'n', terminationGracePeriodSeconds: 7 } },
    grace: 3,
  },
  { when: 'it has no node', requested: 3, object: { spec: {} }, grace: 0 },
  {
    when: 'it has ended',
    requested: 3,
    object: { spec: { nodeName: 'n' }, status: { phase: 'Failed' } },
    grace: 0,
  },
  {
    when: 'it is deleted again with more',
    requested: 30,
    object: { metadata: { ...deleted, deletionGracePeriodSeconds: 5 } },
    grace: 5,
  },
  {
    when: 'it is deleted again with less',
    requested: 0,
    object: { metadata: { ...deleted, deletionGracePeriodSeconds: 5 } },
    grace: 0,
  },
])('KND29: gives a pod $grace s when $when', ({ requested, object, grace }) => {
  expect(kindOf('Pod').deletionGraceSeconds?.(object, requested)).toBe(grace);
});

test.each(servedKinds)('KND30: $typeName has just the selectable fields it names', (kind) => {
  expect(Object.keys(kind.selectableFields({})).sort()).toEqual([...kind.selectableFieldNames].sort());
});

test('KND30: a pod is found by node and phase', () => {
  const fields = kindOf('Pod').selectableFields({ spec: { nodeName: 'n' }, status: { phase: 'Running' } });
  expect(fields).toMatchObject({
    'spec.nodeName': 'n',
    'status.phase': 'Running',
    'spec.hostNetwork': 'false',
  });
});

const waiting = (reason: string): JsonObject => ({ name: 'app', state: { waiting: { reason } } });
const ended = (reason: string, exitCode = 0): JsonObject => ({
  name: 'app',
  state: { terminated: { reason, exitCode } },
});
const running: JsonObject = { name: 'app', ready: true, state: { running: {} } };
const initSpec = { containers: [{ name: 'app' }], initContainers: [{ name: 'i' }, { name: 'j' }] };

interface StatusRow {
  readonly shown: string;
  readonly ready?: string;
  readonly meta?: JsonObject;
  readonly spec?: JsonObject;
  readonly status: JsonObject;
}

const statuses: readonly StatusRow[] = [
  { shown: 'Pending', ready: '0/1', status: { phase: 'Pending' } },
  {
    shown: 'ContainerCreating',
    status: { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] },
  },
  {
    shown: 'CrashLoopBackOff',
    status: { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] },
  },
  { shown: 'Running', ready: '1/1', status: { phase: 'Running', containerStatuses: [running] } },
  { shown: 'Completed', status: { phase: 'Succeeded', containerStatuses: [ended('Completed')] } },
  { shown: 'Error', status: { phase: 'Failed', containerStatuses: [ended('Error', 1)] } },
  { shown: 'ExitCode:3', status: { phase: 'Failed', containerStatuses: [ended('', 3)] } },
  {
    shown: 'NotReady',
    ready: '1/2',
    spec: { containers: [{ name: 'a' }, { name: 'b' }] },
    status: { phase: 'Running', containerStatuses: [ended('Completed'), running] },
  },
  {
    shown: 'Init:1/2',
    spec: initSpec,
    status: { phase: 'Pending', initContainerStatuses: [ended('Completed'), waiting('PodInitializing')] },
  },
  {
    shown: 'Init:Error',
    spec: initSpec,
    status: { phase: 'Pending', initContainerStatuses: [ended('Error', 1)] },
  },
  {
    shown: 'Init:CrashLoopBackOff',
    spec: initSpec,
    status: { phase: 'Pending', initContainerStatuses: [waiting('CrashLoopBackOff')] },
  },
  { shown: 'Terminating', meta: deleted, status: { phase: 'Running', containerStatuses: [running] } },
  { shown: 'Evicted', status: { phase: 'Failed', reason: 'Evicted' } },
  {
    shown: 'SchedulingGated',
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', reason: 'SchedulingGated' }] },
  },
];

test.each(statuses)('KND31: shows $shown', ({ shown, ready, meta, spec, status }) => {
  const object = { metadata: meta ?? metadata, spec: spec ?? { containers: [{ name: 'app' }] }, status };
  const row = kindOf('Pod').row(object, now);
  expect(row[1]).toBe(shown);
  if (ready !== undefined) expect(row[0]).toBe(ready);
});

test('KND31: restarts say when the last one was', () => {
  const status = {
    ...running,
    restartCount: 2,
    lastState: { terminated: { finishedAt: '2026-01-01T00:59:30Z' } },
  };
  const object = {
    metadata,
    spec: { containers: [{ name: 'app' }] },
    status: { containerStatuses: [status] },
  };
  expect(kindOf('Pod').row(object, now)[2]).toBe('2 (30s ago)');
});

test.each(servedKinds)('KND32: $typeName has a cell for each column', (kind) => {
  expect(kind.row({ metadata }, now)).toHaveLength(kind.columns.length);
});

const cells: readonly { kind: string; object: JsonObject; row: readonly JsonValue[] }[] = [
  {
    kind: 'PersistentVolumeClaim',
    object: {
      spec: { volumeName: 'pv-1', storageClassName: 'fast', volumeMode: 'Filesystem' },
      status: {
        phase: 'Bound',
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
      },
    },
    row: ['Bound', 'pv-1', '1Gi', 'RWO,RWX', 'fast', '<unset>', '5m', 'Filesystem'],
  },
  {
    kind: 'PersistentVolume',
    object: {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOncePod'],
        persistentVolumeReclaimPolicy: 'Delete',
        claimRef: { namespace: 'default', name: 'data' },
        storageClassName: 'fast',
      },
      status: { phase: 'Bound' },
    },
    row: ['1Gi', 'RWOP', 'Delete', 'Bound', 'default/data', 'fast', '<unset>', '', '5m', '<unset>'],
  },
  {
    kind: 'Node',
    object: {
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1.36.0' },
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      },
    },
    row: [
      'Ready,SchedulingDisabled',
      '<none>',
      '5m',
      'v1.36.0',
      '10.0.0.1',
      '<none>',
      '<unknown>',
      '<unknown>',
      '<unknown>',
    ],
  },
  {
    kind: 'Event',
    object: {
      lastTimestamp: '2026-01-01T00:59:00Z',
      firstTimestamp: '2026-01-01T00:50:00Z',
      type: 'Normal',
      reason: 'Bound',
      message: 'ok\n',
      count: 3,
      involvedObject: { kind: 'Pod', name: 'p' },
      source: { component: 'binder' },
    },
    row: ['60s', 'Normal', 'Bound', 'pod/p', '', 'binder', 'ok', '10m', 3],
  },
  { kind: 'Secret', object: { type: 'Opaque', data: { a: '' } }, row: ['Opaque', 1, '5m'] },
  { kind: 'ConfigMap', object: { data: { a: '' }, binaryData: { b: '' } }, row: [2, '5m'] },
];

test.each(cells)('KND32: prints a $kind', ({ kind, object, row }) => {
  expect(kindOf(kind).row({ ...object, metadata }, now)).toEqual(row);
});

test('KND32: a default class says so beside its name', () => {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const kind = kindOf('StorageClass');
  expect(kind.nameCell?.({ metadata: { name: 'fast', annotations } })).toBe('fast (default)');
  expect(kind.nameCell?.({ metadata: { name: 'fast' } })).toBe('fast');
});

test.each([
  { seconds: -5, shown: '<invalid>' },
  { seconds: 119, shown: '119s' },
  { seconds: 120, shown: '2m' },
  { seconds: 125, shown: '2m5s' },
  { seconds: 3600, shown: '60m' },
  { seconds: 4 * 3600 + 60, shown: '4h1m' },
  { seconds: 30 * 3600, shown: '30h' },
  { seconds: 3 * 86_400 + 7200, shown: '3d2h' },
  { seconds: 400 * 86_400, shown: '400d' },
  { seconds: 800 * 86_400, shown: '2y70d' },
])('KND33: prints $seconds s as $shown', ({ seconds, shown }) => {
  expect(ageOf({ metadata }, Date.parse(metadata.creationTimestamp) + seconds * 1000)).toBe(shown);
});

describe('whole tables', () => {
  const options = { include: 'None', now, metadata: {} } as const;
  const namesOf = (table: JsonObject) =>
    (table.columnDefinitions as unknown as { name: string; priority: number }[]).map((c) => [
      c.name,
      c.priority,
    ]);

  test('API38: a kind that names its cell itself is shown under that name', () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const table = tableOf(kindOf('StorageClass'), [{ metadata: { name: 'fast', annotations } }], options);
    expect(table.rows).toMatchObject([{ cells: expect.arrayContaining(['fast (default)']) }]);
  });

  test('API38: Events show their name last and only when wide', () => {
    const table = tableOf(kindOf('Event'), [{ metadata: { name: 'e.1' } }], options);
    expect(namesOf(table).at(0)?.[0]).toBe('Last Seen');
    expect(namesOf(table).at(-1)).toEqual(['Name', 1]);
    const [row] = table.rows as unknown as { cells: unknown[] }[];
    expect(row?.cells.at(-1)).toBe('e.1');
  });
});
