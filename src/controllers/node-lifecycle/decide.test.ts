import { expect, test } from 'vitest';
import type { Node, Taint } from '#api/generated/core-v1.ts';
import { decideNode, decidePod } from './decide.ts';
import { Observations } from './observations.ts';
import { heartbeatOf } from './view.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const CORDONED = 'node.kubernetes.io/unschedulable';

function aNode(
  ready: string | undefined,
  keys: readonly string[] = [],
  more: Partial<Node['spec']> = {},
): Node {
  const taints = keys.map((key): Taint => ({ key, effect: 'NoSchedule' }));
  const conditions = ready === undefined ? [] : [{ type: 'Ready', status: ready, lastHeartbeatTime: 'then' }];
  return {
    metadata: { name: 'n', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { taints, ...more },
    status: { conditions },
  };
}

test('NLC1: a node silent for 40 s becomes Unknown', () => {
  const step = decideNode({ node: aNode('True'), silentForMs: 40_000 }, now);
  expect(step).toMatchObject({ kind: 'mark-unknown' });
  const conditions = step.kind === 'mark-unknown' ? step.conditions : [];
  expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'Ready=Unknown',
    'MemoryPressure=Unknown',
    'DiskPressure=Unknown',
    'PIDPressure=Unknown',
  ]);
  expect(conditions[0]).toMatchObject({
    reason: 'NodeStatusUnknown',
    lastHeartbeatTime: 'then',
    lastTransitionTime: '2026-01-01T00:10:00Z',
  });
  expect(conditions[1]).toMatchObject({ reason: 'NodeStatusNeverUpdated' });
});

test.each([
  {
    rule: 'NLC3',
    when: '39.999 s silent',
    node: aNode('True'),
    silentForMs: 39_999,
    step: { kind: 'settled' },
  },
  {
    rule: 'NLC2',
    when: 'Unknown',
    node: aNode('Unknown'),
    silentForMs: 99_000,
    step: { kind: 'taint', taints: [{ key: UNREACHABLE, effect: 'NoSchedule' }] },
  },
  {
    rule: 'NLC2',
    when: 'Unknown and tainted',
    node: aNode('Unknown', [UNREACHABLE]),
    silentForMs: 99_000,
    step: { kind: 'settled' },
  },
  {
    rule: 'NLC2',
    when: 'not ready',
    node: aNode('False', [UNREACHABLE, 'mine']),
    silentForMs: 0,
    step: { kind: 'taint', taints: [{ key: 'mine' }, { key: NOT_READY }] },
  },
  {
    rule: 'NLC2',
    when: 'without any word',
    node: aNode(undefined),
    silentForMs: 0,
    step: { kind: 'taint', taints: [{ key: NOT_READY }] },
  },
  {
    rule: 'NLC3',
    when: 'Ready again',
    node: aNode('True', [UNREACHABLE, 'mine']),
    silentForMs: 0,
    step: { kind: 'taint', taints: [{ key: 'mine' }] },
  },
  {
    rule: 'NLC2',
    when: 'cordoned',
    node: aNode('True', [], { unschedulable: true }),
    silentForMs: 0,
    step: { kind: 'taint', taints: [{ key: CORDONED }] },
  },
  {
    rule: 'NLC5',
    when: 'being deleted',
    node: { ...aNode('True'), metadata: { name: 'n', deletionTimestamp: 'now' } },
    silentForMs: 99_000,
    step: { kind: 'settled' },
  },
])('$rule: decides $step.kind when $when', ({ node, silentForMs, step }) => {
  expect(decideNode({ node, silentForMs }, now)).toMatchObject(step);
});

test('NLC4: each change of lease or heartbeat is a word; our own clock measures the silence', () => {
  const lease = (renewTime: string) => ({ metadata: {}, spec: { renewTime } });
  const seen = new Observations();
  const age = (node: Node, renewTime: string, at: number) =>
    seen.ageOf('n', heartbeatOf(node, lease(renewTime)), at);
  expect(age(aNode('True'), '1999', 0)).toBe(0);
  expect(age(aNode('True'), '1999', 30_000)).toBe(30_000);
  expect(age(aNode('True'), '1998', 31_000)).toBe(0);
  expect(age(aNode('Unknown'), '1998', 41_000)).toBe(10_000);
  expect(age(aNode(undefined), '1998', 42_000)).toBe(0);
});

test.each([
  { rule: 'NLC7', when: 'its node exists', nodeName: 'n', missing: undefined, step: { kind: 'settled' } },
  { rule: 'NLC7', when: 'it has no node', nodeName: '', missing: undefined, step: { kind: 'settled' } },
  {
    rule: 'NLC6',
    when: 'its node just went',
    nodeName: 'n',
    missing: 1000,
    step: { kind: 'wait', forMs: 39_000 },
  },
  { rule: 'NLC6', when: 'its node went long ago', nodeName: 'n', missing: 40_000, step: { kind: 'remove' } },
])('$rule: decides $step.kind for a pod when $when', ({ nodeName, missing, step }) => {
  expect(decidePod({ nodeName, nodeMissingForMs: missing })).toEqual(step);
});
