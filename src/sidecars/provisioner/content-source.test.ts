// Restores and clones: the decisions as tables, the order of writes, and the protection of a clone's source.
import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeSnapshot, VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  CLONING_PROTECTION_FINALIZER,
  CONTENT_SOURCE_LABEL,
  contentSourceValue,
} from '#rules/content-source.ts';
import { clonersOf, decideCloningProtection } from './cloning-protection.ts';
import { decideCloneSource, decideSnapshotSource, type WantedCopy } from './content-source.ts';
import { encodeIntent, type Intent } from './intent.ts';
import { checkReply } from './persistent-volume.ts';

const GIB = 1024n ** 3n;
const DRIVER = 'disk.holdfast.dev';

const wanted = (changes: Partial<WantedCopy> = {}): WantedCopy => ({
  driver: DRIVER,
  capabilities: new Set(['CREATE_DELETE_SNAPSHOT', 'CLONE_VOLUME']),
  claim: { namespace: 'team', name: 'copy', uid: 'u-copy' },
  volumeMode: 'Filesystem',
  requestedBytes: GIB,
  ...changes,
});

const meta = (name: string, uid: string, more: object = {}) => ({
  name,
  namespace: 'team',
  uid,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };

function aSnapshot(status: object = {}, metadata: object = {}): Stored<VolumeSnapshot> {
  return {
    metadata: meta('snap', 'u-snap', metadata),
    spec: { source: { persistentVolumeClaimName: 'data' } },
    status: { boundVolumeSnapshotContentName: 'content', readyToUse: true, restoreSize: '1Gi', ...status },
  } as unknown as Stored<VolumeSnapshot>;
}

function aContent(
  changes: { spec?: object; status?: object; metadata?: object } = {},
): Stored<VolumeSnapshotContent> {
  return {
    metadata: { ...meta('content', 'u-content', changes.metadata), namespace: undefined },
    spec: {
      deletionPolicy: 'Delete',
      driver: DRIVER,
      source: { volumeHandle: 'vol-1' },
      sourceVolumeMode: 'Filesystem',
      volumeSnapshotRef: { namespace: 'team', name: 'snap', uid: 'u-snap' },
      ...changes.spec,
    },
    status: { snapshotHandle: 'snap-1', readyToUse: true, ...changes.status },
  } as unknown as Stored<VolumeSnapshotContent>;
}

describe('restoring', () => {
  const FOUND = { kind: 'found', value: { kind: 'snapshot', handle: 'snap-1' } };
  const mode = { 'snapshot.storage.kubernetes.io/allow-volume-mode-change': 'true' };
  test.each<{
    rule: string;
    when: string;
    wanted?: Partial<WantedCopy>;
    snapshot?: Stored<VolumeSnapshot> | null;
    content?: Stored<VolumeSnapshotContent> | null;
    because?: RegExp;
  }>([
    { rule: 'PRV40', when: 'all fits' },
    {
      rule: 'PRV41',
      when: 'the driver cannot',
      wanted: { capabilities: new Set() },
      because: /CREATE_DELETE_SNAPSHOT/,
    },
    { rule: 'PRV40', when: 'there is none', snapshot: null, because: /does not exist/ },
    {
      rule: 'PRV40',
      when: 'it is being deleted',
      snapshot: aSnapshot({}, DELETED),
      because: /being deleted/,
    },
    {
      rule: 'PRV40',
      when: 'it is not bound',
      snapshot: aSnapshot({ boundVolumeSnapshotContentName: undefined }),
      because: /not bound/,
    },
    {
      rule: 'PRV40',
      when: 'it is not ready',
      snapshot: aSnapshot({ readyToUse: false }),
      because: /not Ready/,
    },
    { rule: 'PRV40', when: 'its content has gone', content: null, because: /lost its/ },
    {
      rule: 'PRV40',
      when: 'its content is another’s',
      content: aContent({ spec: { volumeSnapshotRef: { namespace: 'team', name: 'snap', uid: 'u-other' } } }),
      because: /another snapshot/,
    },
    {
      rule: 'PRV40',
      when: 'its content is being deleted',
      content: aContent({ metadata: DELETED }),
      because: /being deleted/,
    },
    {
      rule: 'PRV40',
      when: 'it is another driver’s',
      content: aContent({ spec: { driver: 'other' } }),
      because: /driver "other"/,
    },
    {
      rule: 'PRV40',
      when: 'the handle is missing',
      content: aContent({ status: { snapshotHandle: undefined } }),
      because: /handle/,
    },
    {
      rule: 'PRV42',
      when: 'the claim is smaller',
      snapshot: aSnapshot({ restoreSize: '2Gi' }),
      because: /less than the size/,
    },
    { rule: 'PRV42', when: 'the size is unknown', snapshot: aSnapshot({ restoreSize: undefined }) },
    {
      rule: 'PRV43',
      when: 'the mode would change',
      wanted: { volumeMode: 'Block' },
      because: /modifies the mode/,
    },
    {
      rule: 'PRV43',
      when: 'the mode may change',
      wanted: { volumeMode: 'Block' },
      content: aContent({ metadata: { annotations: mode } }),
    },
    {
      rule: 'PRV43',
      when: 'the source’s mode is unknown',
      wanted: { volumeMode: 'Block' },
      content: aContent({ spec: { sourceVolumeMode: undefined } }),
    },
  ])('$rule: when $when', ({ wanted: changes, snapshot = aSnapshot(), content = aContent(), because }) => {
    const decision = decideSnapshotSource(wanted(changes), snapshot ?? undefined, content ?? undefined);
    if (because === undefined) expect(decision).toEqual(FOUND);
    else expect(decision).toEqual({ kind: 'refused', because: expect.stringMatching(because) });
  });
});

function aClaim(
  changes: { metadata?: object; spec?: object; status?: object } = {},
): Stored<PersistentVolumeClaim> {
  return {
    metadata: meta('data', 'u-data', changes.metadata),
    spec: { volumeName: 'pv-1', ...changes.spec },
    status: { phase: 'Bound', ...changes.status },
  } as unknown as Stored<PersistentVolumeClaim>;
}

function aVolume(spec: object = {}): Stored<PersistentVolume> {
  return {
    metadata: { ...meta('pv-1', 'u-pv'), namespace: undefined },
    spec: {
      claimRef: { namespace: 'team', name: 'data', uid: 'u-data' },
      csi: { driver: DRIVER, volumeHandle: 'vol-1' },
      capacity: { storage: '1Gi' },
      ...spec,
    },
  } as unknown as Stored<PersistentVolume>;
}

describe('cloning', () => {
  const cloneOf = { namespace: 'team', name: 'data', uid: 'u-data' };
  const FOUND = { kind: 'found', value: { kind: 'volume', handle: 'vol-1', cloneOf } };
  test.each<{
    rule: string;
    when: string;
    wanted?: Partial<WantedCopy>;
    claim?: Stored<PersistentVolumeClaim> | null;
    volume?: Stored<PersistentVolume> | null;
    because?: RegExp;
  }>([
    { rule: 'PRV44', when: 'all fits' },
    {
      rule: 'PRV41',
      when: 'the driver cannot',
      wanted: { capabilities: new Set() },
      because: /CLONE_VOLUME/,
    },
    { rule: 'PRV44', when: 'there is none', claim: null, because: /does not exist/ },
    {
      rule: 'PRV44',
      when: 'it is itself',
      wanted: { claim: { namespace: 'team', name: 'data', uid: 'u-data' } },
      because: /itself/,
    },
    {
      rule: 'PRV44',
      when: 'it is being deleted',
      claim: aClaim({ metadata: DELETED }),
      because: /being deleted/,
    },
    {
      rule: 'PRV44',
      when: 'it waits',
      claim: aClaim({ status: { phase: 'Pending' } }),
      because: /not Bound/,
    },
    { rule: 'PRV44', when: 'its volume has gone', volume: null, because: /not Bound/ },
    {
      rule: 'PRV44',
      when: 'its volume is another’s',
      volume: aVolume({ claimRef: { uid: 'u-other' } }),
      because: /not bound to/,
    },
    {
      rule: 'PRV44',
      when: 'its volume is another driver’s',
      volume: aVolume({ csi: { driver: 'other', volumeHandle: 'x' } }),
      because: /driver/,
    },
    {
      rule: 'PRV44',
      when: 'its volume is no CSI volume',
      volume: aVolume({ csi: undefined }),
      because: /driver/,
    },
    { rule: 'PRV45', when: 'the mode differs', wanted: { volumeMode: 'Block' }, because: /same volumeMode/ },
    {
      rule: 'PRV45',
      when: 'it is larger',
      volume: aVolume({ capacity: { storage: '2Gi' } }),
      because: /greater than or equal/,
    },
  ])('$rule: when $when', ({ wanted: changes, claim = aClaim(), volume = aVolume(), because }) => {
    const decision = decideCloneSource(wanted(changes), claim ?? undefined, volume ?? undefined);
    if (because === undefined) expect(decision).toEqual(FOUND);
    else expect(decision).toEqual({ kind: 'refused', because: expect.stringMatching(because) });
  });
});

test('PRV46 PRV47: the intent names its source by a label, and an empty volume is no copy', () => {
  const intent: Intent = {
    name: 'pvc-u1',
    driver: DRIVER,
    phase: 'creating',
    handle: '',
    plan: { requestedBytes: '1' } as Intent['plan'],
    request: { name: 'pvc-u1', volumeContentSource: { snapshot: { snapshotId: 'snap-1' } } },
  };
  const value = contentSourceValue({ driver: DRIVER, kind: 'snapshot', handle: 'snap-1' });
  expect(encodeIntent(intent).metadata.labels).toHaveProperty([CONTENT_SOURCE_LABEL], value);
  const reply = { volumeId: 'v', capacityBytes: '1', volumeContext: {}, accessibleTopology: [] };
  expect(checkReply(intent, { ...reply, contentSource: null })).toMatch(/empty volume/);
  const contentSource = { snapshot: { snapshotId: 'snap-1' } };
  expect(checkReply(intent, { ...reply, contentSource })).toBeUndefined();
});

describe('the protection of a source', () => {
  test.each([
    { hasFinalizer: false, isOurs: true, neededBy: undefined, step: { kind: 'none' } },
    { hasFinalizer: true, isOurs: false, neededBy: undefined, step: { kind: 'none' } },
    {
      hasFinalizer: true,
      isOurs: true,
      neededBy: 'claim a/b',
      step: { kind: 'keep', neededBy: 'claim a/b' },
    },
    { hasFinalizer: true, isOurs: true, neededBy: undefined, step: { kind: 'release' } },
  ])(
    'PRV46: $step.kind with finalizer $hasFinalizer, own $isOurs, needed by $neededBy',
    ({ step, ...view }) => {
      expect(decideCloningProtection(view)).toEqual(step);
    },
  );

  const cloning = (spec: object): PersistentVolumeClaim => ({
    metadata: { namespace: 'team', name: 'copy' },
    spec: { dataSource: { kind: 'PersistentVolumeClaim', name: 'data' }, ...spec },
  });
  test.each([
    { when: 'a waiting claim names it', claims: [cloning({})], by: 'claim team/copy' },
    { when: 'the clone has its volume', claims: [cloning({ volumeName: 'pv-2' })], by: undefined },
    { when: 'nobody names it', claims: [], by: undefined },
  ])('PRV46: needed by $by when $when', ({ claims, by }) => {
    const source = aClaim({ metadata: { finalizers: [CLONING_PROTECTION_FINALIZER] } });
    expect(clonersOf(source, claims, [])).toBe(by);
  });
});
