import { expect, test } from 'vitest';
import type { Node, PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { attachmentName, uniqueVolumeName } from '#rules/attachment-name.ts';
import {
  BOOT_ID,
  FORCE_DETACH,
  HONOURS_BOOT_ID,
  OUT_OF_SERVICE_TAINT,
  POWERED_OFF,
} from '#rules/well-known.ts';
import { decideNode, decideVolume } from './decide.ts';
import type { Place } from './view.ts';

const csi = { driver: 'd', volumeHandle: 'h' };
const unique = uniqueVolumeName(csi);

function stored<T extends ApiObject>(object: T): Stored<T> {
  const metadata = { name: '', uid: '', resourceVersion: '1', creationTimestamp: '', ...object.metadata };
  // The object with all that a stored one has; the compiler does not see through Omit.
  return { ...object, metadata } as unknown as Stored<T>;
}
const aVolume = (...accessModes: string[]) =>
  stored<PersistentVolume>({ metadata: { name: 'pv' }, spec: { csi, accessModes } });

interface NodeParts {
  readonly isInUse?: boolean;
  readonly isOffered?: boolean;
  readonly isOutOfService?: boolean;
  readonly boot?: string;
  readonly honoursBoot?: boolean;
  readonly poweredOff?: string;
}
const aNode = (name: string, parts: NodeParts = {}): Stored<Node> =>
  stored<Node>({
    metadata: {
      name,
      annotations: {
        ...(parts.honoursBoot === true ? { [HONOURS_BOOT_ID]: 'true' } : {}),
        ...(parts.poweredOff === undefined ? {} : { [POWERED_OFF]: parts.poweredOff }),
      },
    },
    spec:
      parts.isOutOfService === true ? { taints: [{ key: OUT_OF_SERVICE_TAINT, effect: 'NoExecute' }] } : {},
    status: {
      volumesInUse: parts.isInUse === true ? [unique] : [],
      volumesAttached: parts.isOffered === true ? [{ name: unique, devicePath: '' }] : [],
      // Of a node's system the boot ID is all that counts here.
      nodeInfo: { bootID: parts.boot ?? 'boot-1' } as NonNullable<Node['status']>['nodeInfo'],
    },
  });
const aPod = (name: string, creationTimestamp: string) =>
  stored<Pod>({ metadata: { namespace: 'shop', name, uid: name, creationTimestamp } });

interface PlaceParts extends NodeParts {
  readonly node: string;
  /** Creation times of the pods that want it. */
  readonly pods?: readonly string[];
  readonly attached?: boolean;
  readonly isDeleting?: boolean;
  readonly isNodeGone?: boolean;
  readonly isGivenUp?: boolean;
  readonly refusal?: string;
  readonly isOverdue?: boolean | undefined;
}
const anAttachment = (
  node: string,
  attached: boolean,
  { isDeleting, isGivenUp, refusal }: Partial<PlaceParts> = {},
) =>
  stored<VolumeAttachment>({
    metadata: {
      name: attachmentName(csi, node),
      uid: 'uid-va',
      annotations: { [BOOT_ID]: 'boot-1', ...(isGivenUp === true ? { [FORCE_DETACH]: 'uid-va' } : {}) },
      ...(isDeleting === true ? { deletionTimestamp: 'now' } : {}),
    },
    spec: { attacher: 'd', nodeName: node, source: { persistentVolumeName: 'pv' } },
    status: {
      attached,
      ...(refusal === undefined ? {} : { attachError: { message: refusal, errorCode: 8 } }),
    },
  });
const aPlace = (parts: PlaceParts): Place => ({
  nodeName: parts.node,
  node: parts.isNodeGone === true ? undefined : aNode(parts.node, parts),
  pods: (parts.pods ?? []).map((at) => aPod(`pod-${parts.node}`, at)),
  attachment: parts.attached === undefined ? undefined : anAttachment(parts.node, parts.attached, parts),
  isOverdue: parts.isOverdue === true,
});

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly modes?: readonly string[];
  readonly places: readonly PlaceParts[];
  readonly step: string;
  readonly told?: readonly string[];
}
const rows: readonly Row[] = [
  {
    rule: 'ATT9',
    when: 'the driver refuses to attach it',
    places: [{ node: 'a', pods: ['1'], attached: false, refusal: 'rpc error: code = RESOURCE_EXHAUSTED' }],
    step: 'rest',
    told: ['pod-a'],
  },
  {
    rule: 'ATT43',
    when: 'an operator gave it up and the node is gone',
    places: [{ node: 'a', attached: true, isNodeGone: true, isGivenUp: true }],
    step: 'detach',
  },
  {
    rule: 'ATT43',
    when: 'an operator gave it up though the node reports it',
    places: [{ node: 'a', attached: true, isInUse: true, isGivenUp: true }],
    step: 'detach',
  },
  {
    rule: 'ATT43',
    when: 'an operator gave it up and a pod wants it',
    places: [{ node: 'a', attached: true, isInUse: true, isGivenUp: true, pods: ['1'] }],
    step: 'rest',
  },
  {
    rule: 'ATT44',
    when: 'an operator switched this boot off',
    places: [{ node: 'a', attached: true, isInUse: true, poweredOff: 'boot-1' }],
    step: 'detach',
  },
  {
    rule: 'ATT44',
    when: 'another boot was switched off',
    places: [{ node: 'a', attached: true, isInUse: true, poweredOff: 'boot-0' }],
    step: 'rest',
  },
  {
    rule: 'ATT45',
    when: 'the configured time is over',
    places: [{ node: 'a', attached: true, isInUse: true, isOverdue: true }],
    step: 'detach',
  },
  { rule: 'ATT1', when: 'nobody wants it', places: [], step: 'rest' },
  { rule: 'ATT1', when: 'a pod wants it', places: [{ node: 'a', pods: ['1'] }], step: 'attach a' },
  {
    rule: 'ATT1',
    when: 'the node has no object',
    places: [{ node: 'a', pods: ['1'], isNodeGone: true }],
    step: 'rest',
  },
  {
    rule: 'ATT1',
    when: 'it is attached',
    places: [{ node: 'a', pods: ['1'], attached: true }],
    step: 'rest',
  },
  ...[true, false].map((attached) => ({
    rule: 'ATT4',
    when: `another node has it, attached ${attached}`,
    places: [
      { node: 'a', pods: ['1'], attached },
      { node: 'b', pods: ['2'] },
    ],
    step: 'rest',
    told: ['pod-b'],
  })),
  {
    rule: 'ATT18',
    when: 'another node is just being detached',
    places: [
      { node: 'a', attached: false, isDeleting: true },
      { node: 'b', pods: ['2'] },
    ],
    step: 'rest',
    told: ['pod-b'],
  },
  {
    rule: 'ATT5',
    when: 'many nodes may have it',
    modes: ['ReadWriteMany'],
    places: [
      { node: 'a', pods: ['1'], attached: true },
      { node: 'b', pods: ['2'] },
    ],
    step: 'attach b',
  },
  {
    rule: 'ATT7',
    when: 'the pod on b is older',
    places: [
      { node: 'a', pods: ['2'] },
      { node: 'b', pods: ['1'] },
    ],
    step: 'attach b',
  },
  { rule: 'ATT10', when: 'nobody wants or uses it', places: [{ node: 'a', attached: true }], step: 'detach' },
  {
    rule: 'ATT10',
    when: 'its attaching had no answer yet',
    places: [{ node: 'a', attached: false }],
    step: 'detach',
  },
  {
    rule: 'ATT10',
    when: 'another node waits: detach comes first',
    places: [
      { node: 'a', attached: true },
      { node: 'b', pods: ['1'] },
    ],
    step: 'detach',
  },
  {
    rule: 'ATT11',
    when: 'it is still offered',
    places: [{ node: 'a', attached: true, isOffered: true }],
    step: 'rest',
  },
  {
    rule: 'ATT12',
    when: 'the agent reports it in use',
    places: [{ node: 'a', attached: true, isInUse: true }],
    step: 'rest',
  },
  {
    rule: 'ATT13',
    when: 'the node is out of service',
    places: [{ node: 'a', attached: true, isInUse: true, isOutOfService: true }],
    step: 'detach',
  },
  {
    rule: 'ATT13',
    when: 'the node has booted since',
    places: [{ node: 'a', attached: true, isInUse: true, boot: 'boot-2', honoursBoot: true }],
    step: 'detach',
  },
  {
    rule: 'ATT14',
    when: 'the node has no object',
    places: [{ node: 'a', attached: true, isNodeGone: true }],
    step: 'rest',
  },
  {
    rule: 'ATT16',
    when: 'it is wanted after a reboot',
    places: [{ node: 'a', attached: true, pods: ['1'], boot: 'boot-2' }],
    step: 'record-boot',
  },
  {
    rule: 'ATT18',
    when: 'it is being deleted',
    places: [{ node: 'a', attached: true, isDeleting: true }],
    step: 'rest',
  },
];
test.each(rows)(
  '$rule: decides $step when $when',
  ({ modes = ['ReadWriteOnce'], places, step, told = [] }) => {
    const decided = decideVolume({ volume: aVolume(...modes), places: places.map(aPlace) });
    expect(decided.kind === 'attach' ? `attach ${decided.nodeName}` : decided.kind).toBe(step);
    const news = decided.kind === 'rest' ? decided.news : [];
    expect(news.map(({ pod }) => pod.metadata.name)).toEqual(told);
  },
);

test('ATT6: says which node and pods are in the way', () => {
  const places = [
    { node: 'a', pods: ['1'], attached: true },
    { node: 'b', pods: ['2'] },
  ].map(aPlace);
  const decided = decideVolume({ volume: aVolume('ReadWriteOnce'), places });
  expect(decided.kind === 'rest' ? decided.news[0]?.message : '').toBe(
    'Multi-Attach error for volume "pv" Volume is already exclusively attached to node "a" and can\'t be attached to ' +
      'node "b": it is held there, by pod(s) shop/pod-a',
  );
});

test('ATT17: a volume without object is only detached', () => {
  expect(decideVolume({ volume: undefined, places: [aPlace({ node: 'a', pods: ['1'] })] }).kind).toBe('rest');
  expect(decideVolume({ volume: undefined, places: [aPlace({ node: 'a', attached: true })] }).kind).toBe(
    'detach',
  );
});

interface NodeRow {
  readonly rule: string;
  readonly when: string;
  readonly node?: NodeParts;
  readonly attached?: boolean;
  readonly isDeleting?: boolean;
  readonly isWanted?: boolean;
  readonly none?: boolean;
  readonly publishes?: readonly string[];
}
const nodeRows: readonly NodeRow[] = [
  { rule: 'ATT20', when: 'it is attached and wanted', attached: true, isWanted: true, publishes: [unique] },
  { rule: 'ATT20', when: 'it is not attached yet', attached: false, isWanted: true },
  { rule: 'ATT20', when: 'it is offered already', node: { isOffered: true }, attached: true, isWanted: true },
  {
    rule: 'ATT21',
    when: 'it is being deleted',
    node: { isOffered: true },
    attached: true,
    isDeleting: true,
    isWanted: true,
    publishes: [],
  },
  { rule: 'ATT21', when: 'it has no attachment', node: { isOffered: true }, none: true, publishes: [] },
  {
    rule: 'ATT22',
    when: 'it is unwanted and in use',
    node: { isOffered: true, isInUse: true },
    attached: true,
  },
  {
    rule: 'ATT22',
    when: 'it is unwanted and unused',
    node: { isOffered: true },
    attached: true,
    publishes: [],
  },
  {
    rule: 'ATT22',
    when: 'it is unwanted on a node out of service',
    node: { isOffered: true, isInUse: true, isOutOfService: true },
    attached: true,
    publishes: [],
  },
];
test.each(nodeRows)('$rule: publishes $publishes when $when', (row) => {
  const attachment = anAttachment('a', row.attached ?? false, { isDeleting: row.isDeleting === true });
  const attachments =
    row.none === true
      ? []
      : [{ attachment, uniqueName: unique, isWanted: row.isWanted ?? false, isOverdue: false }];
  const step = decideNode({ node: aNode('a', row.node), attachments, attachables: [] });
  expect(step.kind === 'publish' ? step.names : undefined).toEqual(row.publishes);
});
