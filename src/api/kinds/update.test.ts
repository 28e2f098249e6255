// What may change of a stored object: rows of two objects and the causes the change gives.
import { expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { fieldErrorText } from '../field-errors.ts';
import { kindOf } from './index.ts';

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly kind: string;
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly problems: readonly string[];
}

const claim = (spec: JsonObject, status: JsonObject = {}): JsonObject => ({
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '2Gi' } },
    storageClassName: 'fast',
    ...spec,
  },
  status: { phase: 'Pending', ...status },
});
const bound = (storage: string, capacity = '2Gi'): JsonObject =>
  claim(
    { volumeName: 'pv', resources: { requests: { storage } } },
    { phase: 'Bound', capacity: { storage: capacity } },
  );
const withAttributes = (status: JsonObject): JsonObject =>
  claim(
    {
      volumeName: 'pv',
      volumeAttributesClassName: 'fast',
      resources: { requests: { storage: '2Gi' } },
    },
    status,
  );
const volume = (spec: JsonObject): JsonObject => ({
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    csi: { driver: 'd', volumeHandle: 'h' },
    ...spec,
  },
});
const affinity = (value: string): JsonObject => ({
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: [value] }] }] },
});
const storageClass = (rest: JsonObject): JsonObject => ({
  provisioner: 'a.b',
  parameters: { x: '1' },
  ...rest,
});
const attachment = (node: string): JsonObject => ({
  spec: { attacher: 'd', nodeName: node, source: { persistentVolumeName: 'pv' } },
});
const csiNode = (driver: JsonObject): JsonObject => ({
  spec: { drivers: [{ name: 'd', nodeID: 'n', ...driver }] },
});
const pod = (spec: JsonObject, image = 'busybox'): JsonObject => ({
  spec: { containers: [{ name: 'app', image, imagePullPolicy: 'Always' }], ...spec },
});
const gate = { name: 'wait' };

const rows: readonly Row[] = [
  {
    rule: 'KND21',
    when: 'the binder names the volume',
    kind: 'PersistentVolumeClaim',
    before: claim({}),
    after: claim({ volumeName: 'pv' }),
    problems: [],
  },
  {
    rule: 'KND21',
    when: 'the volume is named anew',
    kind: 'PersistentVolumeClaim',
    before: claim({ volumeName: 'pv' }),
    after: claim({ volumeName: 'other' }),
    problems: [
      'spec: Forbidden: spec is immutable after creation except resources.requests and ' +
        'volumeAttributesClassName for bound claims\n-volumeName: "pv"\n+volumeName: "other"',
    ],
  },
  {
    rule: 'KND21',
    when: 'a class is filled in',
    kind: 'PersistentVolumeClaim',
    before: claim({ storageClassName: undefined }),
    after: claim({}),
    problems: [],
  },
  {
    rule: 'KND21',
    when: 'the class changes',
    kind: 'PersistentVolumeClaim',
    before: claim({}),
    after: claim({ storageClassName: 'slow' }),
    problems: ['spec: Forbidden: spec is immutable'],
  },
  {
    rule: 'KND21',
    when: 'an unbound claim grows',
    kind: 'PersistentVolumeClaim',
    before: claim({}),
    after: claim({ resources: { requests: { storage: '3Gi' } } }),
    problems: ['spec: Forbidden: spec is immutable'],
  },
  {
    rule: 'KND21',
    when: 'a bound claim grows',
    kind: 'PersistentVolumeClaim',
    before: bound('2Gi'),
    after: bound('3Gi'),
    problems: [],
  },
  {
    rule: 'KND22',
    when: 'a bound claim shrinks',
    kind: 'PersistentVolumeClaim',
    before: bound('2Gi'),
    after: bound('1Gi'),
    problems: ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
  },
  {
    rule: 'KND21',
    when: 'an attributes class that never took effect is given up',
    kind: 'PersistentVolumeClaim',
    before: withAttributes({ phase: 'Bound', capacity: { storage: '2Gi' } }),
    after: bound('2Gi'),
    problems: [],
  },
  {
    rule: 'KND21',
    when: 'an attributes class that is in effect is taken away',
    kind: 'PersistentVolumeClaim',
    before: withAttributes({
      phase: 'Bound',
      capacity: { storage: '2Gi' },
      currentVolumeAttributesClassName: 'fast',
    }),
    after: bound('2Gi'),
    problems: [
      'spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil',
    ],
  },
  {
    rule: 'KND22',
    when: 'a pending expansion is reduced',
    kind: 'PersistentVolumeClaim',
    before: bound('9Gi'),
    after: bound('3Gi'),
    problems: [],
  },
  {
    rule: 'KND22',
    when: 'a pending expansion is reduced to the capacity',
    kind: 'PersistentVolumeClaim',
    before: bound('9Gi'),
    after: bound('2Gi'),
    problems: ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
  },
  {
    rule: 'KND23',
    when: 'claimRef, policy and capacity change',
    kind: 'PersistentVolume',
    before: volume({}),
    after: volume({
      claimRef: { name: 'c', namespace: 'n' },
      persistentVolumeReclaimPolicy: 'Delete',
      capacity: { storage: '2Gi' },
    }),
    problems: [],
  },
  {
    rule: 'KND23',
    when: 'the source and the mode change',
    kind: 'PersistentVolume',
    before: volume({}),
    after: volume({ csi: { driver: 'd', volumeHandle: 'other' }, volumeMode: 'Block' }),
    problems: [
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      'spec.volumeMode: Invalid value: "Block": field is immutable',
    ],
  },
  {
    rule: 'KND23',
    when: 'an expansion secret is added',
    kind: 'PersistentVolume',
    before: volume({}),
    after: volume({
      csi: { driver: 'd', volumeHandle: 'h', controllerExpandSecretRef: { name: 's', namespace: 'n' } },
    }),
    problems: [],
  },
  {
    rule: 'KND23',
    when: 'node affinity is set',
    kind: 'PersistentVolume',
    before: volume({}),
    after: volume({ nodeAffinity: affinity('a') }),
    problems: [],
  },
  {
    rule: 'KND23',
    when: 'node affinity changes',
    kind: 'PersistentVolume',
    before: volume({ nodeAffinity: affinity('a') }),
    after: volume({ nodeAffinity: affinity('b') }),
    problems: ['spec.nodeAffinity: Invalid value'],
  },
  {
    rule: 'KND24',
    when: 'everything of a class changes',
    kind: 'StorageClass',
    before: storageClass({}),
    after: storageClass({
      provisioner: 'c.d',
      parameters: {},
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
      mountOptions: ['ro'],
    }),
    problems: [
      'parameters: Forbidden: updates to parameters are forbidden.',
      'provisioner: Forbidden: updates to provisioner are forbidden.',
      'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ],
  },
  {
    rule: 'KND25',
    when: 'an attachment changes its node',
    kind: 'VolumeAttachment',
    before: attachment('a'),
    after: attachment('b'),
    problems: ['field is immutable'],
  },
  {
    rule: 'KND25',
    when: 'a driver of a CSINode changes its limit',
    kind: 'CSINode',
    before: csiNode({}),
    after: csiNode({ allocatable: { count: 3 } }),
    problems: [],
  },
  {
    rule: 'KND25',
    when: 'a driver of a CSINode changes its node ID',
    kind: 'CSINode',
    before: csiNode({}),
    after: csiNode({ nodeID: 'm' }),
    problems: ['CSINodeDriver: Invalid value'],
  },
  {
    rule: 'KND25',
    when: 'a CSIDriver changes attach and pod info',
    kind: 'CSIDriver',
    before: { spec: {} },
    after: { spec: { attachRequired: false, podInfoOnMount: true } },
    problems: ['spec.attachedRequired: Invalid value: false: field is immutable'],
  },
  ...['ConfigMap', 'Secret'].map((kind) => ({
    rule: 'KND26',
    when: `an immutable ${kind} changes`,
    kind,
    before: { immutable: true, data: { a: 'QQ==' } },
    after: { immutable: false, data: { a: 'Qg==' } },
    problems: [
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ],
  })),
  {
    rule: 'KND26',
    when: 'a Secret changes its type',
    kind: 'Secret',
    before: {},
    after: { type: 'mine/own' },
    problems: ['type: Invalid value: "mine/own": field is immutable'],
  },
  {
    rule: 'KND27',
    when: 'an image changes, a toleration is added, a gate removed',
    kind: 'Pod',
    before: pod({ schedulingGates: [gate] }),
    after: pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }, 'other'),
    problems: [],
  },
  {
    rule: 'KND27',
    when: 'the node is set by an update',
    kind: 'Pod',
    before: pod({}),
    after: pod({ nodeName: 'n' }),
    problems: ['spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`'],
  },
  {
    rule: 'KND27',
    when: 'a toleration is taken away and a gate added',
    kind: 'Pod',
    before: pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
    after: pod({ schedulingGates: [gate] }),
    problems: [
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
      "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'wait'",
    ],
  },
  {
    rule: 'KND27',
    when: 'the deadline is extended',
    kind: 'Pod',
    before: pod({ activeDeadlineSeconds: 5 }),
    after: pod({ activeDeadlineSeconds: 6 }),
    problems: ['spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value'],
  },
  {
    rule: 'KND27',
    when: 'a container is added',
    kind: 'Pod',
    before: pod({}),
    after: pod({
      containers: [
        { name: 'app', image: 'busybox' },
        { name: 'b', image: 'c' },
      ],
    }),
    problems: ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  },
];

test.each(rows)('$rule: judges the change when $when', ({ kind, before, after, problems }) => {
  const definition = kindOf(kind);
  const found = definition
    .validateUpdate(definition.defaults(after), definition.defaults(before))
    .map(fieldErrorText);
  expect(found).toHaveLength(problems.length);
  for (const [index, problem] of problems.entries()) expect(found[index]).toContain(problem);
});

const ended = { name: 'app', state: { terminated: { exitCode: 0 } } };
const running = { name: 'app', state: { running: {} } };

test.each([
  { policy: 'Never', allowed: false },
  { policy: 'OnFailure', allowed: false },
  { policy: 'Always', allowed: true },
])('KND28: an ended container under $policy', ({ policy, allowed }) => {
  const old = { ...pod({ restartPolicy: policy }), status: { containerStatuses: [ended] } };
  const now = { ...old, status: { containerStatuses: [running] } };
  expect(kindOf('Pod').validateStatusUpdate(now, old)).toHaveLength(allowed ? 0 : 1);
  expect(kindOf('Pod').validateStatusUpdate(old, old)).toHaveLength(0);
});
