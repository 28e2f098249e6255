// Rows of world to step.
import { expect, test } from 'vitest';
import { decideVolumes, type VolumeStep } from './decide.ts';
import type { MountView, VolumeView, WorldView } from './view.ts';

const aVolume = (changes: Partial<VolumeView> = {}): VolumeView => ({
  key: 'v',
  isWanted: true,
  needsAttach: true,
  needsStage: true,
  hasDriver: true,
  isReportedInUse: true,
  isReportedAttached: true,
  attachment: { uid: 'a1', isAttached: true },
  staged: 'absent',
  stagedUnder: undefined,
  isToGrow: false,
  ...changes,
});
const aMount = (changes: Partial<MountView> = {}): MountView => ({
  key: 'p/csi/v',
  podUid: 'p',
  volume: 'v',
  desired: 'wanted',
  presence: 'absent',
  isStale: false,
  ...changes,
});
const world = (
  volume: VolumeView | undefined,
  mounts: readonly MountView[],
  isComplete = true,
): WorldView => ({
  isComplete,
  volumes: volume === undefined ? [] : [volume],
  mounts,
});
const wait = (because: Extract<VolumeStep, { kind: 'wait' }>['because']): VolumeStep[] => [
  { kind: 'wait', volume: 'v', because },
];
const staged = { staged: 'present', stagedUnder: 'a1' } as const;
const published = aMount({ presence: 'present' });
const released = aMount({ key: 'old', desired: 'released', presence: 'present' });

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly view: WorldView;
  readonly steps: readonly VolumeStep[];
}

const rows: readonly Row[] = [
  {
    rule: 'AGT60',
    when: 'everything is published and the volume is to grow',
    view: world(aVolume({ ...staged, isToGrow: true }), [published]),
    steps: [{ kind: 'grow', volume: 'v' }],
  },
  {
    rule: 'AGT60',
    when: 'a mount is missing too: it comes first',
    view: world(aVolume({ ...staged, isToGrow: true }), [aMount()]),
    steps: [{ kind: 'publish', mount: 'p/csi/v' }],
  },
  {
    rule: 'AGT60',
    when: 'the driver of a volume that is to grow has gone',
    view: world(aVolume({ ...staged, isToGrow: true, hasDriver: false }), [published]),
    steps: [],
  },
  {
    rule: 'AGT1',
    when: 'another pod waits for the volume of a released one: down before up',
    view: world(aVolume(staged), [aMount(), released]),
    steps: [{ kind: 'unpublish', mount: 'old' }],
  },
  {
    rule: 'AGT1',
    when: 'a released local mount is unknown: it is taken down',
    view: world(undefined, [aMount({ volume: undefined, desired: 'released', presence: 'unknown' })]),
    steps: [{ kind: 'unpublish', mount: 'p/csi/v' }],
  },
  {
    rule: 'AGT2',
    when: 'nobody wants a staged volume',
    view: world(aVolume({ ...staged, isWanted: false }), []),
    steps: [{ kind: 'unstage', volume: 'v' }],
  },
  {
    rule: 'AGT2',
    when: 'nobody wants a volume whose stage is unknown',
    view: world(aVolume({ staged: 'unknown', isWanted: false }), []),
    steps: [{ kind: 'unstage', volume: 'v' }],
  },
  {
    rule: 'AGT3',
    when: 'the world is not complete and a mount has no pod',
    view: world(aVolume({ ...staged, isWanted: false }), [released], false),
    steps: wait('world-incomplete'),
  },
  {
    rule: 'AGT3',
    when: 'the world is not complete and a stage has no pod',
    view: world(aVolume({ ...staged, isWanted: false }), [], false),
    steps: wait('world-incomplete'),
  },
  {
    rule: 'AGT3',
    when: 'the world is not complete and a local mount has no pod',
    view: world(undefined, [aMount({ volume: undefined, desired: 'released', presence: 'present' })], false),
    steps: [],
  },
  {
    rule: 'AGT4',
    when: 'a known pod keeps a mount that is not resolved',
    view: world(aVolume({ ...staged, isWanted: false }), [aMount({ desired: 'kept', presence: 'unknown' })]),
    steps: [],
  },
  {
    rule: 'AGT5',
    when: 'volumesInUse is not stored',
    view: world(aVolume({ isReportedInUse: false }), [aMount()]),
    steps: wait('in-use-not-stored'),
  },
  {
    rule: 'AGT6',
    when: 'the Node does not list it as attached',
    view: world(aVolume({ isReportedAttached: false }), [aMount()]),
    steps: wait('not-attached'),
  },
  {
    rule: 'AGT6',
    when: 'the attachment is being deleted',
    view: world(aVolume({ attachment: { uid: 'a1', isAttached: false } }), [aMount()]),
    steps: wait('not-attached'),
  },
  {
    rule: 'AGT88',
    when: 'the driver found the node full',
    view: world(
      aVolume({
        isReportedAttached: false,
        attachment: { uid: 'a1', isAttached: false, nodeIsFull: 'no slot' },
      }),
      [aMount()],
    ),
    steps: [{ kind: 'give-up', volume: 'v' }],
  },
  {
    rule: 'AGT88',
    when: 'the node was full and nobody waits for the volume any more',
    view: world(aVolume({ attachment: { uid: 'a1', isAttached: false, nodeIsFull: 'no slot' } }), [
      aMount({ presence: 'present' }),
    ]),
    steps: [],
  },
  {
    rule: 'AGT6',
    when: 'the driver needs no attach',
    view: world(aVolume({ needsAttach: false, attachment: undefined, isReportedInUse: false }), [aMount()]),
    steps: [{ kind: 'stage', volume: 'v' }],
  },
  {
    rule: 'AGT7',
    when: 'the stage is of an older attachment',
    view: world(aVolume({ staged: 'present', stagedUnder: 'a0' }), [aMount()]),
    steps: [{ kind: 'unstage', volume: 'v' }],
  },
  {
    rule: 'AGT7',
    when: 'a pod still uses the stage of an older attachment',
    view: world(aVolume({ staged: 'present', stagedUnder: 'a0' }), [published, aMount({ key: 'q' })]),
    steps: wait('stage-of-older-attachment'),
  },
  {
    rule: 'AGT8',
    when: 'attached and not staged',
    view: world(aVolume(), [aMount()]),
    steps: [{ kind: 'stage', volume: 'v' }],
  },
  {
    rule: 'AGT8',
    when: 'the driver does not stage',
    view: world(aVolume({ needsStage: false }), [aMount()]),
    steps: [{ kind: 'publish', mount: 'p/csi/v' }],
  },
  {
    rule: 'AGT9',
    when: 'staged and not published',
    view: world(aVolume(staged), [aMount()]),
    steps: [{ kind: 'publish', mount: 'p/csi/v' }],
  },
  {
    rule: 'AGT9',
    when: 'the content of a local mount has changed',
    view: world(undefined, [aMount({ volume: undefined, presence: 'present', isStale: true })]),
    steps: [{ kind: 'publish', mount: 'p/csi/v' }],
  },
  {
    rule: 'AGT10',
    when: 'the driver has gone and a pod is released',
    view: world(aVolume({ hasDriver: false, isWanted: false }), [released]),
    steps: wait('driver-missing'),
  },
  {
    rule: 'AGT10',
    when: 'the driver has gone and a pod waits',
    view: world(aVolume({ hasDriver: false }), [aMount()]),
    steps: wait('driver-missing'),
  },
  {
    rule: 'AGT10',
    when: 'the driver has gone and a stage is left',
    view: world(aVolume({ ...staged, hasDriver: false, isWanted: false }), []),
    steps: wait('driver-missing'),
  },
  {
    rule: 'AGT11',
    when: 'the stage is unknown',
    view: world(aVolume({ staged: 'unknown', stagedUnder: 'a1' }), [aMount()]),
    steps: [{ kind: 'stage', volume: 'v' }],
  },
  {
    rule: 'AGT11',
    when: 'the publish is unknown',
    view: world(aVolume(staged), [aMount({ presence: 'unknown' })]),
    steps: [{ kind: 'publish', mount: 'p/csi/v' }],
  },
  { rule: 'AGT12', when: 'all is as wanted', view: world(aVolume(staged), [published]), steps: [] },
  {
    rule: 'AGT12',
    when: 'nothing is wanted and nothing is there',
    view: world(aVolume({ isWanted: false }), [aMount({ desired: 'released' })]),
    steps: [],
  },
];

test.each(rows)('$rule: $when', ({ view, steps }) => {
  expect(decideVolumes(view)).toEqual(steps);
});
