import { expect, test } from 'vitest';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import { aClaim, aPod, aVolume, bound, evict, namespace, uses, type World } from './world.fixture.ts';

const needs = (cpu: string) => ({ name: 'c', resources: { requests: { cpu } } });
const at = (
  name: string,
  priority: number,
  cpu = '4',
  more: { nodeName?: string; startTime?: string } = {},
) =>
  aPod({ nodeName: more.nodeName ?? 'n1', priority, containers: [needs(cpu)] }, name, {
    status: { phase: 'Running', startTime: more.startTime ?? '2026-01-01T00:00:00Z' },
  });
const urgent = { priority: 10, containers: [needs('4')] };
const two = [{}, { name: 'n2', zone: 'b' }];

interface Row extends World {
  readonly rule: string;
  readonly when: string;
  readonly then: string;
}

const onePod = { accessModes: ['ReadWriteOncePod'] };
const shares = (name: string, priority: number, nodeName: string) =>
  aPod({ nodeName, priority, volumes: uses('data') }, name);
const web = { metadata: { labels: { app: 'web' } } };
const shuns = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } },
      ],
    },
  },
};

const rows: readonly Row[] = [
  {
    rule: 'SCH80',
    when: 'one lower pod is in the way',
    pod: urgent,
    others: [at('low', 1)],
    then: 'n1: low',
  },
  { rule: 'SCH80', when: 'there is room', pod: urgent, then: 'fits on n1' },
  {
    rule: 'SCH80',
    when: 'the port is taken by a lower pod',
    pod: { priority: 10, containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80 }] }] },
    others: [
      aPod(
        { nodeName: 'n1', containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80 }] }] },
        'low',
      ),
    ],
    then: 'n1: low',
  },
  {
    rule: 'SCH80',
    when: 'a lower pod has the ReadWriteOncePod claim on another node',
    nodes: two,
    pod: { priority: 10, volumes: uses('data') },
    claims: [bound('pv', 'data', onePod)],
    volumes: [aVolume('pv', { claimRef: { namespace, name: 'data', uid: 'uid-data' } })],
    others: [shares('low', 1, 'n2')],
    then: 'n2: low',
  },
  {
    rule: 'SCH81',
    when: 'a pod of the same priority has that claim',
    pod: { priority: 10, volumes: uses('data') },
    claims: [bound('pv', 'data', onePod)],
    volumes: [aVolume('pv', { claimRef: { namespace, name: 'data', uid: 'uid-data' } })],
    others: [shares('same', 10, 'n1')],
    then: 'none',
  },
  {
    rule: 'SCH80',
    when: 'a lower pod is shunned',
    pod: { priority: 10, ...shuns },
    others: [aPod({ nodeName: 'n1' }, 'low', web)],
    then: 'n1: low',
  },
  {
    rule: 'SCH80',
    when: 'a lower pod shuns it',
    pod: { priority: 10 },
    more: web,
    others: [aPod({ nodeName: 'n1', ...shuns }, 'low')],
    then: 'n1: low',
  },
  {
    rule: 'SCH80',
    when: 'a spread constraint is in the way',
    nodes: [{}, { name: 'n2', zone: 'b', allocatable: { pods: '0' } }],
    pod: {
      priority: 10,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    },
    more: web,
    others: [aPod({ nodeName: 'n1' }, 'low', web)],
    then: 'n1: low',
  },
  {
    rule: 'SCH81',
    when: 'the pod there is as important',
    pod: urgent,
    others: [at('same', 10)],
    then: 'none',
  },
  {
    rule: 'SCH81',
    when: 'a taint refuses too',
    nodes: [{ spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } }],
    pod: urgent,
    others: [at('low', 1)],
    then: 'none',
  },
  {
    rule: 'SCH81',
    when: 'its volume is elsewhere',
    pod: { ...urgent, volumes: uses('data') },
    claims: [bound('pv')],
    volumes: [
      aVolume('pv', {
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z'] }] }],
          },
        },
      }),
    ],
    others: [at('low', 1)],
    then: 'none',
  },
  {
    rule: 'SCH81',
    when: 'its claim is missing',
    pod: { ...urgent, volumes: uses('data') },
    others: [at('low', 1)],
    then: 'none',
  },
  {
    rule: 'SCH81',
    when: 'it would not fit on the empty node',
    pod: { priority: 10, containers: [needs('5')] },
    others: [at('low', 1)],
    then: 'none',
  },
  {
    rule: 'SCH82',
    when: 'its policy is Never',
    pod: { ...urgent, preemptionPolicy: 'Never' },
    others: [at('low', 1)],
    then: 'none',
  },
  {
    rule: 'SCH84',
    when: 'only one of two has to go',
    pod: { priority: 10, containers: [needs('2')] },
    others: [at('low', 1, '2'), at('mid', 5, '2')],
    then: 'n1: low',
  },
  {
    rule: 'SCH84',
    when: 'a small one can stay',
    pod: { priority: 10, containers: [needs('3')] },
    others: [at('small', 1, '1'), at('large', 1, '3', { startTime: '2026-02-01T00:00:00Z' })],
    then: 'n1: large',
  },
  {
    rule: 'SCH85',
    when: 'its victims are leaving',
    pod: urgent,
    more: { status: { nominatedNodeName: 'n1' } },
    others: [
      {
        ...at('low', 1),
        metadata: { namespace, name: 'low', deletionTimestamp: 'now', finalizers: ['x'] },
      },
    ],
    then: 'wait for n1',
  },
  {
    rule: 'SCH86',
    when: 'the nominated node is free and another scores higher',
    nodes: [{}, { name: 'n2', zone: 'b', allocatable: { cpu: '99', memory: '99Gi', pods: '99' } }],
    pod: urgent,
    more: { status: { nominatedNodeName: 'n1' } },
    then: 'fits on n1',
  },
  {
    rule: 'SCH86',
    when: 'the nominated node is not free and another is',
    nodes: two,
    pod: urgent,
    more: { status: { nominatedNodeName: 'n1' } },
    others: [at('same', 10)],
    then: 'fits on n2',
  },
  {
    rule: 'SCH87',
    when: 'a more important pod has the room nominated',
    pod: urgent,
    others: [
      aPod({ priority: 20, containers: [needs('4')] }, 'first', { status: { nominatedNodeName: 'n1' } }),
    ],
    then: 'none',
  },
  {
    rule: 'SCH87',
    when: 'a less important pod has it nominated',
    pod: urgent,
    others: [
      aPod({ priority: 1, containers: [needs('4')] }, 'later', { status: { nominatedNodeName: 'n1' } }),
    ],
    then: 'fits on n1',
  },
  {
    rule: 'SCH88',
    when: 'the other node has a less important one',
    nodes: two,
    pod: urgent,
    others: [at('mid', 5), at('low', 1, '4', { nodeName: 'n2' })],
    then: 'n2: low',
  },
  {
    rule: 'SCH88',
    when: 'on the other node fewer have to go',
    nodes: two,
    pod: urgent,
    others: [at('a', 1, '2'), at('b', 1, '2'), at('c', 1, '4', { nodeName: 'n2' })],
    then: 'n2: c',
  },
  {
    rule: 'SCH88',
    when: 'one started later',
    nodes: two,
    pod: urgent,
    others: [at('old', 1), at('young', 1, '4', { nodeName: 'n2', startTime: '2026-03-01T00:00:00Z' })],
    then: 'n2: young',
  },
  {
    rule: 'SCH80',
    when: 'a delayed claim is provisioned there',
    pod: { ...urgent, volumes: uses('data') },
    claims: [aClaim()],
    others: [at('low', 1)],
    then: 'n1: low',
  },
];

const guarded = (name: string, priority: number, cpu: string, more: { nodeName?: string } = {}) => {
  const pod = at(name, priority, cpu, more);
  return { ...pod, metadata: { ...pod.metadata, labels: { app: 'kept' } } };
};
const budget = (disruptionsAllowed: number): PodDisruptionBudget => ({
  metadata: { namespace, name: 'budget' },
  spec: { selector: { matchLabels: { app: 'kept' } } },
  status: { disruptionsAllowed },
});
const half = { priority: 10, containers: [needs('2')] };

const budgetRows: readonly Row[] = [
  {
    rule: 'SCH89',
    when: 'a budget keeps the less important of two',
    pod: half,
    others: [guarded('low', 1, '2'), at('mid', 5, '2')],
    budgets: [budget(0)],
    then: 'n1: mid',
  },
  {
    rule: 'SCH89',
    when: 'the budget allows one to go',
    pod: half,
    others: [guarded('low', 1, '2'), at('mid', 5, '2')],
    budgets: [budget(1)],
    then: 'n1: low',
  },
  {
    rule: 'SCH89',
    when: 'the budget allows one of two to go, and one has to',
    pod: half,
    others: [guarded('low', 1, '2'), guarded('mid', 5, '2')],
    budgets: [budget(1)],
    then: 'n1: mid',
  },
  {
    rule: 'SCH89',
    when: 'nothing else makes room',
    pod: urgent,
    others: [guarded('low', 1, '2'), at('mid', 5, '2')],
    budgets: [budget(0)],
    then: 'n1: mid, low',
  },
  {
    rule: 'SCH89',
    when: 'on the other node more important pods go but no budget is violated',
    nodes: two,
    pod: urgent,
    others: [
      guarded('low', 1, '4'),
      at('a', 5, '2', { nodeName: 'n2' }),
      at('b', 5, '2', { nodeName: 'n2' }),
    ],
    budgets: [budget(0)],
    then: 'n2: a, b',
  },
  {
    rule: 'SCH89',
    when: 'every node violates one',
    nodes: two,
    pod: urgent,
    others: [guarded('mid', 5, '4'), guarded('low', 1, '4', { nodeName: 'n2' })],
    budgets: [budget(0)],
    then: 'n2: low',
  },
];

test.each([...rows, ...budgetRows])('$rule: decides “$then” when $when', ({ then, ...world }) => {
  expect(evict(world)).toBe(then);
});

test('SCH88: the best of a hundred nodes is taken', () => {
  const names = Array.from({ length: 120 }, (_, index) => `m${1000 + index}`);
  const nodes = names.map((name) => ({ name }));
  const others = names.map((name, index) => at(`p-${name}`, index === 99 ? 0 : 5, '4', { nodeName: name }));
  expect(evict({ nodes, pod: urgent, others })).toBe('m1099: p-m1099');
});

// 120 nodes in the order of their names, each with a pod of lower priority that fills it.
const manyNames = Array.from({ length: 120 }, (_, index) => `m${1000 + index}`);

test('SCH88: nodes that stay too small when they are emptied do not use up the hundred', () => {
  const nodes = manyNames.map((name, index) =>
    index < 110 ? { name, allocatable: { cpu: '1', memory: '8Gi', pods: '10' } } : { name },
  );
  const others = manyNames.map((name, index) =>
    at(`p-${name}`, 1, index < 110 ? '1' : '4', { nodeName: name }),
  );
  expect(evict({ nodes, pod: urgent, others })).toBe('m1110: p-m1110');
});

test('SCH88 SCH89: a hundred nodes with a violated budget do not hide the one without', () => {
  const nodes = manyNames.map((name) => ({ name }));
  const others = manyNames.map((name, index) =>
    (index === 115 ? at : guarded)(`p-${name}`, 1, '4', { nodeName: name }),
  );
  expect(evict({ nodes, pod: urgent, others, budgets: [budget(0)] })).toBe('m1115: p-m1115');
});
