import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { sha256Hex } from '#base/sha256.ts';
import { attachmentName, parseUniqueVolumeName, uniqueVolumeName } from './attachment-name.ts';
import { isTerminal } from './pod-state.ts';
import { claimsOfPod, ephemeralClaimName, isClaimOwnedByPod } from './pod-volumes.ts';
import { migratedDriver, successorOf } from './migration.ts';
import { decideReclaim } from './reclaim.ts';
import { bindsOnFirstConsumer, canProvision, classOfClaim, classOfVolume } from './storage-class.ts';
import { defaultClass, leavesClassOpen } from './storage-class.ts';
import { PROVISIONED_BY } from './well-known.ts';

const BETA = 'volume.beta.kubernetes.io/storage-class';
const aClaim = (spec: PersistentVolumeClaim['spec'], annotations = {}): PersistentVolumeClaim => ({
  metadata: { name: 'data', annotations },
  spec,
});
const aPod = (volumes: NonNullable<Pod['spec']>['volumes']): Pod => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
  spec: { containers: [], volumes },
});

test('RUL10: the annotation wins over the field, and absent is empty', () => {
  expect(classOfClaim(aClaim({ storageClassName: 'gold' }, { [BETA]: 'old' }))).toBe('old');
  expect(classOfClaim(aClaim({}))).toBe('');
  expect(classOfVolume({ metadata: {}, spec: { storageClassName: 'gold' } })).toBe('gold');
});

test('RUL11: only a wholly absent class is open', () => {
  const rows = [aClaim({}), aClaim({ storageClassName: '' }), aClaim({}, { [BETA]: '' })];
  expect(rows.map(leavesClassOpen)).toEqual([true, false, false]);
});

test('RUL12: the newest default class wins, then the first by name', () => {
  const one = (name: string, creationTimestamp: string, isDefault = 'true') => ({
    metadata: {
      name,
      creationTimestamp,
      annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault },
    },
    provisioner: 'p',
  });
  expect(
    defaultClass([one('a', '2025'), one('c', '2026'), one('b', '2026'), one('d', '2027', 'false')]),
  ).toMatchObject({
    metadata: { name: 'b' },
  });
  expect(defaultClass([one('a', '2025', 'false')])).toBeUndefined();
});

test('RUL13: only WaitForFirstConsumer waits', () => {
  const of = (volumeBindingMode: 'Immediate' | 'WaitForFirstConsumer') => ({
    metadata: {},
    provisioner: 'p',
    volumeBindingMode,
  });
  expect([of('WaitForFirstConsumer'), of('Immediate'), undefined].map(bindsOnFirstConsumer)).toEqual([
    true,
    false,
    false,
  ]);
});

test('RUL14: in-tree names make no volumes', () => {
  const names = ['disk.holdfast.dev', 'kubernetes.io/no-provisioner', 'kubernetes.io/aws-ebs', ''];
  expect(names.map((provisioner) => canProvision({ metadata: {}, provisioner }))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('RUL60: names an attachment by handle, driver and node', () => {
  expect(attachmentName({ driver: 'd', volumeHandle: 'h' }, 'n')).toBe(`csi-${sha256Hex('hdn')}`);
});

test('RUL61: the name of a volume on a node reads back', () => {
  const volume = { driver: 'disk.holdfast.dev', volumeHandle: 'a^b/c' };
  expect(uniqueVolumeName(volume)).toBe('kubernetes.io/csi/disk.holdfast.dev^a^b/c');
  expect(parseUniqueVolumeName(uniqueVolumeName(volume))).toEqual(volume);
  expect(parseUniqueVolumeName('kubernetes.io/nfs/x')).toBeUndefined();
});

test('RUL70: terminal is Succeeded or Failed', () => {
  const phases = ['Pending', 'Running', 'Unknown', 'Succeeded', 'Failed'] as const;
  expect(phases.map((phase) => isTerminal({ metadata: {}, status: { phase } }))).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});

test('RUL71, RUL72: claims by name and of generic ephemeral volumes', () => {
  const pod = aPod([
    { name: 'a', persistentVolumeClaim: { claimName: 'data', readOnly: true } },
    { name: 'b', emptyDir: {} },
    { name: 'c', ephemeral: { volumeClaimTemplate: { spec: {} } } },
  ]);
  expect(claimsOfPod(pod)).toEqual([
    { volume: 'a', claimName: 'data', ephemeral: false, readOnly: true },
    { volume: 'c', claimName: 'web-c', ephemeral: true, readOnly: false },
  ]);
  expect(ephemeralClaimName(pod, 'c')).toBe('web-c');
});

test('RUL73: an ephemeral claim belongs to the pod with that UID', () => {
  const owned = (uid: string, controller: boolean) => ({
    metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid, controller }] },
  });
  const rows = [owned('uid-web', true), owned('uid-old', true), owned('uid-web', false), { metadata: {} }];
  expect(rows.map((claim) => isClaimOwnedByPod(claim, aPod([])))).toEqual([true, false, false, false]);
});

const aVolume = (policy: string | undefined, provisioner?: string): PersistentVolume => ({
  metadata: { name: 'v', annotations: provisioner === undefined ? {} : { [PROVISIONED_BY]: provisioner } },
  // A policy that the types do not know, as an API of tomorrow may send it.
  spec: { persistentVolumeReclaimPolicy: policy as 'Delete' | undefined },
});
test.each([
  { rule: 'RUL80', policy: 'Retain', kind: 'retain' },
  { rule: 'RUL80', policy: undefined, kind: 'retain' },
  { rule: 'RUL81', policy: 'Delete', provisioner: 'disk.holdfast.dev', kind: 'external' },
  { rule: 'RUL82', policy: 'Delete', kind: 'impossible', reason: 'VolumeFailedDelete' },
  {
    rule: 'RUL82',
    policy: 'Delete',
    provisioner: 'kubernetes.io/host-path',
    kind: 'impossible',
    reason: 'VolumeFailedDelete',
  },
  { rule: 'RUL140', policy: 'Delete', provisioner: 'kubernetes.io/aws-ebs', kind: 'external' },
  { rule: 'RUL82', policy: 'Recycle', kind: 'impossible', reason: 'VolumeFailedRecycle' },
  {
    rule: 'RUL83',
    policy: 'Shred',
    provisioner: 'd',
    kind: 'impossible',
    reason: 'VolumeUnknownReclaimPolicy',
  },
])('$rule: policy $policy of provisioner $provisioner is $kind', ({ policy, provisioner, kind, reason }) => {
  expect(decideReclaim(aVolume(policy, provisioner))).toMatchObject({
    kind,
    ...(reason === undefined ? {} : { reason }),
  });
});

test('RUL81: a CSI volume made by hand is left to its driver', () => {
  const csi = { driver: 'd.example', volumeHandle: 'h' };
  const made = (annotations: Readonly<Record<string, string>>) =>
    decideReclaim({ metadata: { annotations }, spec: { persistentVolumeReclaimPolicy: 'Delete', csi } });
  expect(made({})).toEqual({ kind: 'external', provisioner: 'd.example' });
  expect(made({ [PROVISIONED_BY]: 'other' })).toEqual({ kind: 'external', provisioner: 'other' });
});

test('RUL84: what a pod can mount without a driver can be recycled', () => {
  const recycled = (spec: PersistentVolume['spec']) =>
    decideReclaim({ metadata: {}, spec: { persistentVolumeReclaimPolicy: 'Recycle', ...spec } }).kind;
  expect(recycled({ hostPath: { path: '/d' } })).toBe('recycle');
  expect(recycled({ nfs: { path: '/d', server: 's' } })).toBe('recycle');
  expect(recycled({ csi: { driver: 'd', volumeHandle: 'h' } })).toBe('impossible');
});

test.each([
  {
    rule: 'RUL140',
    provisioner: 'kubernetes.io/gce-pd',
    driver: 'pd.csi.storage.gke.io',
    successor: 'pd.csi.storage.gke.io',
  },
  { rule: 'RUL141', provisioner: 'kubernetes.io/rbd', driver: undefined, successor: 'rbd.csi.ceph.com' },
  { rule: 'RUL141', provisioner: 'kubernetes.io/glusterfs', driver: undefined, successor: undefined },
])(
  '$rule: $provisioner belongs to $driver, and $successor is to be used',
  ({ provisioner, driver, successor }) => {
    expect([migratedDriver(provisioner), successorOf(provisioner)]).toEqual([driver, successor]);
  },
);
