import { describe, expect, test } from 'vitest';
import { decideProvision, decideReclaim, type ProvisionStep, type ReclaimStep } from './decide.ts';
import type { ClaimFacts, ProvisionView, ReclaimView } from './view.ts';

const DRIVER = 'disk.holdfast.dev';
const UID = 'c1';

const aClaim = (over: Partial<ClaimFacts> = {}): ClaimFacts => ({
  namespace: 'default',
  name: 'data',
  uid: UID,
  isDeleting: false,
  provisioner: DRIVER,
  volumeName: '',
  className: 'fast',
  selectedNode: 'node-1',
  dataSource: { kind: 'none' },
  ...over,
});
const aView = (over: Partial<ProvisionView> = {}): ProvisionView => ({
  driver: DRIVER,
  distributed: undefined,
  claim: aClaim(),
  storageClass: { uid: 's1', isDelayed: true, provisioner: DRIVER },
  intent: undefined,
  volume: undefined,
  ...over,
});
const intent = (over: Partial<NonNullable<ProvisionView['intent']>> = {}) => ({
  phase: 'creating' as const,
  claimUid: UID,
  isFresh: false,
  ...over,
});
const volume = { claimUid: UID, driver: DRIVER, handle: 'vol-1' };

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly view: ProvisionView;
  readonly step: ProvisionStep['kind'];
}
const onNode = (nodeName: string, races = true) => ({ distributed: { nodeName, races } });
const immediate = { storageClass: { uid: 's1', isDelayed: false, provisioner: DRIVER } };
const ROWS: readonly Row[] = [
  {
    rule: 'PRV65',
    when: 'the data source is of a foreign kind',
    view: aView({ claim: aClaim({ dataSource: { kind: 'populator', what: 'Hello.x "h"' } }) }),
    step: 'tell',
  },
  { rule: 'PRV70', when: 'its own node is selected', view: aView(onNode('node-1')), step: 'record-intent' },
  { rule: 'PRV70', when: 'another node is selected', view: aView(onNode('node-2')), step: 'none' },
  {
    rule: 'PRV72',
    when: 'no node is selected',
    view: aView({ ...onNode('node-1'), ...immediate, claim: aClaim({ selectedNode: '' }) }),
    step: 'race',
  },
  {
    rule: 'PRV72',
    when: 'racing is off',
    view: aView({ ...onNode('node-1', false), ...immediate, claim: aClaim({ selectedNode: '' }) }),
    step: 'none',
  },
  {
    rule: 'PRV1',
    when: 'the claim has gone and left no intent',
    view: aView({ claim: undefined }),
    step: 'none',
  },
  {
    rule: 'PRV1',
    when: 'another provisioner is named',
    view: aView({ claim: aClaim({ provisioner: 'x' }) }),
    step: 'none',
  },
  {
    rule: 'PRV1',
    when: 'no provisioner is named',
    view: aView({ claim: aClaim({ provisioner: '' }) }),
    step: 'none',
  },
  {
    rule: 'PRV1',
    when: 'the claim is being deleted',
    view: aView({ claim: aClaim({ isDeleting: true }) }),
    step: 'none',
  },
  {
    rule: 'PRV1',
    when: 'the claim has a volume',
    view: aView({ claim: aClaim({ volumeName: 'v' }) }),
    step: 'none',
  },
  { rule: 'PRV1', when: 'the class is missing', view: aView({ storageClass: undefined }), step: 'refuse' },
  {
    rule: 'PRV1',
    when: 'the class was remade for another provisioner',
    view: aView({ storageClass: { uid: 's2', isDelayed: false, provisioner: 'x' } }),
    step: 'none',
  },
  {
    rule: 'PRV2',
    when: 'no node is selected',
    view: aView({ claim: aClaim({ selectedNode: '' }) }),
    step: 'none',
  },
  {
    rule: 'PRV2',
    when: 'the class binds at once and no node is selected',
    view: aView({
      claim: aClaim({ selectedNode: '' }),
      storageClass: { uid: 's1', isDelayed: false, provisioner: DRIVER },
    }),
    step: 'record-intent',
  },
  { rule: 'PRV3', when: 'everything is there but the intent', view: aView(), step: 'record-intent' },
  {
    rule: 'PRV5',
    when: 'the intent is stored and the claim waits',
    view: aView({ intent: intent() }),
    step: 'create',
  },
  {
    rule: 'PRV5',
    when: 'the intent is stored and the class has gone since',
    view: aView({ intent: intent(), storageClass: undefined }),
    step: 'create',
  },
  {
    rule: 'PRV9',
    when: 'a stranger has the name',
    view: aView({ volume: { ...volume, claimUid: 'c2' } }),
    step: 'refuse',
  },
  { rule: 'PRV10', when: 'the volume exists', view: aView({ intent: intent(), volume }), step: 'finish' },
  { rule: 'PRV10', when: 'the volume exists and the intent has gone', view: aView({ volume }), step: 'none' },
  {
    rule: 'PRV11',
    when: 'the claim has gone',
    view: aView({ claim: undefined, intent: intent() }),
    step: 'abandon',
  },
  {
    rule: 'PRV11',
    when: 'the claim is another one of the same name',
    view: aView({ claim: aClaim({ uid: 'c2' }), intent: intent() }),
    step: 'abandon',
  },
  {
    rule: 'PRV11',
    when: 'the claim took another volume meanwhile',
    view: aView({ claim: aClaim({ volumeName: 'other' }), intent: intent() }),
    step: 'abandon',
  },
  {
    rule: 'PRV11',
    when: 'a delete had begun, though the claim waits again',
    view: aView({ intent: intent({ phase: 'deleting' }) }),
    step: 'abandon',
  },
  {
    rule: 'PRV11',
    when: 'the claim has gone before the driver was called',
    view: aView({ claim: undefined, intent: intent({ isFresh: true }) }),
    step: 'withdraw',
  },
];

describe('decideProvision', () => {
  test.each(ROWS)('$rule: decides $step when $when', ({ view, step }) => {
    expect(decideProvision(view).kind).toBe(step);
  });
});

const aVolume = (over: Partial<NonNullable<ReclaimView['volume']>> = {}): ReclaimView => ({
  driver: DRIVER,
  volume: {
    phase: 'Released',
    policy: 'Delete',
    driver: DRIVER,
    provisionedBy: DRIVER,
    isDeleting: false,
    hasFinalizer: true,
    ...over,
  },
});
interface ReclaimRow {
  readonly rule: string;
  readonly when: string;
  readonly view: ReclaimView;
  readonly step: ReclaimStep;
}
const none = expect.objectContaining({ kind: 'none' });
const RECLAIM_ROWS: readonly ReclaimRow[] = [
  { rule: 'PRV20', when: 'released and Delete', view: aVolume(), step: { kind: 'delete' } },
  { rule: 'PRV20', when: 'failed and Delete', view: aVolume({ phase: 'Failed' }), step: { kind: 'delete' } },
  { rule: 'PRV20', when: 'bound', view: aVolume({ phase: 'Bound' }), step: none },
  {
    rule: 'PRV20',
    when: 'bound and being deleted',
    view: aVolume({ phase: 'Bound', isDeleting: true }),
    step: none,
  },
  { rule: 'PRV20', when: 'of another driver', view: aVolume({ driver: 'x' }), step: none },
  { rule: 'PRV20', when: 'made by hand', view: aVolume({ provisionedBy: '' }), step: { kind: 'delete' } },
  {
    rule: 'PRV20',
    when: 'made by hand and bound, without the finalizer',
    view: aVolume({ provisionedBy: '', phase: 'Bound', hasFinalizer: false }),
    step: { kind: 'set-finalizer', present: true },
  },
  {
    rule: 'PRV20',
    when: 'made by hand and never bound',
    view: aVolume({ provisionedBy: '', phase: 'Available', hasFinalizer: false }),
    step: none,
  },
  { rule: 'PRV20', when: 'made by another', view: aVolume({ provisionedBy: 'x' }), step: none },
  { rule: 'PRV20', when: 'retained', view: aVolume({ policy: 'Retain', hasFinalizer: false }), step: none },
  {
    rule: 'PRV20',
    when: 'the policy is not known',
    view: aVolume({ policy: '', hasFinalizer: false }),
    step: none,
  },
  {
    rule: 'PRV22',
    when: 'the policy became Retain',
    view: aVolume({ phase: 'Bound', policy: 'Retain' }),
    step: { kind: 'set-finalizer', present: false },
  },
  {
    rule: 'PRV22',
    when: 'the policy became Delete',
    view: aVolume({ phase: 'Bound', hasFinalizer: false }),
    step: { kind: 'set-finalizer', present: true },
  },
  { rule: 'PRV20', when: 'there is none', view: { driver: DRIVER, volume: undefined }, step: none },
];

describe('decideReclaim', () => {
  test.each(RECLAIM_ROWS)('$rule: decides $step.kind for a volume that is $when', ({ view, step }) => {
    expect(decideReclaim(view)).toEqual(step);
  });
});
