import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { pointsAtClaim } from '#rules/claim-ref.ts';
import { classOfClaim, classOfVolume } from '#rules/storage-class.ts';
import { BETA_STORAGE_PROVISIONER, BIND_COMPLETED, BOUND_BY_CONTROLLER } from '#rules/well-known.ts';
import { MIGRATED_TO, PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER } from '#rules/well-known.ts';
import { decideClaim } from './decide.ts';
import { decideVolume } from './decide-volume.ts';
import { type ClaimView, isFree, type Recycling } from './view.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;
type Annotations = Readonly<Record<string, string>>;

function stored<T extends ApiObject>(object: T): Stored<T> {
  const metadata = { name: '', uid: '', resourceVersion: '1', creationTimestamp: '', ...object.metadata };
  // The object with all that a stored one has; the compiler does not see through Omit.
  return { ...object, metadata } as unknown as Stored<T>;
}

interface ClaimParts {
  readonly spec?: PersistentVolumeClaim['spec'];
  readonly status?: PersistentVolumeClaim['status'];
  readonly annotations?: Annotations;
  readonly deletionTimestamp?: string;
}
const aClaim = ({ spec, status, annotations = {}, deletionTimestamp }: ClaimParts = {}): Claim =>
  stored<PersistentVolumeClaim>({
    metadata: { namespace: 'shop', name: 'data', uid: 'uid-data', annotations, deletionTimestamp },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'gold',
      ...spec,
    },
    status: { phase: 'Pending', ...status },
  });

interface VolumeParts {
  readonly name?: string;
  readonly spec?: PersistentVolume['spec'];
  readonly phase?: NonNullable<PersistentVolume['status']>['phase'];
  readonly annotations?: Annotations;
  readonly finalizers?: readonly string[];
}
const aVolume = ({
  name = 'pv',
  spec,
  phase = 'Available',
  annotations = {},
  finalizers = [],
}: VolumeParts = {}): Volume =>
  stored<PersistentVolume>({
    metadata: { name, uid: `uid-${name}`, annotations, finalizers },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '10Gi' },
      storageClassName: 'gold',
      ...spec,
    },
    status: { phase },
  });

const pointer = (uid?: string, name = 'data') => ({
  namespace: 'shop',
  name,
  ...(uid === undefined ? {} : { uid }),
});
const gold: StorageClass = { metadata: { name: 'gold' }, provisioner: 'disk.holdfast.dev' };
const later: StorageClass = { ...gold, volumeBindingMode: 'WaitForFirstConsumer' };
const asked = {
  [STORAGE_PROVISIONER]: 'disk.holdfast.dev',
  [BETA_STORAGE_PROVISIONER]: 'disk.holdfast.dev',
};
const completed = { [BIND_COMPLETED]: 'yes' };
const ours = { [BOUND_BY_CONTROLLER]: 'yes' };

interface World {
  readonly claim?: ClaimParts;
  readonly volumes?: readonly VolumeParts[];
  readonly storageClass?: StorageClass | undefined;
  readonly defaultClass?: string;
  readonly waitingPods?: readonly string[];
}
function viewOf(world: World): ClaimView {
  const claim = aClaim(world.claim);
  const volumes = (world.volumes ?? []).map(aVolume);
  const storageClass = 'storageClass' in world ? world.storageClass : gold;
  return {
    claim,
    volume: volumes.find(({ metadata }) => metadata.name === claim.spec?.volumeName),
    pointing: volumes.filter(
      ({ spec }) => spec?.claimRef?.name === 'data' && spec.claimRef.namespace === 'shop',
    ),
    free: volumes.filter((one) => isFree(one) && classOfVolume(one) === classOfClaim(claim)),
    storageClass: storageClass === undefined ? undefined : stored(storageClass),
    defaultClass: world.defaultClass,
    waitingPods: world.waitingPods ?? [],
  };
}

interface Row extends World {
  readonly rule: string;
  readonly when: string;
  readonly step: string;
  readonly reason?: string;
  readonly says?: string;
}
const mine = { claimRef: pointer('uid-data') };
const rows: readonly Row[] = [
  {
    rule: 'BND67',
    when: 'an in-tree provisioner is named that has a driver now',
    claim: { annotations: { [STORAGE_PROVISIONER]: 'kubernetes.io/gce-pd' } },
    step: 'mark-migrated',
  },
  {
    rule: 'BND67',
    when: 'only the beta annotation names it',
    claim: { annotations: { [BETA_STORAGE_PROVISIONER]: 'kubernetes.io/gce-pd' } },
    step: 'mark-migrated',
  },
  {
    rule: 'BND67',
    when: 'only the beta annotation names one without a driver, and the mark is left',
    claim: { annotations: { [BETA_STORAGE_PROVISIONER]: 'kubernetes.io/rbd', [MIGRATED_TO]: 'x' } },
    step: 'mark-migrated',
  },
  {
    rule: 'BND67',
    when: 'the mark is left of an earlier provisioner',
    claim: { annotations: { ...asked, [MIGRATED_TO]: 'x' } },
    step: 'mark-migrated',
  },
  {
    rule: 'BND67',
    when: 'nothing is said about a provisioner',
    claim: { annotations: { [MIGRATED_TO]: 'x' } },
    step: 'ask-provisioner',
  },
  {
    rule: 'BND16',
    when: 'the class names an in-tree provisioner with a successor',
    storageClass: { ...gold, provisioner: 'kubernetes.io/aws-ebs' },
    step: 'rest',
    reason: 'ProvisioningFailed',
    says: 'ebs.csi.aws.com',
  },
  {
    rule: 'BND45',
    when: 'it is Lost and another volume is free',
    claim: { annotations: completed, spec: { volumeName: 'pv' }, status: { phase: 'Lost' } },
    volumes: [{ name: 'free' }],
    step: 'rest',
  },
  {
    rule: 'BND45',
    when: 'it is Lost and its volume belongs to another claim',
    claim: { annotations: completed, spec: { volumeName: 'pv' }, status: { phase: 'Lost' } },
    volumes: [{ spec: { claimRef: pointer('uid-x', 'other') } }],
    step: 'rest',
  },
  {
    rule: 'BND42',
    when: 'it is Lost and its volume was made again',
    claim: { annotations: completed, spec: { volumeName: 'pv' }, status: { phase: 'Lost' } },
    volumes: [{}],
    step: 'reserve pv',
  },
  // The four writes (1-1, 1-8 to 1-10 upstream).
  { rule: 'BND1', when: 'a free volume fits', volumes: [{}], step: 'reserve pv' },
  {
    rule: 'BND1',
    when: 'the volume points at the claim without UID',
    volumes: [{ spec: { claimRef: pointer() } }],
    step: 'reserve pv',
  },
  { rule: 'BND2', when: 'the volume is reserved', volumes: [{ spec: mine }], step: 'mark-bound pv' },
  { rule: 'BND3', when: 'the volume is Bound', volumes: [{ spec: mine, phase: 'Bound' }], step: 'point pv' },
  {
    rule: 'BND4',
    when: 'the claim points back',
    claim: { spec: { volumeName: 'pv' }, annotations: completed },
    volumes: [{ spec: mine, phase: 'Bound' }],
    step: 'publish pv',
  },
  {
    rule: 'BND5',
    when: 'the pair is whole though capacities differ',
    claim: {
      spec: { volumeName: 'pv' },
      annotations: completed,
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
    },
    volumes: [{ spec: mine, phase: 'Bound' }],
    step: 'rest',
  },
  // Open claims.
  {
    rule: 'BND10',
    when: 'the claim is being deleted',
    claim: { deletionTimestamp: 'now' },
    volumes: [{}],
    step: 'rest',
  },
  {
    rule: 'BND11',
    when: 'a larger volume points at it',
    volumes: [
      { name: 'small' },
      { name: 'big', spec: { claimRef: pointer(), capacity: { storage: '50Gi' } } },
    ],
    step: 'reserve big',
  },
  {
    rule: 'BND11',
    when: 'a volume of another class points at it',
    volumes: [{ spec: { claimRef: pointer(), storageClassName: 'silver' } }],
    step: 'reserve pv',
  },
  {
    rule: 'BND11',
    when: 'the claim is delayed (1-14)',
    storageClass: later,
    volumes: [{ spec: { claimRef: pointer() } }],
    step: 'reserve pv',
  },
  {
    rule: 'BND11',
    when: 'a volume points at an earlier claim of its name',
    claim: { annotations: asked },
    volumes: [{ spec: { claimRef: pointer('uid-old') } }],
    step: 'rest',
    reason: 'ExternalProvisioning',
  },
  {
    rule: 'BND12',
    when: 'several fit: the smallest',
    volumes: ['20Gi', '5Gi', '8Gi'].map((storage) => ({ name: storage, spec: { capacity: { storage } } })),
    step: 'reserve 5Gi',
  },
  {
    rule: 'BND12',
    when: 'the only volume is too small',
    claim: { annotations: asked, spec: { resources: { requests: { storage: '20Gi' } } } },
    volumes: [{}],
    step: 'rest',
    reason: 'ExternalProvisioning',
  },
  {
    rule: 'BND12',
    when: 'the volumes are not Available (Pending, Failed, Released)',
    claim: { annotations: asked },
    volumes: [{ phase: 'Pending' }, { phase: 'Failed' }, { phase: 'Released' }],
    step: 'rest',
    reason: 'ExternalProvisioning',
  },
  {
    rule: 'BND13',
    when: 'a block volume points at a filesystem claim',
    volumes: [{ spec: { claimRef: pointer(), volumeMode: 'Block' } }],
    step: 'rest',
    reason: 'FailedBinding',
    says: 'volumeMode',
  },
  {
    rule: 'BND13',
    when: 'a volume that is too small points at it',
    claim: { spec: { resources: { requests: { storage: '20Gi' } } } },
    volumes: [{ spec: { claimRef: pointer() } }],
    step: 'rest',
    reason: 'FailedBinding',
    says: 'it has 10Gi, needed 20Gi',
  },
  {
    rule: 'BND14',
    when: 'no pod uses it',
    storageClass: later,
    volumes: [{}],
    step: 'rest',
    reason: 'WaitForFirstConsumer',
  },
  {
    rule: 'BND14',
    when: 'pods wait with it',
    storageClass: later,
    waitingPods: ['a', 'b'],
    step: 'rest',
    reason: 'WaitForPodScheduled',
    says: 'pods a,b',
  },
  {
    rule: 'BND14',
    when: 'a node is selected, it is provisioned',
    storageClass: later,
    claim: { annotations: { [SELECTED_NODE]: 'node-1' } },
    volumes: [{}],
    step: 'ask-provisioner',
  },
  {
    rule: 'BND15',
    when: 'it has no class',
    claim: { spec: { storageClassName: '' } },
    storageClass: undefined,
    step: 'rest',
    reason: 'FailedBinding',
  },
  {
    rule: 'BND16',
    when: 'its class is unknown',
    storageClass: undefined,
    step: 'rest',
    reason: 'ProvisioningFailed',
    says: '"gold" not found',
  },
  {
    rule: 'BND16',
    when: 'its class has no provisioner',
    storageClass: { ...gold, provisioner: 'kubernetes.io/no-provisioner' },
    step: 'rest',
    reason: 'ProvisioningFailed',
    says: 'administrator',
  },
  {
    rule: 'BND16',
    when: 'its provisioner is in-tree',
    storageClass: { ...gold, provisioner: 'kubernetes.io/aws-ebs' },
    step: 'rest',
    reason: 'ProvisioningFailed',
    says: 'no volume plugin matched name',
  },
  { rule: 'BND17', when: 'nothing fits', step: 'ask-provisioner' },
  {
    rule: 'BND17',
    when: 'the provisioner was asked',
    claim: { annotations: asked },
    step: 'rest',
    reason: 'ExternalProvisioning',
  },
  {
    rule: 'BND17',
    when: 'another provisioner was asked',
    claim: { annotations: { ...asked, [STORAGE_PROVISIONER]: 'old' } },
    step: 'ask-provisioner',
  },
  {
    rule: 'BND18',
    when: 'a default class appeared (15-5)',
    claim: { spec: { storageClassName: undefined } },
    storageClass: undefined,
    defaultClass: 'gold',
    step: 'assign-class',
  },
  {
    rule: 'BND18',
    when: 'the claim chose no class',
    claim: { spec: { storageClassName: '' } },
    storageClass: undefined,
    defaultClass: 'gold',
    step: 'rest',
    reason: 'FailedBinding',
  },
  {
    rule: 'BND18',
    when: 'a volume without class fits first',
    claim: { spec: { storageClassName: undefined } },
    volumes: [{ spec: { storageClassName: '' } }],
    storageClass: undefined,
    defaultClass: 'gold',
    step: 'reserve pv',
  },
  {
    rule: 'BND19',
    when: 'it was Bound without a volume (1-3)',
    claim: { annotations: asked, status: { phase: 'Bound' } },
    step: 'pend',
    reason: 'ExternalProvisioning',
  },
  // Named volumes (set 2).
  { rule: 'BND20', when: 'the volume is missing', claim: { spec: { volumeName: 'pv' } }, step: 'rest' },
  {
    rule: 'BND20',
    when: 'it was Bound to nothing',
    claim: { spec: { volumeName: 'pv' }, status: { phase: 'Bound' } },
    step: 'pend',
  },
  {
    rule: 'BND21',
    when: 'the volume is free and the selector refuses it',
    claim: { spec: { volumeName: 'pv', selector: { matchLabels: { a: 'b' } } } },
    volumes: [{}],
    step: 'reserve pv',
  },
  ...[
    { capacity: { storage: '1Mi' } },
    { storageClassName: 'silver' },
    { volumeMode: 'Block' as const },
    { accessModes: ['ReadOnlyMany'] },
    { volumeAttributesClassName: 'quick' },
  ].map((spec) => ({
    rule: 'BND22',
    when: `the volume has ${JSON.stringify(spec)}`,
    claim: { spec: { volumeName: 'pv' } },
    volumes: [{ spec }],
    step: 'rest',
    reason: 'VolumeMismatch',
  })),
  {
    rule: 'BND22',
    when: 'the volume points back with another volumeMode',
    claim: { spec: { volumeName: 'pv' } },
    volumes: [{ spec: { ...mine, volumeMode: 'Block' } }],
    step: 'rest',
    reason: 'VolumeMismatch',
  },
  {
    rule: 'BND23',
    when: 'the volume points back with another class and size',
    claim: { spec: { volumeName: 'pv' } },
    volumes: [{ spec: { claimRef: pointer(), storageClassName: 'silver', capacity: { storage: '1Mi' } } }],
    step: 'reserve pv',
  },
  {
    rule: 'BND24',
    when: 'the user named a volume of another claim',
    claim: { spec: { volumeName: 'pv' } },
    volumes: [{ spec: { claimRef: pointer('uid-x', 'other') } }],
    step: 'rest',
    reason: 'FailedBinding',
    says: 'shop/other',
  },
  {
    rule: 'BND24',
    when: 'the controller had chosen a volume of another claim',
    claim: { spec: { volumeName: 'pv' }, annotations: ours },
    volumes: [{ spec: { claimRef: pointer('uid-x', 'other') } }],
    step: 'rest',
    reason: 'FailedBinding',
  },
  // Bound claims (sets 3 and 5).
  {
    rule: 'BND40',
    when: 'volumeName is gone',
    claim: { annotations: completed },
    step: 'lose',
    reason: 'ClaimLost',
  },
  {
    rule: 'BND41',
    when: 'the volume is gone',
    claim: { annotations: completed, spec: { volumeName: 'pv' } },
    step: 'lose',
    reason: 'ClaimLost',
  },
  {
    rule: 'BND42',
    when: 'the volume lost its pointer',
    claim: { annotations: completed, spec: { volumeName: 'pv' } },
    volumes: [{}],
    step: 'reserve pv',
  },
  {
    rule: 'BND42',
    when: 'the volume lost the UID',
    claim: { annotations: completed, spec: { volumeName: 'pv' } },
    volumes: [{ spec: { claimRef: pointer() } }],
    step: 'reserve pv',
  },
  {
    rule: 'BND43',
    when: 'a lost claim finds its volume again',
    claim: { annotations: completed, spec: { volumeName: 'pv' }, status: { phase: 'Lost' } },
    volumes: [{ spec: mine, phase: 'Bound' }],
    step: 'publish pv',
  },
  {
    rule: 'BND44',
    when: 'the volume belongs to another claim',
    claim: { annotations: completed, spec: { volumeName: 'pv' } },
    volumes: [{ spec: { claimRef: pointer('uid-x', 'other') }, phase: 'Bound' }],
    step: 'lose',
    reason: 'ClaimMisbound',
  },
  {
    rule: 'BND45',
    when: 'it is Lost already',
    claim: { annotations: completed, spec: { volumeName: 'pv' }, status: { phase: 'Lost' } },
    step: 'rest',
  },
];

test.each(rows)('$rule: a claim decides $step $reason when $when', ({ step, reason, says, ...world }) => {
  const decided = decideClaim(viewOf(world));
  const volume = 'volume' in decided ? ` ${decided.volume.metadata.name}` : '';
  const news = 'news' in decided ? decided.news : undefined;
  expect([`${decided.kind}${volume}`, news?.reason]).toEqual([step, reason]);
  if (says !== undefined) expect(news?.message).toContain(says);
});

interface VolumeRow {
  readonly rule: string;
  readonly when: string;
  readonly volume: VolumeParts;
  readonly claim?: ClaimParts;
  readonly recycling?: Recycling;
  readonly step: object;
}
const retained = { persistentVolumeReclaimPolicy: 'Retain' as const, ...mine };
const deletable = { persistentVolumeReclaimPolicy: 'Delete' as const, ...mine };
const made = { [PROVISIONED_BY]: 'disk.holdfast.dev' };
const inTree = { [PROVISIONED_BY]: 'kubernetes.io/host-path' };
const ebs = { [PROVISIONED_BY]: 'kubernetes.io/aws-ebs' };
const migrated = { ...ebs, [MIGRATED_TO]: 'ebs.csi.aws.com' };
const recycled = { persistentVolumeReclaimPolicy: 'Recycle' as const, hostPath: { path: '/d' }, ...mine };
const scrubber = (phase: string, claimUid = 'uid-data') => ({
  users: [],
  scrubber: { name: 'recycler-for-pv', phase, claimUid },
});
const OWN = 'kubernetes.io/pv-controller';
const volumeRows: readonly VolumeRow[] = [
  {
    rule: 'BND64',
    when: 'it is released',
    volume: { phase: 'Released', spec: recycled },
    recycling: { users: [], scrubber: undefined },
    step: { kind: 'scrub' },
  },
  {
    rule: 'BND64',
    when: 'its claim is just gone',
    volume: { phase: 'Bound', spec: recycled },
    recycling: { users: [], scrubber: undefined },
    step: { kind: 'release' },
  },
  ...['', 'Pending', 'Running'].map((phase) => ({
    rule: 'BND64',
    when: `its scrubber is "${phase}"`,
    volume: { phase: 'Released' as const, spec: recycled },
    recycling: scrubber(phase),
    step: { kind: 'rest' },
  })),
  {
    rule: 'BND64',
    when: 'it was bound by us and is scrubbed (6-1)',
    volume: { phase: 'Released', spec: recycled, annotations: ours },
    recycling: scrubber('Succeeded'),
    step: { kind: 'roll-back', clears: 'pointer', news: { reason: 'VolumeRecycled', type: 'Normal' } },
  },
  {
    rule: 'BND64',
    when: 'a user had bound it and it is scrubbed (6-2)',
    volume: { phase: 'Released', spec: recycled },
    recycling: scrubber('Succeeded'),
    step: { kind: 'roll-back', clears: 'uid' },
  },
  {
    rule: 'BND64',
    when: 'its scrubber did its work after an earlier claim',
    volume: { phase: 'Released', spec: recycled },
    recycling: scrubber('Succeeded', 'uid-old'),
    step: { kind: 'drop-scrubber', pod: 'recycler-for-pv' },
  },
  {
    rule: 'BND64',
    when: 'it is free again and the scrubber is left',
    volume: {
      phase: 'Available',
      spec: { persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/d' } },
    },
    recycling: scrubber('Succeeded'),
    step: { kind: 'drop-scrubber' },
  },
  {
    rule: 'BND65',
    when: 'a pod uses its claim (6-11, 6-12)',
    volume: { phase: 'Released', spec: recycled },
    recycling: { users: ['shop/web'], scrubber: undefined },
    step: { kind: 'rest', news: { type: 'Normal', reason: 'VolumeFailedRecycle' } },
  },
  {
    rule: 'BND65',
    when: 'its scrubber failed (6-5)',
    volume: { phase: 'Released', spec: recycled },
    recycling: scrubber('Failed'),
    step: { kind: 'set-phase', phase: 'Failed', news: { type: 'Warning', reason: 'VolumeFailedRecycle' } },
  },
  {
    rule: 'BND65',
    when: 'its scrubber failed and it is Failed',
    volume: { phase: 'Failed', spec: recycled },
    recycling: scrubber('Failed'),
    step: { kind: 'rest' },
  },
  {
    rule: 'BND67',
    when: 'an in-tree provisioner made it that has a driver now',
    volume: { phase: 'Bound', spec: mine, annotations: ebs },
    claim: { spec: { volumeName: 'pv' } },
    step: { kind: 'mark-migrated', driver: 'ebs.csi.aws.com' },
  },
  {
    rule: 'BND67',
    when: 'the mark is there and no driver took it over',
    volume: { phase: 'Bound', spec: mine, annotations: { ...inTree, [MIGRATED_TO]: 'x' } },
    step: { kind: 'mark-migrated', driver: undefined },
  },
  {
    rule: 'BND67',
    when: 'it is marked and released',
    volume: { phase: 'Released', spec: deletable, annotations: migrated },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND66',
    when: 'it was migrated and has other finalizers',
    volume: { phase: 'Bound', spec: deletable, annotations: migrated, finalizers: [OWN, 'x'] },
    step: { kind: 'set-finalizers', finalizers: ['x'] },
  },
  {
    rule: 'BND60',
    when: 'its policy became Retain after it failed',
    volume: { phase: 'Failed', spec: retained },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND61',
    when: 'its policy became Delete after it was retained',
    volume: { phase: 'Released', spec: deletable, annotations: made },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND52',
    when: 'the new claim of the name is bound to it by name only',
    volume: { phase: 'Bound', spec: { claimRef: pointer('uid-old') } },
    claim: { spec: { volumeName: 'pv' } },
    step: { kind: 'release' },
  },
  {
    rule: 'BND50',
    when: 'it is new (4-1)',
    volume: { phase: 'Pending' },
    step: { kind: 'set-phase', phase: 'Available' },
  },
  {
    rule: 'BND50',
    when: 'a user cleared its claimRef',
    volume: { phase: 'Released' },
    step: { kind: 'set-phase', phase: 'Available' },
  },
  { rule: 'BND50', when: 'it is Available', volume: {}, step: { kind: 'rest' } },
  {
    rule: 'BND51',
    when: 'it waits for a claim (4-2)',
    volume: { phase: 'Pending', spec: { claimRef: pointer() } },
    step: { kind: 'set-phase', phase: 'Available' },
  },
  {
    rule: 'BND52',
    when: 'its claim is gone (4-3)',
    volume: { phase: 'Bound', spec: mine },
    step: { kind: 'release' },
  },
  {
    rule: 'BND52',
    when: 'a new claim has the name',
    volume: { phase: 'Bound', spec: { claimRef: pointer('uid-old') } },
    claim: {},
    step: { kind: 'release' },
  },
  {
    rule: 'BND53',
    when: 'its claim is unbound (4-5)',
    volume: { spec: mine },
    claim: {},
    step: { kind: 'rest' },
  },
  {
    rule: 'BND53',
    when: 'the pair is whole',
    volume: { spec: mine, phase: 'Bound' },
    claim: { spec: { volumeName: 'pv' } },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND54',
    when: 'its claim wants another volumeMode',
    volume: { spec: { ...mine, volumeMode: 'Block' } },
    claim: {},
    step: { kind: 'rest', news: { reason: 'VolumeMismatch', type: 'Warning' } },
  },
  {
    rule: 'BND55',
    when: 'it was made for a claim that took another (8-11)',
    volume: { spec: deletable, annotations: made },
    claim: { spec: { volumeName: 'other' } },
    step: { kind: 'release' },
  },
  {
    rule: 'BND56',
    when: 'our choice lost the race (4-7)',
    volume: { spec: mine, annotations: ours },
    claim: { spec: { volumeName: 'other' } },
    step: { kind: 'roll-back', clears: 'pointer' },
  },
  {
    rule: 'BND57',
    when: 'a user’s choice lost the race (4-8)',
    volume: { spec: mine },
    claim: { spec: { volumeName: 'other' } },
    step: { kind: 'roll-back', clears: 'uid' },
  },
  {
    rule: 'BND60',
    when: 'it is released and retained',
    volume: { phase: 'Released', spec: retained },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND61',
    when: 'its provisioner deletes it',
    volume: { phase: 'Released', spec: deletable, annotations: made },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND62',
    when: 'nobody can delete it (8-3)',
    volume: { phase: 'Released', spec: deletable },
    step: { kind: 'set-phase', phase: 'Failed', news: { reason: 'VolumeFailedDelete' } },
  },
  {
    rule: 'BND62',
    when: 'nobody can recycle it (6-3)',
    volume: { phase: 'Released', spec: { ...mine, persistentVolumeReclaimPolicy: 'Recycle' } },
    step: { kind: 'set-phase', phase: 'Failed', news: { reason: 'VolumeFailedRecycle' } },
  },
  {
    rule: 'BND62',
    when: 'it is Failed already',
    volume: { phase: 'Failed', spec: deletable },
    step: { kind: 'rest' },
  },
  {
    rule: 'BND66',
    when: 'an in-tree one was made (13-3)',
    volume: { phase: 'Bound', spec: deletable, annotations: inTree, finalizers: ['x'] },
    step: { kind: 'set-finalizers', finalizers: ['x', OWN] },
  },
  {
    rule: 'BND66',
    when: 'its policy became Retain (13-14)',
    volume: { phase: 'Bound', spec: retained, annotations: inTree, finalizers: [OWN, 'x'] },
    step: { kind: 'set-finalizers', finalizers: ['x'] },
  },
  {
    rule: 'BND66',
    when: 'a CSI one is left to its provisioner',
    volume: { spec: { ...deletable, csi: { driver: 'd', volumeHandle: 'h' } }, annotations: made },
    claim: {},
    step: { kind: 'rest' },
  },
];

test.each(volumeRows)('$rule: a volume decides $step when $when', ({ volume, claim, recycling, step }) => {
  const found = claim === undefined ? undefined : aClaim(claim);
  const more = recycling === undefined ? {} : { recycling };
  expect(decideVolume({ volume: aVolume(volume), claim: found, ...more })).toMatchObject(step);
});

test('BND11: only a volume that points at the claim counts as pointing', () => {
  expect(pointsAtClaim(aVolume({ spec: { claimRef: pointer('uid-old') } }), aClaim())).toBe(false);
});
