import { describe, expect, test } from 'vitest';
import type { Node } from '#api/generated/core-v1.ts';
import type { CSINode, StorageClass } from '#api/generated/storage-v1.ts';
import { csiAccessMode } from './access-modes.ts';
import { fillTemplate, parseClassParameters } from './class-parameters.ts';
import { decodeIntent, encodeIntent, type Intent } from './intent.ts';
import { checkReply, persistentVolumeOf } from './persistent-volume.ts';
import { spreadOffset } from './spread-offset.ts';
import { topologyRequirement } from './topology-requirement.ts';

const names = { volumeName: 'pvc-1', claimName: 'data', claimNamespace: 'team' };
const aClass = (parameters: Record<string, string>): StorageClass => ({
  metadata: { name: 'fast' },
  provisioner: 'disk.holdfast.dev',
  parameters,
});

describe('access modes', () => {
  test.each([
    ['ReadWriteOnce', false, 'SINGLE_NODE_WRITER'],
    ['ReadWriteOnce', true, 'SINGLE_NODE_MULTI_WRITER'],
    ['ReadWriteOncePod', false, 'SINGLE_NODE_WRITER'],
    ['ReadWriteOncePod', true, 'SINGLE_NODE_SINGLE_WRITER'],
    ['ReadOnlyMany', true, 'MULTI_NODE_READER_ONLY'],
    ['ReadWriteMany', false, 'MULTI_NODE_MULTI_WRITER'],
  ])('PRV30: %s with SINGLE_NODE_MULTI_WRITER %s is %s', (mode, capability, expected) => {
    expect(csiAccessMode(mode, capability)).toBe(expected);
  });
});

describe('class parameters', () => {
  test('PRV31: those of the orchestrator never reach the driver', () => {
    const parsed = parseClassParameters(
      aClass({
        'csi.storage.k8s.io/fstype': 'xfs',
        tier: 'fast',
        'csi.storage.k8s.io/node-stage-secret-name': 's',
        'csi.storage.k8s.io/node-stage-secret-namespace': '${pvc.namespace}',
      }),
      names,
    );
    expect(parsed).toEqual({
      kind: 'parsed',
      parameters: {
        fsType: 'xfs',
        forDriver: { tier: 'fast' },
        secrets: { 'node-stage': { name: 's', namespace: 'team' } },
      },
    });
  });
  test('PRV31: an unknown one is refused by name', () => {
    expect(parseClassParameters(aClass({ 'csi.storage.k8s.io/fstyp': 'xfs' }), names)).toEqual({
      kind: 'refused',
      because:
        'Cannot read the parameters of StorageClass "fast": parameter "csi.storage.k8s.io/fstyp" is not known',
    });
  });
  test.each([
    ['name', '${pv.name}-${pvc.name}', 'pvc-1-data'],
    ['name', '${pvc.namespace}', 'team'],
    ['namespace', '${pvc.name}', undefined],
    ['namespace', "${pvc.annotations['x']}", undefined],
    ['name', "${pvc.annotations['x']}", undefined],
    ['name', '${', undefined],
  ] as const)('PRV32: a secret %s from %s is %s', (field, template, expected) => {
    expect(fillTemplate(template, field, names)).toBe(expected);
  });
});

const KEY = 'topology.disk.holdfast.dev/pool';
const aNode = (name: string, pool: string | undefined): { node: Node; csiNode: CSINode } => ({
  node: { metadata: { name, ...(pool === undefined ? {} : { labels: { [KEY]: pool } }) } },
  csiNode: {
    metadata: { name },
    spec: { drivers: [{ name: 'disk.holdfast.dev', nodeID: name, topologyKeys: [KEY] }] },
  },
});
const request = (over: object) => ({
  claimName: 'data',
  strict: false,
  immediate: true,
  driver: 'disk.holdfast.dev',
  selectedNode: '',
  nodes: [aNode('a', 'east'), aNode('b', 'west'), aNode('c', 'west')],
  allowedTopologies: [],
  ...over,
});

const EAST = { [KEY]: 'east' };
const WEST = { [KEY]: 'west' };
const term = (...values: string[]) => ({ matchLabelExpressions: [{ key: KEY, values }] });

describe('topology', () => {
  test.each([
    {
      rule: 'PRV61',
      when: 'a node is selected',
      over: { selectedNode: 'c' },
      requisite: [EAST, WEST],
      preferred: [WEST, EAST],
    },
    {
      rule: 'PRV61',
      when: 'strict',
      over: { selectedNode: 'c', strict: true },
      requisite: [WEST],
      preferred: [WEST],
    },
    {
      rule: 'PRV61',
      when: 'other nodes have other keys',
      over: {
        selectedNode: 'c',
        nodes: [
          aNode('c', 'west'),
          {
            node: { metadata: { name: 'z', labels: { rack: '1' } } },
            csiNode: {
              metadata: { name: 'z' },
              spec: { drivers: [{ name: 'disk.holdfast.dev', nodeID: 'z', topologyKeys: ['rack'] }] },
            },
          },
        ],
      },
      requisite: [WEST],
      preferred: [WEST],
    },
    {
      rule: 'PRV63',
      when: 'the class admits the selected node',
      over: { selectedNode: 'c', allowedTopologies: [term('west', 'north')] },
      requisite: [{ [KEY]: 'north' }, WEST],
      preferred: [WEST, { [KEY]: 'north' }],
    },
    {
      rule: 'PRV62',
      when: 'nobody selected a node',
      over: { claimName: 'data-set-0' },
      requisite: [EAST, WEST],
      preferred: undefined,
    },
    {
      rule: 'PRV62',
      when: 'the class admits some places',
      over: { allowedTopologies: [term('east')] },
      requisite: [EAST],
      preferred: [EAST],
    },
  ])('$rule: asks for the right places when $when', ({ over, requisite, preferred }) => {
    const result = topologyRequirement(request(over));
    expect(result).toMatchObject({ kind: 'required', requisite, ...(preferred && { preferred }) });
  });

  test.each([
    { rule: 'PRV62', when: 'told not to ask', over: { immediate: false }, kind: 'anywhere' },
    { rule: 'PRV62', when: 'no node has the driver', over: { nodes: [] }, kind: 'refused' },
    { rule: 'PRV33', when: 'the node is unknown', over: { selectedNode: 'x' }, kind: 'refused' },
    {
      rule: 'PRV33',
      when: 'the label is not there yet',
      over: { nodes: [aNode('a', undefined)], selectedNode: 'a' },
      kind: 'refused',
    },
    {
      rule: 'PRV63',
      when: 'the class does not admit the node',
      over: { selectedNode: 'b', allowedTopologies: [term('east')] },
      kind: 'refused',
    },
  ])('$rule: is $kind when $when', ({ over, kind }) => {
    expect(topologyRequirement(request(over)).kind).toBe(kind);
  });

  test('PRV63: several keys admit every combination', () => {
    const allowedTopologies = [
      {
        matchLabelExpressions: [
          { key: KEY, values: ['east', 'west'] },
          { key: 'rack', values: ['1', '2'] },
        ],
      },
    ];
    const result = topologyRequirement(request({ allowedTopologies }));
    expect(result.kind === 'required' ? result.requisite.length : 0).toBe(4);
  });

  test('PRV62: pods of a set take the segments in turn, volumes of one pod share one', () => {
    const offsets = ['data-set-0', 'data-set-1', 'logs-set-1'].map((name) => spreadOffset(name) % 2);
    expect(offsets[0]).not.toBe(offsets[1]);
    expect(offsets[1]).toBe(offsets[2]);
  });
});

const anIntent: Intent = {
  name: 'pvc-u1',
  driver: 'disk.holdfast.dev',
  phase: 'creating',
  handle: '',
  plan: {
    claimName: 'data',
    claimNamespace: 'team',
    claimUid: 'u1',
    className: 'fast',
    classUid: 's1',
    accessModes: ['ReadWriteOnce'],
    volumeMode: 'Filesystem',
    fsType: null,
    reclaimPolicy: 'Delete',
    mountOptions: [],
    requestedBytes: '1073741824',
    node: 'a',
    secrets: {},
  },
  request: { name: 'pvc-u1' },
};
const aReply = (over: object = {}) => ({
  capacityBytes: '1073741824',
  volumeId: 'vol-1',
  volumeContext: { pool: 'p' },
  contentSource: null,
  accessibleTopology: [{ segments: { [KEY]: 'east' } }],
  ...over,
});

describe('intent and volume', () => {
  test('PRV3: an intent reads back as it was written', () => {
    const stored = encodeIntent(anIntent);
    const metadata = {
      ...stored.metadata,
      name: 'pvc-u1',
      uid: 'x',
      resourceVersion: '1',
      creationTimestamp: '',
    };
    expect(decodeIntent({ ...stored, metadata })).toEqual(anIntent);
    expect(decodeIntent({ ...stored, metadata: { ...metadata, name: 'pvc-u2' } })).toBeUndefined();
    expect(decodeIntent({ ...stored, data: { plan: '{' }, metadata })).toBeUndefined();
  });
  test('PRV8: the volume points at the claim and carries what the driver answered', () => {
    const volume = persistentVolumeOf(anIntent, aReply());
    expect(volume).toMatchObject({
      metadata: { name: 'pvc-u1', finalizers: ['external-provisioner.volume.kubernetes.io/finalizer'] },
      spec: {
        capacity: { storage: '1Gi' },
        claimRef: { namespace: 'team', name: 'data', uid: 'u1' },
        csi: {
          driver: 'disk.holdfast.dev',
          volumeHandle: 'vol-1',
          fsType: 'ext4',
          volumeAttributes: { pool: 'p' },
        },
        nodeAffinity: {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: KEY, values: ['east'] }] }] },
        },
        storageClassName: 'fast',
      },
    });
  });
  test('PRV8: an unknown capacity is what was asked', () => {
    expect(persistentVolumeOf(anIntent, aReply({ capacityBytes: '0' })).spec?.capacity).toEqual({
      storage: '1Gi',
    });
  });
  test('PRV12: a reply below the request or without a handle is wrong', () => {
    expect(checkReply(anIntent, aReply())).toBeUndefined();
    expect(checkReply(anIntent, aReply({ capacityBytes: '1' }))).toContain('1073741824 were required');
    expect(checkReply(anIntent, aReply({ volumeId: '' }))).toContain('without a volume id');
    expect(checkReply(anIntent, null)).toContain('without a volume id');
  });
});
