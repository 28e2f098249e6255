import { expect, test } from 'vitest';
import type { Node, NodeSelectorRequirement, Pod, Taint, Toleration } from '#api/generated/core-v1.ts';
import { matchesNodeSelector, matchesTerm, podAcceptsNode, volumeReachesNode } from './node-affinity.ts';
import { missingResources, requestsOfPod } from './pod-resources.ts';
import { isCordonedFor, isNodeReady, isOutOfService, tolerates, untoleratedTaint } from './taints.ts';
import { allowsNode, nodeAffinityFor, segmentsOfNode } from './topology.ts';

const aNode = (more: Partial<Node> = {}): Node => ({
  metadata: { name: 'node-1', labels: { zone: 'a', cores: '8' } },
  ...more,
});
const aPod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { containers: [], ...spec },
});
const needs = (key: string, operator: NodeSelectorRequirement['operator'], ...values: string[]) => ({
  matchExpressions: [{ key, operator, values }],
});

test('RUL40: one matching term is enough, and no term matches nothing', () => {
  const selector = { nodeSelectorTerms: [needs('zone', 'In', 'b'), needs('zone', 'In', 'a')] };
  expect(matchesNodeSelector(selector, aNode())).toBe(true);
  expect(matchesNodeSelector({ nodeSelectorTerms: [] }, aNode())).toBe(false);
});

test.each([
  { term: needs('zone', 'In', 'a', 'b'), holds: true },
  { term: needs('zone', 'NotIn', 'a'), holds: false },
  { term: needs('rack', 'NotIn', 'a'), holds: true },
  { term: needs('zone', 'Exists'), holds: true },
  { term: needs('constructor', 'Exists'), holds: false },
  { term: needs('rack', 'DoesNotExist'), holds: true },
  { term: needs('cores', 'Gt', '7'), holds: true },
  { term: needs('cores', 'Gt', '8'), holds: false },
  { term: needs('cores', 'Lt', '9'), holds: true },
  { term: needs('zone', 'Lt', '9'), holds: false },
  { term: needs('cores', 'Gt', 'few'), holds: false },
  { term: needs('cores', 'Gt', '+7'), holds: true },
  { term: {}, holds: false },
  {
    term: { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: ['node-1'] }] },
    holds: true,
  },
  {
    term: { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: ['node-2'] }] },
    holds: false,
  },
])('RUL41: term $term holds: $holds', ({ term, holds }) => {
  expect(matchesTerm(term, aNode())).toBe(holds);
});

test('RUL42: a volume reaches the nodes that its affinity matches, and all without one', () => {
  const required = { nodeSelectorTerms: [needs('zone', 'In', 'b')] };
  expect(volumeReachesNode({ metadata: {}, spec: {} }, aNode())).toBe(true);
  expect(volumeReachesNode({ metadata: {}, spec: { nodeAffinity: { required } } }, aNode())).toBe(false);
});

test('RUL43: a pod accepts a node by labels and required affinity', () => {
  expect(podAcceptsNode(aPod({ nodeSelector: { zone: 'a' } }), aNode())).toBe(true);
  expect(podAcceptsNode(aPod({ nodeSelector: { zone: 'b' } }), aNode())).toBe(false);
  const required = { nodeSelectorTerms: [needs('zone', 'In', 'b')] };
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: required };
  expect(podAcceptsNode(aPod({ affinity: { nodeAffinity } }), aNode())).toBe(false);
});

test('RUL50: topologies become terms with sorted keys', () => {
  expect(nodeAffinityFor([])).toBeUndefined();
  const terms = nodeAffinityFor([{ zone: 'a', rack: '1' }, { zone: 'b' }])?.required?.nodeSelectorTerms;
  expect(
    terms?.map((term) => term.matchExpressions?.map(({ key, values }) => `${key}=${values?.[0]}`)),
  ).toEqual([['rack=1', 'zone=a'], ['zone=b']]);
});

test('RUL51: allowedTopologies admit by one whole term', () => {
  const term = (...values: string[]) => ({ matchLabelExpressions: [{ key: 'zone', values }] });
  expect(
    [undefined, [], [term('b'), term('a')], [term('b')]].map((terms) => allowsNode(terms, aNode())),
  ).toEqual([true, true, true, false]);
});

test('RUL52: segments need every key', () => {
  expect(segmentsOfNode(aNode(), ['zone'])).toEqual({ zone: 'a' });
  expect(segmentsOfNode(aNode(), ['zone', 'rack'])).toBeUndefined();
});

const taint = (effect: Taint['effect'], key = 'gpu'): Taint => ({ key, effect, value: 'yes' });
test('RUL90: taints keep off, except PreferNoSchedule', () => {
  const on = (...taints: Taint[]) => untoleratedTaint(aPod(), aNode({ spec: { taints } }))?.effect;
  expect([on(taint('NoSchedule')), on(taint('NoExecute')), on(taint('PreferNoSchedule'))]).toEqual([
    'NoSchedule',
    'NoExecute',
    undefined,
  ]);
});

const tolerations: readonly { toleration: Toleration; holds: boolean }[] = [
  { toleration: { key: 'gpu', operator: 'Exists' }, holds: true },
  { toleration: { operator: 'Exists' }, holds: true },
  { toleration: { key: 'gpu', value: 'yes' }, holds: true },
  { toleration: { key: 'gpu', value: 'no' }, holds: false },
  { toleration: { value: 'yes' }, holds: false },
  { toleration: { key: 'gpu', operator: 'Exists', effect: 'NoExecute' }, holds: false },
  { toleration: { key: 'other', operator: 'Exists' }, holds: false },
];
test.each(tolerations)('RUL91: $toleration covers the taint: $holds', ({ toleration, holds }) => {
  expect(tolerates(toleration, taint('NoSchedule'))).toBe(holds);
});

test('RUL92: a cordoned node takes only pods that tolerate it', () => {
  const node = aNode({ spec: { unschedulable: true } });
  const key = 'node.kubernetes.io/unschedulable';
  expect(isCordonedFor(aPod(), node)).toBe(true);
  expect(isCordonedFor(aPod({ tolerations: [{ key, operator: 'Exists' }] }), node)).toBe(false);
});

test('RUL93: out of service only by its taint', () => {
  const with_ = (effect: Taint['effect'], key: string) =>
    isOutOfService(aNode({ spec: { taints: [{ key, effect }] } }));
  const key = 'node.kubernetes.io/out-of-service';
  expect([with_('NoExecute', key), with_('PreferNoSchedule', key), with_('NoExecute', 'x')]).toEqual([
    true,
    false,
    false,
  ]);
});

test('RUL94: ready only with Ready True', () => {
  const ready = (status: string) =>
    isNodeReady(aNode({ status: { conditions: [{ type: 'Ready', status }] } }));
  expect([ready('True'), ready('Unknown'), isNodeReady(aNode())]).toEqual([true, false, false]);
});

const cpu = (amount: string, restartPolicy?: 'Always') => ({
  name: 'c',
  resources: { requests: { cpu: amount } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});
test.each([
  { when: 'containers run together', pod: aPod({ containers: [cpu('1'), cpu('500m')] }), milli: 1500n },
  {
    when: 'an init container needs more',
    pod: aPod({ containers: [cpu('1')], initContainers: [cpu('3')] }),
    milli: 3000n,
  },
  {
    when: 'a side-car runs beside both',
    pod: aPod({ containers: [cpu('1')], initContainers: [cpu('1', 'Always'), cpu('3')] }),
    milli: 4000n,
  },
  {
    when: 'there is overhead',
    pod: aPod({ containers: [cpu('1')], overhead: { cpu: '250m' } }),
    milli: 1250n,
  },
])('RUL95: sums cpu when $when', ({ pod, milli }) => {
  expect(requestsOfPod(pod).get('cpu')).toBe(milli);
  expect(requestsOfPod(pod).get('pods')).toBe(1000n);
});

test('RUL96: names what is missing, and only what is requested', () => {
  const node = aNode({ status: { allocatable: { cpu: '2', pods: '1' } } });
  const requests = requestsOfPod(aPod({ containers: [cpu('1500m')] }));
  expect(missingResources(node, requests, new Map())).toEqual([]);
  expect(missingResources(node, requests, new Map([['cpu', 600n]]))).toEqual(['cpu']);
  expect(missingResources(node, requests, new Map([['pods', 1000n]]))).toEqual(['pods']);
});
