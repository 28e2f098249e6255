import { describe, expect, test } from 'vitest';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type { LabelSelector } from '#api/generated/meta-v1.ts';
import type { Node, PersistentVolume, Pod, PodAffinityTerm } from '#api/generated/core-v1.ts';
import type { CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import { capacityFor, capacityScore, largestVolume, reachesCapacity } from './capacity.ts';
import { CountedIds, exceedsLimit } from './limits.ts';
import { affinityTermsOf, selectsPod } from './pod-affinity.ts';
import { budgetCounter, isVictimFor, keepsBefore, leastHarm, mayPreempt } from './preemption.ts';
import { countsForSpread, isSpreadPlace, skewAt, spreadConstraintsOf } from './topology-spread.ts';
import { hasZoneLabels, refusingZoneLabel } from './zone-labels.ts';

const aNode = (labels: Readonly<Record<string, string>> = {}, spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'n1', labels },
  spec,
});

describe('limits', () => {
  const counted = (...ids: string[]): CountedIds => {
    const all = new CountedIds();
    for (const id of ids) all.add(id);
    return all;
  };

  test('RUL150: a volume counts once and goes with its last user', () => {
    const ids = counted('a', 'a', 'b');
    expect(ids.size).toBe(2);
    ids.remove('a');
    expect([ids.size, ids.has('a')]).toEqual([2, true]);
    ids.remove('a');
    expect([ids.size, ids.has('a')]).toEqual([1, false]);
    ids.remove('unknown');
    expect(ids.size).toBe(1);
  });

  test('RUL150: a copy changes alone', () => {
    const ids = counted('a', 'a');
    const copy = ids.copy();
    copy.remove('a');
    copy.remove('a');
    expect([ids.has('a'), copy.has('a')]).toEqual([true, false]);
  });

  test.each([
    {
      rule: 'RUL150',
      when: 'there is no limit',
      limit: undefined,
      there: ['a'],
      wanted: ['b'],
      exceeds: false,
    },
    { rule: 'RUL150', when: 'there is room', limit: 2, there: ['a'], wanted: ['b'], exceeds: false },
    { rule: 'RUL150', when: 'it is full', limit: 1, there: ['a'], wanted: ['b'], exceeds: true },
    { rule: 'RUL150', when: 'nothing is there', limit: 1, there: [], wanted: ['a', 'b'], exceeds: true },
    { rule: 'RUL150', when: 'the limit is zero', limit: 0, there: [], wanted: ['a'], exceeds: true },
    { rule: 'RUL151', when: 'the volume is there', limit: 1, there: ['a'], wanted: ['a'], exceeds: false },
    {
      rule: 'RUL151',
      when: 'the limit was lowered',
      limit: 1,
      there: ['a', 'b'],
      wanted: ['b'],
      exceeds: false,
    },
    {
      rule: 'RUL151',
      when: 'one of two is there',
      limit: 2,
      there: ['a'],
      wanted: ['a', 'b'],
      exceeds: false,
    },
    { rule: 'RUL151', when: 'nothing is wanted', limit: 0, there: [], wanted: [], exceeds: false },
  ])('$rule: exceeds is $exceeds when $when', ({ limit, there, wanted, exceeds }) => {
    expect(exceedsLimit(limit, there.length === 0 ? undefined : counted(...there), wanted)).toBe(exceeds);
  });
});

describe('capacity', () => {
  const aCapacity = (more: Partial<CSIStorageCapacity> = {}): CSIStorageCapacity => ({
    metadata: { name: 'c' },
    storageClassName: 'fast',
    nodeTopology: { matchLabels: { zone: 'a' } },
    capacity: '10Gi',
    ...more,
  });
  const GI = 1024n ** 3n;

  test.each([
    { rule: 'RUL160', when: 'its labels match', capacity: aCapacity(), labels: { zone: 'a' }, reaches: true },
    { rule: 'RUL160', when: 'they do not', capacity: aCapacity(), labels: { zone: 'b' }, reaches: false },
    { rule: 'RUL160', when: 'it has no labels', capacity: aCapacity(), labels: {}, reaches: false },
    {
      rule: 'RUL160',
      when: 'there is no topology',
      capacity: aCapacity({ nodeTopology: undefined }),
      labels: { zone: 'a' },
      reaches: false,
    },
    {
      rule: 'RUL160',
      when: 'the topology is empty',
      capacity: aCapacity({ nodeTopology: {} }),
      labels: {},
      reaches: true,
    },
  ])('$rule: a node reaches it: $reaches when $when', ({ capacity, labels, reaches }) => {
    expect(reachesCapacity(capacity, aNode(labels))).toBe(reaches);
  });

  test.each([
    { when: 'only capacity is set', more: {}, bytes: 10n * GI },
    { when: 'maximumVolumeSize is set', more: { maximumVolumeSize: '3Gi' }, bytes: 3n * GI },
    { when: 'maximumVolumeSize is larger', more: { maximumVolumeSize: '30Gi' }, bytes: 30n * GI },
    { when: 'neither is set', more: { capacity: undefined }, bytes: undefined },
  ])('RUL161: the largest volume when $when', ({ more, bytes }) => {
    expect(largestVolume(aCapacity(more))).toBe(bytes);
  });

  test.each([
    { rule: 'RUL162', when: 'one has room', all: [aCapacity()], size: 10n * GI, found: '10Gi' },
    { rule: 'RUL162', when: 'it is a byte short', all: [aCapacity()], size: 10n * GI + 1n, found: undefined },
    {
      rule: 'RUL162',
      when: 'it is of another class',
      all: [aCapacity({ storageClassName: 'slow' })],
      size: 1n,
      found: undefined,
    },
    {
      rule: 'RUL162',
      when: 'the roomy one is elsewhere',
      all: [aCapacity({ nodeTopology: { matchLabels: { zone: 'b' } }, capacity: '90Gi' }), aCapacity()],
      size: GI,
      found: '10Gi',
    },
    {
      rule: 'RUL162',
      when: 'two have room',
      all: [aCapacity({ capacity: '2Gi' }), aCapacity({ capacity: '20Gi' }), aCapacity()],
      size: GI,
      found: '20Gi',
    },
    {
      rule: 'RUL161',
      when: 'one volume must not be so large',
      all: [aCapacity({ maximumVolumeSize: '1Gi' })],
      size: 2n * GI,
      found: undefined,
    },
    {
      rule: 'RUL161',
      when: 'nothing is said',
      all: [aCapacity({ capacity: undefined })],
      size: 0n,
      found: undefined,
    },
  ])('$rule: finds $found when $when', ({ all, size, found }) => {
    const need = { storageClassName: 'fast', sizeBytes: size };
    expect(capacityFor(all, need, aNode({ zone: 'a' }))?.capacity).toBe(found);
  });

  test.each([
    { when: 'there is nothing to place', of: [], score: 0 },
    { when: 'a tenth is taken', of: [[1n, 10n]], score: 90 },
    { when: 'everything is taken', of: [[10n, 10n]], score: 0 },
    { when: 'more is asked than there is', of: [[20n, 10n]], score: 0 },
    { when: 'the capacity is not known', of: [[1n, 0n]], score: 0 },
    {
      when: 'two classes differ',
      of: [
        [1n, 10n],
        [5n, 10n],
      ],
      score: 70,
    },
  ])('RUL163: scores $score when $when', ({ of, score }) => {
    const byClass = of.map(([requestedBytes = 0n, capacityBytes = 0n]) => ({
      requestedBytes,
      capacityBytes,
    }));
    expect(capacityScore(byClass)).toBe(score);
  });
});

describe('affinity between pods', () => {
  const aPod = (labels: Readonly<Record<string, string>> = {}, namespace = 'shop'): Pod => ({
    metadata: { namespace, name: 'p', labels },
  });
  const owner = (term: Partial<PodAffinityTerm>): Pod => ({
    metadata: { namespace: 'shop', name: 'o', labels: { track: 'canary', app: 'web' } },
    spec: {
      containers: [],
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'db' } }, ...term },
          ],
        },
      },
    },
  });
  const spaces: Readonly<Record<string, Readonly<Record<string, string>>>> = { shop: {}, lab: { team: 'x' } };

  test.each([
    { rule: 'RUL170', when: 'label and namespace fit', term: {}, pod: aPod({ app: 'db' }), selects: true },
    { rule: 'RUL170', when: 'the label differs', term: {}, pod: aPod({ app: 'x' }), selects: false },
    {
      rule: 'RUL170',
      when: 'no selector is given',
      term: { labelSelector: undefined },
      pod: aPod(),
      selects: false,
    },
    {
      rule: 'RUL170',
      when: 'the selector is empty',
      term: { labelSelector: {} },
      pod: aPod(),
      selects: true,
    },
    {
      rule: 'RUL171',
      when: 'the namespace is another',
      term: {},
      pod: aPod({ app: 'db' }, 'lab'),
      selects: false,
    },
    {
      rule: 'RUL170',
      when: 'the namespace is named',
      term: { namespaces: ['lab'] },
      pod: aPod({ app: 'db' }, 'lab'),
      selects: true,
    },
    {
      rule: 'RUL171',
      when: 'only another namespace is named',
      term: { namespaces: ['lab'] },
      pod: aPod({ app: 'db' }),
      selects: false,
    },
    {
      rule: 'RUL170',
      when: 'the namespace has the label',
      term: { namespaceSelector: { matchLabels: { team: 'x' } } },
      pod: aPod({ app: 'db' }, 'lab'),
      selects: true,
    },
    {
      rule: 'RUL170',
      when: 'the namespace lacks the label',
      term: { namespaceSelector: { matchLabels: { team: 'x' } } },
      pod: aPod({ app: 'db' }),
      selects: false,
    },
    {
      rule: 'RUL170',
      when: 'the namespace selector is empty',
      term: { namespaceSelector: {} },
      pod: aPod({ app: 'db' }, 'lab'),
      selects: true,
    },
    {
      rule: 'RUL172',
      when: 'a matched key is equal',
      term: { matchLabelKeys: ['track'] },
      pod: aPod({ app: 'db', track: 'canary' }),
      selects: true,
    },
    {
      rule: 'RUL172',
      when: 'a matched key differs',
      term: { matchLabelKeys: ['track'] },
      pod: aPod({ app: 'db', track: 'stable' }),
      selects: false,
    },
    {
      rule: 'RUL172',
      when: 'the owner lacks the key',
      term: { matchLabelKeys: ['none'] },
      pod: aPod({ app: 'db' }),
      selects: true,
    },
    {
      rule: 'RUL172',
      when: 'a mismatched key is equal',
      term: { mismatchLabelKeys: ['track'] },
      pod: aPod({ app: 'db', track: 'canary' }),
      selects: false,
    },
  ])('$rule: a term selects: $selects when $when', ({ term, pod, selects }) => {
    const [compiled] = affinityTermsOf(owner(term)).required;
    expect(compiled !== undefined && selectsPod(compiled, pod, (name) => spaces[name])).toBe(selects);
  });
});

describe('topology spread', () => {
  const aPod = (constraint: object, more: Pod['spec'] = { containers: [] }): Pod => ({
    metadata: { namespace: 'shop', name: 'p', labels: { app: 'web', track: 'canary' } },
    spec: {
      ...more,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
          ...constraint,
        },
      ],
    },
  });
  const constraintOf = (pod: Pod) => {
    const [constraint] = spreadConstraintsOf(pod);
    if (constraint === undefined) throw new Error('the pod has a constraint');
    return constraint;
  };
  const other = (labels: Readonly<Record<string, string>>, metadata: object = {}): Pod => ({
    metadata: { namespace: 'shop', name: 'q', labels, ...metadata },
  });

  test('RUL180: the defaults of a constraint', () => {
    expect(constraintOf(aPod({}))).toMatchObject({
      minDomains: 1,
      isHard: true,
      honorsAffinity: true,
      honorsTaints: false,
      selectsItself: true,
    });
    expect(
      constraintOf(aPod({ whenUnsatisfiable: 'ScheduleAnyway', labelSelector: undefined })),
    ).toMatchObject({
      isHard: false,
      selectsItself: false,
    });
  });

  const selective = { containers: [], nodeSelector: { disk: 'ssd' } };
  const tainted = { taints: [{ key: 'x', effect: 'NoSchedule' as const }] };
  test.each([
    { when: 'affinity fits', pod: aPod({}, selective), node: aNode({ disk: 'ssd' }), is: true },
    { when: 'affinity refuses', pod: aPod({}, selective), node: aNode(), is: false },
    {
      when: 'affinity is ignored',
      pod: aPod({ nodeAffinityPolicy: 'Ignore' }, selective),
      node: aNode(),
      is: true,
    },
    { when: 'taints are ignored', pod: aPod({}), node: aNode({}, tainted), is: true },
    { when: 'a taint counts', pod: aPod({ nodeTaintsPolicy: 'Honor' }), node: aNode({}, tainted), is: false },
    {
      when: 'the taint is tolerated',
      pod: aPod({ nodeTaintsPolicy: 'Honor' }, { containers: [], tolerations: [{ operator: 'Exists' }] }),
      node: aNode({}, tainted),
      is: true,
    },
  ])('RUL182: a node is a place: $is when $when', ({ pod, node, is }) => {
    expect(isSpreadPlace(constraintOf(pod), pod, node)).toBe(is);
  });

  test.each([
    { rule: 'RUL183', when: 'it is selected', of: {}, pod: other({ app: 'web' }), counts: true },
    { rule: 'RUL183', when: 'it is not', of: {}, pod: other({ app: 'db' }), counts: false },
    {
      rule: 'RUL183',
      when: 'it is in another namespace',
      of: {},
      pod: other({ app: 'web' }, { namespace: 'lab' }),
      counts: false,
    },
    {
      rule: 'RUL183',
      when: 'it is being deleted',
      of: {},
      pod: other({ app: 'web' }, { deletionTimestamp: 'now' }),
      counts: false,
    },
    {
      rule: 'RUL181',
      when: 'a key is equal',
      of: { matchLabelKeys: ['track'] },
      pod: other({ app: 'web', track: 'canary' }),
      counts: true,
    },
    {
      rule: 'RUL181',
      when: 'a key differs',
      of: { matchLabelKeys: ['track'] },
      pod: other({ app: 'web', track: 'stable' }),
      counts: false,
    },
  ])('$rule: a pod counts: $counts when $when', ({ of, pod, counts }) => {
    expect(countsForSpread(constraintOf(aPod(of)), 'shop', pod)).toBe(counts);
  });

  test.each([
    { when: 'all are equal', of: {}, counts: { a: 1, b: 1 }, at: 'a', skew: 1 },
    { when: 'one is emptier', of: {}, counts: { a: 3, b: 1 }, at: 'a', skew: 3 },
    { when: 'the place is the emptiest', of: {}, counts: { a: 3, b: 1 }, at: 'b', skew: 1 },
    {
      when: 'the pod does not count itself',
      of: { labelSelector: {} },
      counts: { a: 2, b: 2 },
      at: 'a',
      skew: 1,
    },
    {
      when: 'it selects others only',
      of: { labelSelector: { matchLabels: { app: 'db' } } },
      counts: { a: 2, b: 2 },
      at: 'a',
      skew: 0,
    },
    { when: 'there are too few places', of: { minDomains: 3 }, counts: { a: 2, b: 2 }, at: 'a', skew: 3 },
    { when: 'there are enough places', of: { minDomains: 2 }, counts: { a: 2, b: 2 }, at: 'a', skew: 1 },
    { when: 'there is no place yet', of: {}, counts: {}, at: 'a', skew: 1 },
  ])('RUL184: the skew is $skew when $when', ({ of, counts, at, skew }) => {
    expect(skewAt(constraintOf(aPod(of)), new Map(Object.entries(counts)), at)).toBe(skew);
  });
});

describe('preemption', () => {
  const aPod = (priority: number, startTime = '2026-01-01T00:00:00Z', name = `p${priority}`): Pod => ({
    metadata: { namespace: 'shop', name },
    spec: { containers: [], priority },
    status: { startTime },
  });

  test('RUL190: only preemptionPolicy Never forbids it', () => {
    const withPolicy = (preemptionPolicy?: 'Never' | 'PreemptLowerPriority'): Pod => ({
      metadata: {},
      spec: { containers: [], preemptionPolicy },
    });
    expect([withPolicy(), withPolicy('PreemptLowerPriority'), withPolicy('Never')].map(mayPreempt)).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('RUL191: only a strictly lower priority is a victim', () => {
    expect([1, 2, 3].map((priority) => isVictimFor(aPod(priority), aPod(2)))).toEqual([true, false, false]);
    expect(isVictimFor({ metadata: {} }, aPod(1))).toBe(true);
  });

  test('RUL192: higher priority first, then who started first', () => {
    const [low, old, young] = [aPod(1, '2020', 'low'), aPod(5, '2021', 'old'), aPod(5, '2022', 'young')];
    const kept = [young, low, old].sort(keepsBefore).map(({ metadata }) => metadata.name);
    expect(kept).toEqual(['old', 'young', 'low']);
  });

  const eviction = (nodeName: string, ...victims: Pod[]) => ({ nodeName, victims, violations: 0 });
  test.each([
    {
      when: 'the highest victim is lower',
      of: [eviction('a', aPod(5)), eviction('b', aPod(3), aPod(3))],
      node: 'b',
    },
    {
      when: 'the sum is lower',
      of: [eviction('a', aPod(5), aPod(4)), eviction('b', aPod(5), aPod(1))],
      node: 'b',
    },
    { when: 'fewer have to go', of: [eviction('a', aPod(0), aPod(-1)), eviction('b', aPod(0))], node: 'b' },
    {
      when: 'the important one started later',
      of: [eviction('a', aPod(1, '2020')), eviction('b', aPod(1, '2022'))],
      node: 'b',
    },
    { when: 'nothing differs', of: [eviction('b', aPod(1)), eviction('a', aPod(1))], node: 'a' },
    {
      when: 'it violates fewer budgets, whatever else',
      of: [{ ...eviction('a', aPod(1)), violations: 1 }, eviction('b', aPod(5), aPod(5))],
      node: 'b',
    },
    { when: 'there is none', of: [], node: undefined },
  ])('RUL193: takes $node when $when', ({ of, node }) => {
    expect(leastHarm(of)?.nodeName).toBe(node);
  });
});

describe('disruption budgets', () => {
  const web = { app: 'web' };
  const aBudget = (
    disruptionsAllowed: number,
    more: { namespace?: string; selector?: LabelSelector; disruptedPods?: Record<string, string> } = {},
  ): PodDisruptionBudget => {
    const { namespace = 'shop', selector = { matchLabels: web }, disruptedPods = {} } = more;
    return {
      metadata: { namespace, name: 'b' },
      spec: { selector },
      status: { disruptionsAllowed, disruptedPods },
    };
  };
  const aPod = (name: string, labels: Readonly<Record<string, string>> = web): Pod => ({
    metadata: { namespace: 'shop', name, labels },
  });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => aPod(name));
  test.each([
    { when: 'there is none', budgets: [], violates: [false, false, false] },
    { when: 'one may go', budgets: [aBudget(1)], violates: [false, true, true] },
    { when: 'all may go', budgets: [aBudget(3)], violates: [false, false, false] },
    { when: 'one of two allows it', budgets: [aBudget(3), aBudget(0)], violates: [true, true, true] },
    {
      when: 'one was counted by the server',
      budgets: [aBudget(1, { disruptedPods: { a: '2026-01-01T00:00:00Z' } })],
      violates: [false, false, true],
    },
    {
      when: 'it is of another namespace',
      budgets: [aBudget(0, { namespace: 'home' })],
      violates: [false, false, false],
    },
    {
      when: 'its selector is empty',
      budgets: [aBudget(0, { selector: {} })],
      violates: [false, false, false],
    },
    {
      when: 'it has no selector or status yet',
      budgets: [{ metadata: { namespace: 'shop' } }],
      violates: [false, false, false],
    },
    {
      when: 'it was not counted yet',
      budgets: [{ metadata: { namespace: 'shop' }, spec: { selector: { matchLabels: web } } }],
      violates: [true, true, true],
    },
  ])('RUL194: three pods violate $violates when $when', ({ budgets, violates }) => {
    const begin = budgetCounter(budgets);
    const count = begin();
    expect([a, b, c].map((pod) => pod !== undefined && count(pod))).toEqual(violates);
    const again = begin();
    expect(a !== undefined && again(a)).toBe(violates[0]);
  });

  test('RUL194: a pod without labels violates nothing', () => {
    const everyoneButDb = { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] };
    const begin = budgetCounter([aBudget(0, { selector: everyoneButDb })]);
    expect([begin()(aPod('a', {})), begin()(aPod('a'))]).toEqual([false, true]);
  });
});

describe('zone labels', () => {
  const ZONE = 'topology.kubernetes.io/zone';
  const REGION = 'topology.kubernetes.io/region';
  const OLD = 'failure-domain.beta.kubernetes.io/zone';
  const aVolume = (labels: Readonly<Record<string, string>>): PersistentVolume => ({
    metadata: { name: 'pv', labels },
  });
  test.each([
    { rule: 'RUL200', when: 'the zone is equal', of: { [ZONE]: 'a' }, on: { [ZONE]: 'a' }, by: undefined },
    { rule: 'RUL200', when: 'the zone differs', of: { [ZONE]: 'a' }, on: { [ZONE]: 'b' }, by: ZONE },
    {
      rule: 'RUL200',
      when: 'it is one of the set',
      of: { [ZONE]: 'a__b' },
      on: { [ZONE]: 'b' },
      by: undefined,
    },
    { rule: 'RUL200', when: 'it is not in the set', of: { [ZONE]: 'a__b' }, on: { [ZONE]: 'c' }, by: ZONE },
    {
      rule: 'RUL200',
      when: 'the region differs',
      of: { [ZONE]: 'a', [REGION]: 'x' },
      on: { [ZONE]: 'a', [REGION]: 'y' },
      by: REGION,
    },
    {
      rule: 'RUL200',
      when: 'the node has only a region',
      of: { [ZONE]: 'a' },
      on: { [REGION]: 'x' },
      by: ZONE,
    },
    {
      rule: 'RUL200',
      when: 'the volume has no such label',
      of: { app: 'x' },
      on: { [ZONE]: 'a' },
      by: undefined,
    },
    { rule: 'RUL201', when: 'the volume has the old name', of: { [OLD]: 'a' }, on: { [ZONE]: 'b' }, by: OLD },
    {
      rule: 'RUL201',
      when: 'the node has the old name',
      of: { [ZONE]: 'a' },
      on: { [OLD]: 'a' },
      by: undefined,
    },
    { rule: 'RUL202', when: 'the node has no zones', of: { [ZONE]: 'a' }, on: { app: 'x' }, by: undefined },
  ])('$rule: $by refuses when $when', ({ of, on, by }) => {
    expect(refusingZoneLabel(aVolume(of), aNode(on))).toBe(by);
  });

  test('RUL200: only zone and region labels are looked at', () => {
    expect([hasZoneLabels(aVolume({ [OLD]: 'a' })), hasZoneLabels(aVolume({ zone: 'a' }))]).toEqual([
      true,
      false,
    ]);
  });
});
