import { expect, test } from 'vitest';
import { volumeAttachments } from '#api/resources.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import { BOOT_ID } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { readAttachment } from './attachment.ts';

const csi = { driver: 'd', volumeHandle: 'h' };
const node = { nodeName: 'node-1', bootId: 'boot-2' };

test.each([
  { when: 'it records this boot', annotations: { [BOOT_ID]: 'boot-2' }, isAttached: true },
  { when: 'it records an earlier boot', annotations: { [BOOT_ID]: 'boot-1' }, isAttached: false },
  { when: 'it records none', annotations: {}, isAttached: true },
])('AGT76: an attachment counts as attached: $isAttached when $when', async ({ annotations, isAttached }) => {
  const api = scriptedApi();
  api.seed(volumeAttachments, {
    metadata: { name: attachmentName(csi, 'node-1'), annotations },
    spec: { attacher: 'd', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
    status: { attached: true },
  });
  const found = await readAttachment(api, { driver: 'd', handle: 'h' }, node);
  expect(found?.isAttached).toBe(isAttached);
});

test.each([
  { when: 'the node is full', errorCode: 8, full: 'no slot is left' },
  { when: 'the call had another end', errorCode: 4, full: undefined },
  { when: 'the sidecar tells no code', errorCode: undefined, full: undefined },
  { when: 'it is attached all the same', errorCode: 8, attached: true, full: undefined },
  { when: 'it is being detached', errorCode: 8, isLeaving: true, full: undefined },
])('AGT88: an attach error is $full when $when', async ({ errorCode, attached = false, isLeaving, full }) => {
  const api = scriptedApi();
  const leaving = isLeaving === true && { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a'] };
  api.seed(volumeAttachments, {
    metadata: { name: attachmentName(csi, 'node-1'), ...leaving },
    spec: { attacher: 'd', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
    status: {
      attached,
      attachError: { message: 'no slot is left', ...(errorCode === undefined ? {} : { errorCode }) },
    },
  });
  const found = await readAttachment(api, { driver: 'd', handle: 'h' }, node);
  expect(found?.nodeIsFull).toBe(full);
});
