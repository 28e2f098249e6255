// The kinds around claims: capacities, attribute classes, quotas, limits, priorities, and the data sources of claims.
import { expect, test } from 'vitest';
import { fieldErrorText } from '../field-errors.ts';
import type { JsonObject } from '../json.ts';
import { kindOf } from './index.ts';

const causes = (kind: string, object: JsonObject): readonly string[] =>
  kindOf(kind).validateCreate(kindOf(kind).defaults(object)).map(fieldErrorText);
const updateCauses = (kind: string, object: JsonObject, old: JsonObject): readonly string[] =>
  kindOf(kind).validateUpdate(object, old).map(fieldErrorText);
const has = (text: string): unknown => expect.stringContaining(text);

test('KND37: a capacity needs a class name and sizes that are not negative; its class and segment are fixed', () => {
  const good = {
    storageClassName: 'fast',
    capacity: '1Gi',
    maximumVolumeSize: '0',
    nodeTopology: { matchLabels: { z: 'a' } },
  };
  expect(causes('CSIStorageCapacity', good)).toEqual([]);
  expect(causes('CSIStorageCapacity', { ...good, storageClassName: '' })).toEqual([
    has('storageClassName: Invalid value: ""'),
  ]);
  expect(causes('CSIStorageCapacity', { ...good, capacity: '-1' })).toEqual([has('capacity: Invalid value')]);
  expect(updateCauses('CSIStorageCapacity', { ...good, capacity: '2Gi' }, good)).toEqual([]);
  const moved = { ...good, storageClassName: 'slow', nodeTopology: {} };
  expect(updateCauses('CSIStorageCapacity', moved, good)).toEqual([
    has('nodeTopology: Invalid value'),
    'storageClassName: Invalid value: "slow": field is immutable',
  ]);
});

test('KND38: an attributes class has a driver and parameters and never changes', () => {
  const good = { driverName: 'disk.holdfast.dev', parameters: { iops: '1' } };
  expect(causes('VolumeAttributesClass', good)).toEqual([]);
  expect(causes('VolumeAttributesClass', { driverName: '' })).toEqual([
    'driverName: Required value',
    'parameters: Required value: must contain at least one key/value pair',
  ]);
  expect(
    updateCauses('VolumeAttributesClass', { driverName: 'other', parameters: { iops: '2' } }, good),
  ).toEqual([
    'driverName: Forbidden: updates to driverName are forbidden.',
    'parameters: Forbidden: updates to parameters are forbidden.',
  ]);
});

const quota = (spec: JsonObject): JsonObject => ({ spec });
const scope = (scopeName: string, operator: string, values: readonly string[] = []): JsonObject => ({
  hard: { 'requests.storage': '1Gi' },
  scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values.length > 0 && { values }) }] },
});

test.each<[string, JsonObject, string]>([
  [
    'an unknown resource',
    { hard: { storage: '1' } },
    'spec.hard[storage]: Invalid value: "1": must be a standard resource for quota',
  ],
  [
    'a negative limit',
    { hard: { pods: '-1' } },
    'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    'half an object',
    { hard: { 'count/pods': '1500m' } },
    'spec.hard[count/pods]: Invalid value: "1500m": must be an integer',
  ],
  [
    'an unknown scope',
    { hard: { pods: '1' }, scopes: ['Some'] },
    'spec.scopes: Invalid value: ["Some"]: unsupported scope',
  ],
  [
    'a scope of pods for claims',
    { hard: { persistentvolumeclaims: '1' }, scopes: ['BestEffort'] },
    'unsupported scope applied to resource',
  ],
  [
    'scopes that exclude each other',
    { hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort'] },
    'conflicting scopes',
  ],
  [
    'a selector without values',
    scope('VolumeAttributesClass', 'In'),
    'must be at least one value when `operator`',
  ],
  [
    'a selector with too many',
    scope('VolumeAttributesClass', 'Exists', ['a']),
    'must be no value when `operator`',
  ],
  ['an operator that is none', scope('VolumeAttributesClass', 'Like'), 'not a valid selector operator'],
])('KND39: a quota with %s is refused', (_, spec, text) => {
  expect(causes('ResourceQuota', quota(spec)).join('; ')).toContain(text);
});

test('KND39: what quotas are for is accepted', () => {
  const hard = {
    pods: '5',
    persistentvolumeclaims: '5',
    'requests.storage': '10Gi',
    'fast.storageclass.storage.k8s.io/requests.storage': '1Gi',
    'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '2',
    'count/volumesnapshots.snapshot.storage.k8s.io': '3',
  };
  expect(causes('ResourceQuota', quota({ hard }))).toEqual([]);
  expect(causes('ResourceQuota', quota(scope('VolumeAttributesClass', 'In', ['gold'])))).toEqual([]);
});

test('KND39: scopes are fixed, limits are not', () => {
  const old = quota({ hard: { pods: '1' }, scopes: ['BestEffort'] });
  expect(updateCauses('ResourceQuota', quota({ hard: { pods: '2' }, scopes: ['BestEffort'] }), old)).toEqual(
    [],
  );
  expect(updateCauses('ResourceQuota', quota({ hard: { pods: '1' } }), old)).toEqual([
    has('spec.scopes: Invalid value'),
  ]);
});

test('KND39: the row shows what is used of each limit', () => {
  const status = { hard: { pods: '5', 'limits.cpu': '2' }, used: { pods: '1' } };
  expect(kindOf('ResourceQuota').row({ status }, 0)).toEqual(['pods: 1/5', 'limits.cpu: 0/2', '<unknown>']);
});

const limit = (one: JsonObject, ...more: JsonObject[]): JsonObject => ({ spec: { limits: [one, ...more] } });
const CLAIM = 'PersistentVolumeClaim';

test.each<[string, JsonObject, string]>([
  ['an unknown type', limit({ type: 'Node' }), 'must be a standard limit type or fully qualified'],
  ['a type twice', limit({ type: 'Pod' }, { type: 'Pod' }), 'spec.limits[1].type: Duplicate value: "Pod"'],
  ['no size for claims', limit({ type: CLAIM }), 'either minimum or maximum storage value is required'],
  [
    'min above max',
    limit({ type: CLAIM, min: { storage: '2Gi' }, max: { storage: '1Gi' } }),
    'min value 2Gi is greater than max value 1Gi',
  ],
  [
    'a default for pods',
    limit({ type: 'Pod', default: { cpu: '1' } }),
    "may not be specified when `type` is 'Pod'",
  ],
  [
    'a default above max',
    limit({ type: 'Container', default: { cpu: '2' }, max: { cpu: '1' } }),
    'default value 2 is greater than max value 1',
  ],
])('KND40: a limit range with %s is refused', (_, object, text) => {
  expect(causes('LimitRange', object).join('; ')).toContain(text);
  expect(causes('LimitRange', limit({ type: CLAIM, max: { storage: '1Gi' } }))).toEqual([]);
});

test.each<[string, JsonObject, unknown[]]>([
  ['of a user', { metadata: { name: 'high' }, value: 1_000_000_000 }, []],
  [
    'above a billion',
    { metadata: { name: 'high' }, value: 1_000_000_001 },
    [has('value: Forbidden: maximum allowed')],
  ],
  [
    'with a reserved name',
    { metadata: { name: 'system-x' }, value: 1 },
    [has('system-x is not a known system')],
  ],
  ['of the system', { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 }, []],
  [
    'with a wrong policy',
    { metadata: { name: 'x' }, value: 1, preemptionPolicy: 'Some' },
    [has('preemptionPolicy: Unsupported value')],
  ],
])('KND41: a priority class %s', (_, object, found) => {
  expect(causes('PriorityClass', object)).toEqual(found);
});

test('KND41: value and policy of a priority class are fixed', () => {
  const old = { metadata: { name: 'x' }, value: 1, preemptionPolicy: 'Never' };
  expect(updateCauses('PriorityClass', { ...old, description: 'new' }, old)).toEqual([]);
  expect(
    updateCauses('PriorityClass', { ...old, value: 2, preemptionPolicy: 'PreemptLowerPriority' }, old),
  ).toEqual(['value: Forbidden: may not be changed in an update.', has('preemptionPolicy: Invalid value')]);
});

const claim = (spec: JsonObject): JsonObject => ({
  metadata: { name: 'c' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };
const other = { apiGroup: 'example.com', kind: 'Image', name: 'i' };

test.each<[string, JsonObject, JsonObject]>([
  ['the old form fills the new', { dataSource: snapshot }, { dataSource: snapshot, dataSourceRef: snapshot }],
  ['the new form fills the old', { dataSourceRef: other }, { dataSource: other, dataSourceRef: other }],
  ['another kind in the old form is dropped', { dataSource: other }, {}],
  [
    'another namespace stays in the new form',
    { dataSourceRef: { ...snapshot, namespace: 'x' } },
    { dataSourceRef: { ...snapshot, namespace: 'x' } },
  ],
])('KND42: of data sources %s', (_, given, expected) => {
  const { dataSource, dataSourceRef } = kindOf(CLAIM).prepareForCreate(claim(given)).spec as JsonObject;
  expect({
    ...(dataSource !== undefined && { dataSource }),
    ...(dataSourceRef !== undefined && { dataSourceRef }),
  }).toEqual(expected);
});

test('KND42: a source in another namespace stands alone', () => {
  const both = claim({ dataSource: snapshot, dataSourceRef: { ...snapshot, namespace: 'x' } });
  expect(causes(CLAIM, both)).toEqual([has('spec.dataSource: Invalid value')]);
  expect(causes(CLAIM, claim({ dataSource: snapshot, dataSourceRef: other }))).toEqual([
    has('must match dataSourceRef'),
  ]);
});

test('KND43: the claim of an ephemeral volume has a possible name, and only labels and annotations', () => {
  const pod = (name: string, metadata: JsonObject): JsonObject => ({
    metadata: { name },
    spec: {
      containers: [{ name: 'a', image: 'b' }],
      volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { ...claim({}), metadata } } }],
    },
  });
  expect(causes('Pod', pod('p', { labels: { a: 'b' } }))).toEqual([]);
  expect(causes('Pod', pod('p', { name: 'x' }))).toEqual([
    'spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set for an ephemeral volume',
  ]);
  expect(causes('Pod', pod('p'.repeat(250), {}))).toEqual([
    has('spec.volumes[0].name: Invalid value: "scratch": PVC name'),
  ]);
});

const budget = (spec: JsonObject): JsonObject => ({ spec });

test.each<[string, JsonObject, readonly string[]]>([
  ['numbers', { minAvailable: 0, selector: {} }, []],
  ['a percentage', { maxUnavailable: '100%', unhealthyPodEvictionPolicy: 'AlwaysAllow' }, []],
  ['nothing', {}, []],
  [
    'both',
    { minAvailable: 1, maxUnavailable: 1 },
    [has('minAvailable and maxUnavailable cannot be both set') as string],
  ],
  [
    'a negative number',
    { minAvailable: -1 },
    ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'too much',
    { maxUnavailable: '101%' },
    ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  ],
  [
    'some text',
    { maxUnavailable: '5' },
    [
      `spec.maxUnavailable: Invalid value: "5": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
  ],
  [
    'an unknown policy',
    { unhealthyPodEvictionPolicy: 'Never' },
    [
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  ],
  [
    'a selector without values',
    { selector: { matchExpressions: [{ key: 'app', operator: 'In' }] } },
    [has('spec.selector.matchExpressions[0].values: Required value')] as string[],
  ],
  [
    'a selector with what is no label value',
    { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['-'] }] } },
    [has('spec.selector.matchExpressions[0].values[0]: Invalid value: "-"')] as string[],
  ],
])('KND44: a disruption budget with %s', (_, spec, expected) => {
  expect(causes('PodDisruptionBudget', budget(spec))).toEqual(expected);
  expect(updateCauses('PodDisruptionBudget', budget(spec), budget({ minAvailable: 3 }))).toEqual(expected);
});

test('KND44: the generation of a disruption budget rises with its spec, and its status is written apart', () => {
  const kind = kindOf('PodDisruptionBudget');
  const made = kind.prepareForCreate({
    metadata: {},
    spec: { minAvailable: 1 },
    status: { expectedPods: 1 },
  });
  expect(made).toEqual({ metadata: { generation: 1 }, spec: { minAvailable: 1 } });
  const same = kind.prepareForUpdate({ ...made, status: { expectedPods: 2 } }, made);
  expect(same).toEqual(made);
  const changed = kind.prepareForUpdate({ ...made, spec: { maxUnavailable: '50%' } }, made);
  expect(changed['metadata']).toEqual({ generation: 2 });
  const status = { disruptionsAllowed: -1 };
  expect(kind.validateStatusUpdate({ ...made, status }, made).map(fieldErrorText)).toEqual([
    'status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0',
  ]);
});

test('KND32: the cells of a disruption budget', () => {
  const { row } = kindOf('PodDisruptionBudget');
  const creationTimestamp = '2026-01-01T00:00:00Z';
  const now = Date.parse('2026-01-01T00:05:00Z');
  const object = {
    metadata: { creationTimestamp },
    spec: { minAvailable: 2 },
    status: { disruptionsAllowed: 1 },
  };
  expect(row(object, now)).toEqual(['2', 'N/A', 1, '5m']);
  expect(row({ ...object, spec: { maxUnavailable: '25%' } }, now).slice(0, 2)).toEqual(['N/A', '25%']);
});
