import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { extraModes, isOnePodOnly, mayAttachToManyNodes, offersModes } from './access-modes.ts';
import { isReservedFor, pointsAtClaim, reservedVolume } from './claim-ref.ts';
import { findFreeVolume, findPreboundVolume, isFreeFor, mismatchWithNamedVolume } from './match-volume.ts';
import { BOUND_BY_CONTROLLER } from './well-known.ts';

type VolumeSpec = NonNullable<PersistentVolume['spec']>;
type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>;
const RWO = 'ReadWriteOnce';
const ROX = 'ReadOnlyMany';
const RWX = 'ReadWriteMany';

const aVolume = (name: string, spec: VolumeSpec = {}, more: Partial<PersistentVolume> = {}) => ({
  metadata: {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { disk: 'fast' },
  },
  spec: { accessModes: [RWO], capacity: { storage: '5Gi' }, storageClassName: 'gold', ...spec },
  status: { phase: 'Available' as const },
  ...more,
});
const aClaim = (spec: ClaimSpec = {}): PersistentVolumeClaim => ({
  metadata: { namespace: 'shop', name: 'data', uid: 'uid-data' },
  spec: {
    accessModes: [RWO],
    resources: { requests: { storage: '5Gi' } },
    storageClassName: 'gold',
    ...spec,
  },
});
const stored = (volume: PersistentVolume): Stored<PersistentVolume> => ({
  ...volume,
  metadata: { name: 'v', uid: 'uid-v', resourceVersion: '1', creationTimestamp: '' },
});
const pointer = (uid?: string) => ({
  namespace: 'shop',
  name: 'data',
  ...(uid === undefined ? {} : { uid }),
});

test('RUL1: offers modes in any order, and only when all are there', () => {
  expect(offersModes([RWO, ROX], [ROX, RWO])).toBe(true);
  expect(offersModes([RWO], [RWO, ROX])).toBe(false);
});

test('RUL2: counts the modes beyond those requested', () => {
  expect([extraModes([RWO, ROX, RWX], [RWO]), extraModes([RWO], [RWO])]).toEqual([2, 0]);
});

test('RUL3: attaches to many nodes only with a many-node mode or without any', () => {
  expect([[RWX], [ROX, RWO], [], undefined, [RWO], ['ReadWriteOncePod']].map(mayAttachToManyNodes)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('RUL4: ReadWriteOncePod is for one pod', () => {
  expect([isOnePodOnly(['ReadWriteOncePod']), isOnePodOnly([RWO]), isOnePodOnly(undefined)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('RUL20, RUL21: a volume points at a claim by name, and is reserved only with its UID', () => {
  const rows = [
    pointer(),
    pointer(''),
    pointer('uid-data'),
    pointer('uid-old'),
    { namespace: 'x', name: 'data' },
  ];
  const volumes = rows.map((claimRef) => aVolume('v', { claimRef }));
  expect(volumes.map((one) => pointsAtClaim(one, aClaim()))).toEqual([true, true, true, false, false]);
  expect(volumes.map((one) => isReservedFor(one, aClaim()))).toEqual([false, false, true, false, false]);
});

test('RUL22: reserving marks our own choice and not a user’s', () => {
  const ours = reservedVolume(stored(aVolume('v')), aClaim());
  expect(ours.spec?.claimRef).toMatchObject({ namespace: 'shop', name: 'data', uid: 'uid-data' });
  expect(ours.metadata.annotations?.[BOUND_BY_CONTROLLER]).toBe('yes');
  const theirs = reservedVolume(stored(aVolume('v', { claimRef: pointer() })), aClaim());
  expect(theirs.spec?.claimRef?.uid).toBe('uid-data');
  expect(theirs.metadata.annotations?.[BOUND_BY_CONTROLLER]).toBeUndefined();
});

const free: readonly { when: string; volume: PersistentVolume; claim?: ClaimSpec; isFree: boolean }[] = [
  { when: 'everything fits', volume: aVolume('v'), isFree: true },
  { when: 'it is larger', volume: aVolume('v', { capacity: { storage: '10Gi' } }), isFree: true },
  { when: 'it is smaller', volume: aVolume('v', { capacity: { storage: '1Gi' } }), isFree: false },
  { when: 'its class differs', volume: aVolume('v', { storageClassName: 'silver' }), isFree: false },
  {
    when: 'neither has a class',
    volume: aVolume('v', { storageClassName: '' }),
    claim: { storageClassName: undefined },
    isFree: true,
  },
  { when: 'it is a block volume', volume: aVolume('v', { volumeMode: 'Block' }), isFree: false },
  {
    when: 'both are block',
    volume: aVolume('v', { volumeMode: 'Block' }),
    claim: { volumeMode: 'Block' },
    isFree: true,
  },
  { when: 'it lacks a mode', volume: aVolume('v'), claim: { accessModes: [RWX] }, isFree: false },
  {
    when: 'its attributes class differs',
    volume: aVolume('v', { volumeAttributesClassName: 'quick' }),
    isFree: false,
  },
  {
    when: 'an empty attributes class meets none',
    volume: aVolume('v', { volumeAttributesClassName: '' }),
    isFree: true,
  },
  {
    when: 'the selector matches',
    volume: aVolume('v'),
    claim: { selector: { matchLabels: { disk: 'fast' } } },
    isFree: true,
  },
  {
    when: 'the selector does not match',
    volume: aVolume('v'),
    claim: { selector: { matchLabels: { disk: 'slow' } } },
    isFree: false,
  },
  { when: 'it is claimed', volume: aVolume('v', { claimRef: pointer('uid-old') }), isFree: false },
  ...(['Pending', 'Released', 'Failed', 'Bound'] as const).map((phase) => ({
    when: `it is ${phase}`,
    volume: aVolume('v', {}, { status: { phase } }),
    isFree: false,
  })),
  { when: 'it has no phase yet', volume: aVolume('v', {}, { status: {} }), isFree: false },
  {
    when: 'it is being deleted',
    volume: aVolume('v', {}, { metadata: { name: 'v', deletionTimestamp: 'now' } }),
    isFree: false,
  },
];
test.each(free)('RUL30: free is $isFree when $when', ({ volume, claim, isFree }) => {
  expect(isFreeFor(volume, aClaim(claim))).toBe(isFree);
});

const chosen: readonly {
  rule: string;
  when: string;
  volumes: PersistentVolume[];
  modes: string[];
  name?: string;
}[] = [
  {
    rule: 'RUL31',
    when: 'a wider volume is smaller',
    volumes: [
      aVolume('wide', { accessModes: [RWO, ROX], capacity: { storage: '5Gi' } }),
      aVolume('exact', { capacity: { storage: '9Gi' } }),
    ],
    modes: [RWO],
    name: 'exact',
  },
  {
    rule: 'RUL31',
    when: 'the exact one is taken',
    volumes: [
      aVolume('widest', { accessModes: [RWO, ROX, RWX] }),
      aVolume('wide', { accessModes: [ROX, RWO] }),
      aVolume('exact', { claimRef: pointer('uid-old') }),
    ],
    modes: [RWO],
    name: 'wide',
  },
  {
    rule: 'RUL32',
    when: 'several are large enough',
    volumes: ['20Gi', '6Gi', '1Gi', '8Gi'].map((storage) => aVolume(storage, { capacity: { storage } })),
    modes: [RWO],
    name: '6Gi',
  },
  { rule: 'RUL32', when: 'two are equal', volumes: [aVolume('b'), aVolume('a')], modes: [RWO], name: 'a' },
  { rule: 'RUL31', when: 'none has the mode', volumes: [aVolume('a')], modes: [RWX] },
];
test.each(chosen)('$rule: chooses $name when $when', ({ volumes, modes, name }) => {
  expect(findFreeVolume(volumes, aClaim({ accessModes: modes }))?.metadata.name).toBe(name);
});

test('RUL33: a volume that points at the claim wins, whatever its class and phase', () => {
  const volume = aVolume('big', {
    claimRef: pointer(),
    capacity: { storage: '50Gi' },
    storageClassName: 'x',
  });
  expect(findPreboundVolume([aVolume('fits'), volume], aClaim())?.metadata.name).toBe('big');
  const pending = { ...volume, status: { phase: 'Pending' as const } };
  expect(findPreboundVolume([pending], aClaim())?.metadata.name).toBe('big');
});

test.each([
  { when: 'too small', spec: { capacity: { storage: '1Gi' } } },
  { when: 'of another volumeMode', spec: { volumeMode: 'Block' as const } },
  { when: 'of other access modes', spec: { accessModes: [ROX] } },
  { when: 'of another UID', spec: { claimRef: pointer('uid-old') } },
])('RUL33: a volume that points at the claim is not taken when it is $when', ({ spec }) => {
  expect(findPreboundVolume([aVolume('v', { claimRef: pointer(), ...spec })], aClaim())).toBeUndefined();
});

test.each([
  { field: 'spec.capacity.storage', spec: { capacity: { storage: '1Gi' } } },
  { field: 'spec.storageClassName', spec: { storageClassName: 'silver' } },
  { field: 'spec.volumeMode', spec: { volumeMode: 'Block' as const } },
  { field: 'spec.accessModes', spec: { accessModes: [ROX] } },
  { field: 'spec.volumeAttributesClassName', spec: { volumeAttributesClassName: 'quick' } },
])('RUL34: a named volume is refused for $field', ({ field, spec }) => {
  expect(mismatchWithNamedVolume(aVolume('v', spec), aClaim())?.field).toBe(field);
});

test('RUL34: a named volume is taken without asking the selector', () => {
  const claim = aClaim({ selector: { matchLabels: { disk: 'slow' } } });
  expect(mismatchWithNamedVolume(aVolume('v'), claim)).toBeUndefined();
});
