import { describe, expect, test } from 'vitest';
import { type AttachmentStep, type AttachmentView, decideAttachment, mayUnprotectVolume } from './decide.ts';
import { attachMode } from './publish-request.ts';

const DRIVER = 'disk.holdfast.dev';
type Attachment = NonNullable<AttachmentView['attachment']>;
const anAttachment = (over: Partial<Attachment> = {}): Attachment => ({
  attacher: DRIVER,
  isDeleting: false,
  hasFinalizer: false,
  isAttached: false,
  ...over,
});
const aVolume = { driver: DRIVER, hasFinalizer: true, isDeleting: false };
const aView = (over: Partial<AttachmentView> = {}): AttachmentView => ({
  driver: DRIVER,
  canPublish: true,
  isSuspect: false,
  attachment: anAttachment(),
  volume: aVolume,
  nodeId: 'node-1',
  ...over,
});
const deleting = (over: Partial<Attachment> = {}) =>
  anAttachment({ isDeleting: true, hasFinalizer: true, ...over });

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly view: AttachmentView;
  readonly step: AttachmentStep['kind'];
}
const ROWS: readonly Row[] = [
  {
    rule: 'ATC12',
    when: 'it is attached and the driver does not list it',
    view: aView({ isSuspect: true, attachment: anAttachment({ hasFinalizer: true, isAttached: true }) }),
    step: 'attach',
  },
  {
    rule: 'ATC12',
    when: 'such an attachment is being deleted',
    view: aView({ isSuspect: true, attachment: deleting({ isAttached: true }) }),
    step: 'detach',
  },
  { rule: 'ATC1', when: 'there is none', view: aView({ attachment: undefined }), step: 'none' },
  {
    rule: 'ATC1',
    when: 'it names another attacher',
    view: aView({ attachment: anAttachment({ attacher: 'x' }) }),
    step: 'none',
  },
  {
    rule: 'ATC2',
    when: 'the driver does not publish',
    view: aView({ canPublish: false }),
    step: 'mark-attached',
  },
  {
    rule: 'ATC3',
    when: 'the volume has no finalizer',
    view: aView({ volume: { ...aVolume, hasFinalizer: false } }),
    step: 'protect-volume',
  },
  { rule: 'ATC3', when: 'the attachment has no finalizer', view: aView(), step: 'protect-attachment' },
  {
    rule: 'ATC3',
    when: 'both have it',
    view: aView({ attachment: anAttachment({ hasFinalizer: true }) }),
    step: 'attach',
  },
  { rule: 'ATC4', when: 'the node ID is not known', view: aView({ nodeId: undefined }), step: 'wait' },
  { rule: 'ATC4', when: 'the volume is missing', view: aView({ volume: undefined }), step: 'wait' },
  {
    rule: 'ATC4',
    when: 'the volume is of another driver',
    view: aView({ volume: { ...aVolume, driver: 'x' } }),
    step: 'wait',
  },
  {
    rule: 'ATC4',
    when: 'the volume is being deleted',
    view: aView({ volume: { ...aVolume, isDeleting: true } }),
    step: 'wait',
  },
  {
    rule: 'ATC6',
    when: 'it is deleted while attached',
    view: aView({ attachment: deleting({ isAttached: true }) }),
    step: 'detach',
  },
  {
    rule: 'ATC6',
    when: 'it is deleted and attached says false',
    view: aView({ attachment: deleting() }),
    step: 'detach',
  },
  {
    rule: 'ATC6',
    when: 'it is deleted before the intent',
    view: aView({ attachment: deleting({ hasFinalizer: false }) }),
    step: 'none',
  },
  {
    rule: 'ATC8',
    when: 'it is deleted and no node ID is known',
    view: aView({ attachment: deleting(), nodeId: undefined }),
    step: 'wait',
  },
  {
    rule: 'ATC10',
    when: 'it is attached',
    view: aView({ attachment: anAttachment({ hasFinalizer: true, isAttached: true }) }),
    step: 'none',
  },
];

describe('decideAttachment', () => {
  test.each(ROWS)('$rule: decides $step when $when', ({ view, step }) => {
    expect(decideAttachment(view).kind).toBe(step);
  });
  test.each([
    [true, true, 0, true],
    [true, true, 1, false],
    [true, false, 0, false],
    [false, true, 0, false],
  ])(
    'ATC9: finalizer %s, deleting %s, %s attachments: may go %s',
    (hasFinalizer, isDeleting, attachments, may) => {
      expect(mayUnprotectVolume({ hasFinalizer, isDeleting, attachments })).toBe(may);
    },
  );
  test.each([
    [['ReadWriteOnce'], 'SINGLE_NODE_WRITER'],
    [['ReadWriteOnce', 'ReadWriteMany'], 'MULTI_NODE_MULTI_WRITER'],
    [['ReadOnlyMany'], 'MULTI_NODE_READER_ONLY'],
    [['ReadOnlyMany', 'ReadWriteOnce'], 'MULTI_NODE_SINGLE_WRITER'],
  ])('ATC4: %s attaches as %s', (modes, expected) => {
    expect(attachMode(modes, false)).toBe(expected);
  });
});
