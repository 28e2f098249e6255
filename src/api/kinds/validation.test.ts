// Validation of new objects: rows of an object and the causes it gives, as `field: message`.
import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json.ts';
import { fieldErrorText } from '../field-errors.ts';
import { kindOf } from './index.ts';

function problemsOf(kind: string, object: JsonObject): readonly string[] {
  const definition = kindOf(kind);
  return definition.validateCreate(definition.defaults(object)).map(fieldErrorText);
}

const app = { name: 'app', image: 'busybox' };
const pod = (spec: JsonObject): JsonObject => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [app], ...spec },
});
const withContainer = (member: JsonObject): JsonObject => pod({ containers: [{ ...app, ...member }] });
const claim = (spec: JsonObject): JsonObject => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const volume = (spec: JsonObject): JsonObject => ({
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    csi: { driver: 'disk.holdfast.dev', volumeHandle: 'v' },
    ...spec,
  },
});
const many = (count: number): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly kind: string;
  readonly object: JsonObject;
  /** Each must be contained in the cause at its place; empty: the object is valid. */
  readonly problems: readonly string[];
}

const rows: readonly Row[] = [
  { rule: 'KND12', when: 'a plain pod', kind: 'Pod', object: pod({}), problems: [] },
  {
    rule: 'KND12',
    when: 'a pod without containers',
    kind: 'Pod',
    object: pod({ containers: [] }),
    problems: ['spec.containers: Required value'],
  },
  {
    rule: 'KND12',
    when: 'a container without image and with a bad name',
    kind: 'Pod',
    object: pod({ containers: [{ name: 'A_b' }] }),
    problems: [
      'spec.containers[0].name: Invalid value: "A_b": a lowercase RFC 1123 label must',
      'spec.containers[0].image: Required value',
    ],
  },
  {
    rule: 'KND12',
    when: 'an init container with the name of a container',
    kind: 'Pod',
    object: pod({ initContainers: [app] }),
    problems: ['spec.initContainers[0].name: Duplicate value: "app"'],
  },
  {
    rule: 'KND12',
    when: 'mounts of a missing volume and of one path twice',
    kind: 'Pod',
    object: pod({
      containers: [
        {
          ...app,
          volumeMounts: [
            { name: 'v', mountPath: '/a' },
            { name: 'none', mountPath: '/a' },
          ],
        },
      ],
      volumes: [{ name: 'v' }],
    }),
    problems: [
      'spec.containers[0].volumeMounts[1].name: Not found: "none"',
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ],
  },
  {
    rule: 'KND12',
    when: 'a device of a volume that is no claim',
    kind: 'Pod',
    object: pod({
      containers: [{ ...app, volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }],
      volumes: [{ name: 'v' }],
    }),
    problems: [
      'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type',
    ],
  },
  {
    rule: 'KND13',
    when: 'a pod volume with two sources',
    kind: 'Pod',
    object: pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/srv' } }] }),
    problems: ['spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type'],
  },
  {
    rule: 'KND13',
    when: 'pod volumes with bad fields',
    kind: 'Pod',
    object: pod({
      volumes: [
        { name: 'a', hostPath: { path: '/a/../b' } },
        { name: 'b', persistentVolumeClaim: {} },
        { name: 'c', configMap: { name: 'c', items: [{ key: 'k', path: '../x' }] } },
        { name: 'd', configMap: { name: 'c', items: [{ key: 'k', path: '..data' }] } },
      ],
    }),
    problems: [
      'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
      'spec.volumes[1].persistentVolumeClaim.claimName: Required value',
      'spec.volumes[2].configMap.items[0].path: Invalid value: "../x": must not contain \'..\'',
      'spec.volumes[3].configMap.items[0].path: Invalid value: "..data": must not start with \'..\'',
    ],
  },
  {
    rule: 'KND13',
    when: 'a volume with two sources and one with none',
    kind: 'PersistentVolume',
    object: volume({ hostPath: { path: '/srv' } }),
    problems: ['spec.hostPath: Forbidden: may not specify more than 1 volume type'],
  },
  {
    rule: 'KND13',
    when: 'a volume without a source',
    kind: 'PersistentVolume',
    object: volume({ csi: undefined }),
    problems: ['spec: Required value: must specify a volume type'],
  },
  {
    rule: 'KND13',
    when: 'a local volume without node affinity',
    kind: 'PersistentVolume',
    object: volume({ csi: undefined, local: { path: '/mnt' } }),
    problems: ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
  },
  {
    rule: 'KND14',
    when: 'a request above its limit',
    kind: 'Pod',
    object: withContainer({ resources: { limits: { cpu: '1' }, requests: { cpu: '1500m', memory: '-1' } } }),
    problems: [
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
      'spec.containers[0].resources.requests[cpu]: Invalid value: "1500m": must be less than or equal to cpu',
    ],
  },
  {
    rule: 'KND14',
    when: 'bad variables, ports and probes',
    kind: 'Pod',
    object: withContainer({
      env: [{ name: 'A=B' }],
      ports: [{ containerPort: 70_000 }],
      livenessProbe: { successThreshold: 2 },
    }),
    problems: [
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name',
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
  },
  {
    rule: 'KND14',
    when: 'a bad toleration and node affinity',
    kind: 'Pod',
    object: pod({
      tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }],
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      },
    }),
    problems: [
      'spec.tolerations[0].operator: Invalid value: "Exists": value must be empty',
      'nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  },
  { rule: 'KND15', when: 'a plain claim', kind: 'PersistentVolumeClaim', object: claim({}), problems: [] },
  ...(['0', '-1Gi'] as const).map((storage) => ({
    rule: 'KND15',
    when: `a claim of ${storage}`,
    kind: 'PersistentVolumeClaim',
    object: claim({ resources: { requests: { storage } } }),
    problems: [`spec.resources.requests[storage]: Invalid value: "${storage}": must be greater than zero`],
  })),
  {
    rule: 'KND15',
    when: 'a claim without size and with ReadWriteOncePod beside another mode',
    kind: 'PersistentVolumeClaim',
    object: claim({ accessModes: ['ReadWriteOncePod', 'ReadWriteOnce'], resources: {} }),
    problems: [
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      'spec.resources.requests[storage]: Required value',
    ],
  },
  {
    rule: 'KND15',
    when: 'a claim with unknown and bad fields',
    kind: 'PersistentVolumeClaim',
    object: claim({ accessModes: ['RWO'], storageClassName: 'No!', volumeMode: 'Raw' }),
    problems: [
      'spec.accessModes[0]: Unsupported value: "RWO": supported values: "ReadOnlyMany"',
      'spec.storageClassName: Invalid value: "No!": a lowercase RFC 1123 subdomain',
      'spec.volumeMode: Unsupported value: "Raw": supported values: "Block", "Filesystem"',
    ],
  },
  { rule: 'KND16', when: 'a plain volume', kind: 'PersistentVolume', object: volume({}), problems: [] },
  {
    rule: 'KND16',
    when: 'a volume without capacity and modes',
    kind: 'PersistentVolume',
    object: volume({ capacity: {}, accessModes: [], persistentVolumeReclaimPolicy: 'Burn' }),
    problems: [
      'spec.accessModes: Required value',
      'spec.capacity: Required value',
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn"',
    ],
  },
  {
    rule: 'KND16',
    when: 'a volume of no size that also offers cpu',
    kind: 'PersistentVolume',
    object: volume({ capacity: { storage: '0', cpu: '1' } }),
    problems: [
      'spec.capacity: Unsupported value',
      'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
    ],
  },
  {
    rule: 'KND17',
    when: 'a class without provisioner',
    kind: 'StorageClass',
    object: { reclaimPolicy: 'Recycle' },
    problems: ['provisioner: Required value', 'reclaimPolicy: Unsupported value: "Recycle"'],
  },
  {
    rule: 'KND17',
    when: 'a class with 513 parameters',
    kind: 'StorageClass',
    object: { provisioner: 'a.b/c', parameters: many(513) },
    problems: ['parameters: Too long: may not be more than 512 bytes'],
  },
  {
    rule: 'KND17',
    when: 'a class with more than 256 KiB of parameters',
    kind: 'StorageClass',
    object: { provisioner: 'a.b/c', parameters: { k: 'x'.repeat(262_144) } },
    problems: ['parameters: Too long: may not be more than 262144 bytes'],
  },
  {
    rule: 'KND18',
    when: 'an attachment with two sources and no node',
    kind: 'VolumeAttachment',
    object: { spec: { attacher: 'd', source: { persistentVolumeName: 'a', inlineVolumeSpec: {} } } },
    problems: ['spec.source: Forbidden: must specify exactly one of', 'spec.nodeName: Required value'],
  },
  {
    rule: 'KND18',
    when: 'a CSINode with one driver twice and no node ID',
    kind: 'CSINode',
    object: { spec: { drivers: [{ name: 'd', nodeID: 'n' }, { name: 'd' }] } },
    problems: ['spec.drivers[1].name: Duplicate value: "d"', 'spec.drivers[1].nodeID: Required value'],
  },
  {
    rule: 'KND18',
    when: 'a driver with a bad name and policy',
    kind: 'CSIDriver',
    object: { metadata: { name: 'a_b' }, spec: { fsGroupPolicy: 'Maybe' } },
    problems: ['metadata.name: Invalid value: "a_b"', 'spec.fsGroupPolicy: Unsupported value: "Maybe"'],
  },
  {
    rule: 'KND18',
    when: 'a lease of no time',
    kind: 'Lease',
    object: { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } },
    problems: [
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ],
  },
  {
    rule: 'KND19',
    when: 'a ConfigMap with a bad key',
    kind: 'ConfigMap',
    object: { data: { 'a/b': 'x' } },
    problems: ['data[a/b]: Invalid value: "a/b": a valid config key must consist of'],
  },
  {
    rule: 'KND19',
    when: 'a ConfigMap of more than 1 MiB',
    kind: 'ConfigMap',
    object: { data: { a: 'x'.repeat(1_048_577) } },
    problems: ['data: Too long: may not be more than 1048576 bytes'],
  },
  {
    rule: 'KND19',
    when: 'a TLS Secret without its key',
    kind: 'Secret',
    object: { type: 'kubernetes.io/tls', data: { 'tls.crt': 'QQ==' } },
    problems: ['data[tls.key]: Required value'],
  },
  {
    rule: 'KND20',
    when: 'an event beside its object',
    kind: 'Event',
    object: { metadata: { namespace: 'a' }, involvedObject: { namespace: 'b' } },
    problems: ['involvedObject.namespace: Invalid value: "b": does not match event.namespace'],
  },
  {
    rule: 'KND20',
    when: 'a node with one taint twice',
    kind: 'Node',
    object: {
      spec: {
        taints: [
          { key: 'a', effect: 'NoSchedule' },
          { key: 'a', effect: 'NoSchedule' },
        ],
      },
    },
    problems: ['spec.taints[1]: Duplicate value'],
  },
];

test.each(rows)('$rule: validates $when', ({ kind, object, problems }) => {
  const found = problemsOf(kind, object);
  expect(found).toHaveLength(problems.length);
  for (const [index, problem] of problems.entries()) expect(found[index]).toContain(problem);
});

test('KND19: no cause shows a secret value', () => {
  const value: JsonValue = Buffer.from('top-secret').toString('base64');
  const found = problemsOf('Secret', { data: { 'bad/key': value } });
  expect(found.join()).toContain('bad/key');
  expect(found.join()).not.toContain(value);
});

test.each([
  { phase: 'Terminating', deletionTimestamp: undefined, problem: "may only be 'Active'" },
  { phase: 'Active', deletionTimestamp: '2026-01-01T00:00:00Z', problem: "may only be 'Terminating'" },
])('KND20: refuses phase $phase with deletionTimestamp $deletionTimestamp', (row) => {
  const object = { metadata: { deletionTimestamp: row.deletionTimestamp }, status: { phase: row.phase } };
  const [error] = kindOf('Namespace').validateStatusUpdate(object, object);
  expect(error?.message).toContain(row.problem);
});
