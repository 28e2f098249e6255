import { expect, test } from 'vitest';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import {
  configMaps,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { attachmentName } from './attachment-name.ts';
import { proveDetachable, proveOrphanDeletable, proveVolumeDeletable } from './proofs.ts';
import { BIND_COMPLETED, BOOT_ID, FORCE_DETACH, HONOURS_BOOT_ID, POWERED_OFF } from './well-known.ts';

const csi = { driver: 'd', volumeHandle: 'h' };
const NAME = 'csi/d^h';
const ATTACHMENT = attachmentName(csi, 'node-1');
const claimRef = { namespace: 'shop', name: 'data', uid: 'uid-data' };
const aVolume = (
  spec: PersistentVolume['spec'] = {},
  status: PersistentVolume['status'] = {},
): PersistentVolume => ({
  metadata: { name: 'pv', uid: 'uid-pv' },
  spec: { csi, claimRef, persistentVolumeReclaimPolicy: 'Delete', ...spec },
  status: { phase: 'Released', ...status },
});
const aClaim = (uid: string, volumeName?: string): PersistentVolumeClaim => ({
  metadata: {
    namespace: 'shop',
    name: 'data',
    uid,
    annotations: volumeName === undefined ? {} : { [BIND_COMPLETED]: 'yes' },
  },
  spec: { volumeName },
});
const aNode = (status: Node['status'] = {}, spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'node-1' },
  spec,
  status,
});
const anAttachment = (bootId = 'boot-1') => ({
  metadata: { name: ATTACHMENT, uid: 'uid-va', annotations: { [BOOT_ID]: bootId } },
  spec: { attacher: 'd', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
});
const aPod = (phase: 'Running' | 'Succeeded', claimName = 'data'): Pod => ({
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    nodeName: 'node-1',
    containers: [],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
  },
  status: { phase },
});
const inUse = { volumesInUse: [`kubernetes.io/${NAME}`] };
type Api = ReturnType<typeof scriptedApi>;

test('RUL110: a released volume without claim, attachment and user may be deleted', async () => {
  const api = scriptedApi();
  const stored = api.seed(persistentVolumes, aVolume());
  const result = await proveVolumeDeletable(api, 'pv');
  if (result.kind !== 'proven') throw new Error(result.because);
  const { resourceVersion } = stored.metadata;
  expect(result.proof).toMatchObject({
    driver: 'd',
    volumeHandle: 'h',
    preconditions: { uid: 'uid-pv', resourceVersion },
  });
  expect(result.proof.describe()).toContain('persistentvolumeclaims/shop/data@absent');
});

const accepted: readonly { when: string; seed: (api: Api) => unknown }[] = [
  { when: 'its claim has another UID', seed: (api) => api.seed(persistentVolumeClaims, aClaim('uid-new')) },
  {
    when: 'its claim is bound elsewhere',
    seed: (api) => api.seed(persistentVolumeClaims, aClaim('uid-data', 'other')),
  },
  {
    when: 'the node that lists it is out of service',
    seed: (api) =>
      api.seed(
        nodes,
        aNode(inUse, { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] }),
      ),
  },
];
test.each(accepted)('RUL110: proven when $when', async ({ seed }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, aVolume());
  seed(api);
  expect(await proveVolumeDeletable(api, 'pv')).toMatchObject({ kind: 'proven' });
});

const refusals: readonly { when: string; volume?: PersistentVolume; seed?: (api: Api) => unknown }[] = [
  { when: 'the policy is Retain', volume: aVolume({ persistentVolumeReclaimPolicy: 'Retain' }) },
  { when: 'it is still Bound', volume: aVolume({}, { phase: 'Bound' }) },
  { when: 'it has no claimRef', volume: aVolume({ claimRef: undefined }) },
  { when: 'it is not CSI', volume: aVolume({ csi: undefined }) },
  { when: 'its claim exists', seed: (api) => api.seed(persistentVolumeClaims, aClaim('uid-data')) },
  {
    when: 'its claim is bound to it',
    seed: (api) => api.seed(persistentVolumeClaims, aClaim('uid-data', 'pv')),
  },
  { when: 'an attachment exists', seed: (api) => api.seed(volumeAttachments, anAttachment()) },
  { when: 'a node reports it in use', seed: (api) => api.seed(nodes, aNode(inUse)) },
  {
    when: 'another object has its handle',
    seed: (api) => api.seed(persistentVolumes, { ...aVolume(), metadata: { name: 'twin' } }),
  },
];
test.each(refusals)('RUL110: refused when $when', async ({ volume = aVolume(), seed }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, volume);
  seed?.(api);
  expect(await proveVolumeDeletable(api, 'pv')).toMatchObject({ kind: 'refused' });
});

test('RUL111: an orphan may be deleted only without claim and object', async () => {
  const api = scriptedApi();
  const orphan = { ...csi, claim: claimRef };
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'proven' });
  api.seed(persistentVolumeClaims, aClaim('uid-data'));
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'refused' });
  api.drop(persistentVolumeClaims, claimRef);
  api.seed(persistentVolumes, aVolume());
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'refused' });
});

test('RUL111: an intent that gave the backend up stands for the claim, for this handle only', async () => {
  const api = scriptedApi();
  const intent = { namespace: 'holdfast-system', name: 'pvc-1' };
  const orphan = { ...csi, claim: claimRef, intent };
  api.seed(persistentVolumeClaims, aClaim('uid-data'));
  const stored = (data: Record<string, string>) => api.seed(configMaps, { metadata: intent, data });
  stored({ phase: 'creating', handle: 'h' });
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'refused' });
  stored({ phase: 'deleting', handle: 'other' });
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'refused' });
  stored({ phase: 'deleting', handle: 'h' });
  expect(await proveOrphanDeletable(api, orphan)).toMatchObject({ kind: 'proven' });
});

const attached: readonly {
  rule: string;
  when: string;
  node?: Node;
  pod?: Pod;
  bootId?: string;
  by?: string;
}[] = [
  { rule: 'RUL112', when: 'the node does not use it', node: aNode(), by: 'not-in-use' },
  { rule: 'RUL112', when: 'the node is gone' },
  { rule: 'RUL112', when: 'a pod wants it', node: aNode(), pod: aPod('Running') },
  { rule: 'RUL112', when: 'the pod has ended', node: aNode(), pod: aPod('Succeeded'), by: 'not-in-use' },
  {
    rule: 'RUL112',
    when: 'the pod uses another claim',
    node: aNode(),
    pod: aPod('Running', 'x'),
    by: 'not-in-use',
  },
  {
    rule: 'RUL112',
    when: 'it is still offered',
    node: aNode({ volumesAttached: [{ name: `kubernetes.io/${NAME}`, devicePath: '' }] }),
  },
  { rule: 'RUL113', when: 'the node reports it in use', node: aNode(inUse) },
  {
    rule: 'RUL113',
    when: 'the node is out of service',
    node: aNode(inUse, { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] }),
    by: 'out-of-service',
  },
  {
    rule: 'RUL113',
    when: 'the node has booted since',
    node: {
      ...aNode({ ...inUse, nodeInfo: { bootID: 'boot-2' } as NonNullable<Node['status']>['nodeInfo'] }),
      metadata: { name: 'node-1', annotations: { [HONOURS_BOOT_ID]: 'true' } },
    },
    by: 'rebooted',
  },
  {
    rule: 'RUL113',
    when: 'the node has booted since, unpromised',
    node: aNode({ ...inUse, nodeInfo: { bootID: 'boot-2' } as NonNullable<Node['status']>['nodeInfo'] }),
  },
  {
    rule: 'RUL113',
    when: 'it is the same boot',
    node: aNode({ ...inUse, nodeInfo: { bootID: 'boot-1' } as NonNullable<Node['status']>['nodeInfo'] }),
  },
];
test.each(attached)('$rule: detaching is proven by $by when $when', async ({ node, pod, by }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, aVolume());
  api.seed(volumeAttachments, anAttachment());
  if (node !== undefined) api.seed(nodes, node);
  if (pod !== undefined) api.seed(pods, pod);
  const result = await proveDetachable(api, ATTACHMENT);
  expect(result.kind === 'proven' ? result.proof.by : undefined).toBe(by);
});

const withWord = (word: string) => {
  const { metadata, ...rest } = anAttachment();
  return {
    ...rest,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [FORCE_DETACH]: word } },
  };
};
const system = { nodeInfo: { bootID: 'boot-1' } as NonNullable<Node['status']>['nodeInfo'] };
const poweredOff = (boot: string): Node => ({
  ...aNode({ ...inUse, ...system }),
  metadata: { name: 'node-1', annotations: { [POWERED_OFF]: boot } },
});
const words: readonly { when: string; node?: Node; word: string; by?: string }[] = [
  { when: 'the word names the attachment', node: aNode(inUse), word: 'uid-va', by: 'operator' },
  { when: 'the word names it and the node is gone', word: 'uid-va', by: 'operator' },
  { when: 'the word names an older attachment', node: aNode(inUse), word: 'uid-old' },
  { when: 'the word is empty and the node is gone', word: '' },
  { when: 'this boot of the node is off', node: poweredOff('boot-1'), word: '', by: 'operator' },
  { when: 'an older boot of the node is off', node: poweredOff('boot-0'), word: '' },
];
test.each(words)('RUL115: detached by $by when $when', async ({ node, word, by }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, aVolume());
  if (node !== undefined) api.seed(nodes, node);
  api.seed(volumeAttachments, withWord(word));
  const result = await proveDetachable(api, ATTACHMENT);
  expect(result.kind === 'proven' ? result.proof.by : undefined).toBe(by);
});

const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }], ...inUse });
test.each([
  { when: 'not asked for', node: aNode(ready('Unknown')), waitedTooLong: false, by: undefined },
  { when: 'the node is Ready', node: aNode(ready('True')), waitedTooLong: true, by: undefined },
  { when: 'configured', node: aNode(ready('Unknown')), waitedTooLong: true, by: 'waited-too-long' },
])('RUL116: time gives $by when $when', async ({ node, waitedTooLong, by }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, aVolume());
  api.seed(nodes, node);
  api.seed(volumeAttachments, anAttachment());
  const result = await proveDetachable(api, ATTACHMENT, { waitedTooLong });
  expect(result.kind === 'proven' ? result.proof.by : undefined).toBe(by);
});
