// The counterpart of upstream's tables for finding, assuming and binding volumes of a pod
// (pkg/scheduler/framework/plugins/volumebinding): each row under three settings of the driver's storageCapacity, as
// there, where the setting must not matter.
import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { CSIDriver } from '#api/generated/storage-v1.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { Assumptions } from './assumptions.ts';
import type { AssumedView } from './decide-assumed.ts';
import { decideAssumed } from './decide-assumed.ts';
import {
  aClaim,
  aClass,
  aVolume,
  bound,
  decide,
  inZone,
  namespace,
  setUp,
  uses,
  type World,
} from './world.fixture.ts';

const gi = (size: number) => ({ resources: { requests: { storage: `${size}Gi` } } });
const sized = (name: string, size: number, more: PersistentVolume['spec'] = {}) =>
  aVolume(name, { capacity: { storage: `${size}Gi` }, ...more });
const boundTo = (claim: string) => ({ claimRef: { namespace, name: claim, uid: `uid-${claim}` } });
const manual = [aClass({ provisioner: 'kubernetes.io/no-provisioner' })];
const later = [aClass()];
const atOnce = [aClass({ volumeBindingMode: 'Immediate' })];

interface Row extends World {
  readonly rule: string;
  readonly when: string;
  /** `match claim volume`, `provision claim`; absent: refused. */
  readonly plans?: readonly string[] | undefined;
  readonly says?: string;
}

const withoutProvisioning: readonly Row[] = [
  { rule: 'SCH26', when: 'there is no claim', pod: {}, plans: [] },
  {
    rule: 'SCH24',
    when: 'an immediate claim is unbound',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    classes: atOnce,
    says: 'unbound immediate',
  },
  {
    rule: 'SCH31',
    when: 'a claim is bound',
    pod: { volumes: uses('a') },
    claims: [bound('v', 'a')],
    volumes: [sized('v', 1, boundTo('a'))],
    plans: [],
  },
  {
    rule: 'SCH30',
    when: 'the volume of a bound claim is gone',
    pod: { volumes: uses('a') },
    claims: [bound('v', 'a')],
    says: 'bound to non-existent pv(s)',
  },
  {
    rule: 'SCH24',
    when: 'a claim names a volume and is not bound yet',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a', spec: { volumeName: 'v' } })],
    volumes: [sized('v', 1)],
    classes: atOnce,
    says: 'unbound immediate',
  },
  {
    rule: 'SCH32',
    when: 'one delayed claim has one volume',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1)],
    classes: manual,
    plans: ['match a v'],
  },
  {
    rule: 'SCH32',
    when: 'two volumes fit',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v5', 5), sized('v1', 1)],
    classes: manual,
    plans: ['match a v1'],
  },
  {
    rule: 'SCH33',
    when: 'two claims have two volumes',
    pod: { volumes: uses('b', 'a') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b', spec: gi(4) })],
    volumes: [sized('v5', 5), sized('v1', 1)],
    classes: manual,
    plans: ['match a v1', 'match b v5'],
  },
  {
    rule: 'SCH35',
    when: 'two claims have one volume',
    pod: { volumes: uses('a', 'b') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b' })],
    volumes: [sized('v', 1)],
    classes: manual,
    says: 'no free volume reaches it for claim "shop/b"',
  },
  {
    rule: 'SCH35',
    when: 'the volume is too small',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a', spec: gi(2) })],
    volumes: [sized('v', 1)],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH35',
    when: 'the volume is elsewhere',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, { nodeAffinity: inZone('b') })],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH32',
    when: 'one is bound and one delayed',
    pod: { volumes: uses('a', 'b') },
    claims: [bound('va', 'a'), aClaim({ name: 'b' })],
    volumes: [sized('va', 1, boundTo('a')), sized('vb', 1)],
    classes: manual,
    plans: ['match b vb'],
  },
  {
    rule: 'SCH31',
    when: 'one is bound elsewhere and one is delayed here',
    pod: { volumes: uses('a', 'b') },
    claims: [bound('va', 'a'), aClaim({ name: 'b' })],
    volumes: [sized('va', 1, { ...boundTo('a'), nodeAffinity: inZone('b') }), sized('vb', 1)],
    classes: manual,
    says: 'volume "va" refuses its labels in spec.nodeAffinity',
  },
  {
    rule: 'SCH31',
    when: 'both kinds refuse, both are said',
    pod: { volumes: uses('a', 'b') },
    claims: [bound('va', 'a'), aClaim({ name: 'b' })],
    volumes: [sized('va', 1, { ...boundTo('a'), nodeAffinity: inZone('b') })],
    classes: manual,
    says: "1 node(s) didn't find available persistent volumes to bind, 1 node(s) had volume node affinity conflict",
  },
  {
    rule: 'SCH24',
    when: 'one is delayed and one immediate',
    pod: { volumes: uses('a', 'b') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b', spec: { storageClassName: 'now' } })],
    volumes: [sized('v', 1)],
    classes: [...manual, { ...aClass({ volumeBindingMode: 'Immediate' }), metadata: { name: 'now' } }],
    says: 'claim "b" of class "now" is not bound yet',
  },
  {
    rule: 'SCH32',
    when: 'the volume is bound to the claim already, the claim not',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, boundTo('a'))],
    classes: manual,
    plans: ['match a v'],
  },
  {
    rule: 'SCH32',
    when: 'that volume is elsewhere',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, { ...boundTo('a'), nodeAffinity: inZone('b') }), sized('other', 1)],
    classes: manual,
    says: 'volume "v" refuses its labels',
  },
  {
    rule: 'SCH35',
    when: 'the volume is of another class',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, { storageClassName: 'x' })],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH35',
    when: 'the volume belongs to another claim',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, boundTo('x'))],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH35',
    when: 'the volume has another mode',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    volumes: [sized('v', 1, { volumeMode: 'Block' })],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH35',
    when: 'a selector refuses the volume',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a', spec: { selector: { matchLabels: { tier: 'x' } } } })],
    volumes: [sized('v', 1)],
    classes: manual,
    says: "didn't find available persistent volumes to bind",
  },
  { rule: 'SCH20', when: 'the claim is missing', pod: { volumes: uses('a') }, says: '"a" not found' },
];

const withProvisioning: readonly Row[] = [
  {
    rule: 'SCH35',
    when: 'one claim is provisioned',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    plans: ['provision a'],
  },
  {
    rule: 'SCH35',
    when: 'one is there and one is provisioned',
    pod: { volumes: uses('a', 'b') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b', spec: gi(9) })],
    volumes: [sized('v', 1)],
    plans: ['match a v', 'provision b'],
  },
  {
    rule: 'SCH35',
    when: 'one is bound and one is provisioned',
    pod: { volumes: uses('a', 'b') },
    claims: [bound('v', 'a'), aClaim({ name: 'b' })],
    volumes: [sized('v', 1, boundTo('a'))],
    plans: ['provision b'],
  },
  {
    rule: 'SCH34',
    when: 'this node was selected',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a', metadata: { annotations: { [SELECTED_NODE]: 'n1' } } })],
    volumes: [sized('v', 1)],
    plans: ['provision a'],
  },
  {
    rule: 'SCH34',
    when: 'another node was selected',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a', metadata: { annotations: { [SELECTED_NODE]: 'n9' } } })],
    says: 'being provisioned for node "n9"',
  },
  {
    rule: 'SCH24',
    when: 'the class does not exist',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    classes: [],
    says: 'claim "a" of class "later" is not bound yet',
  },
  {
    rule: 'SCH35',
    when: 'allowedTopologies admit the node',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    classes: [
      aClass({ allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a', 'c'] }] }] }),
    ],
    plans: ['provision a'],
  },
  {
    rule: 'SCH35',
    when: 'no topology admits it',
    pod: { volumes: uses('a') },
    claims: [aClaim({ name: 'a' })],
    classes: [aClass({ allowedTopologies: [{ matchLabelExpressions: [{ key: 'rack', values: ['1'] }] }] })],
    says: 'in allowedTopologies',
  },
];

const settings: readonly {
  readonly driver: string;
  readonly spec: CSIDriver['spec'];
  readonly asks: boolean;
}[] = [
  { driver: 'says nothing of capacity', spec: {}, asks: false },
  { driver: 'does not track it', spec: { storageCapacity: false }, asks: false },
  { driver: 'tracks it', spec: { storageCapacity: true }, asks: true },
];
const roomEverywhere = [
  { metadata: { name: 'c' }, storageClassName: 'later', nodeTopology: {}, capacity: '100Gi' },
];

function check({ plans, says, ...world }: Row): void {
  const decided = decide(world);
  if (decided.kind === 'refuse') {
    expect(plans).toBeUndefined();
    expect(decided.why.message).toContain(says);
    return;
  }
  const made = decided.plans.map((plan) => {
    const name = plan.claimKey.replace(`${namespace}/`, '');
    return plan.kind === 'match' ? `match ${name} ${plan.volume}` : `provision ${name}`;
  });
  expect(made).toEqual(plans);
}

describe.each(settings)('the driver $driver', ({ spec, asks }) => {
  test.each(withoutProvisioning)('$rule: without provisioning, plans $plans when $when', (row) => {
    check({ ...row, driver: spec });
  });

  test.each(withProvisioning)('$rule: with provisioning and room, plans $plans when $when', (row) => {
    check({ classes: later, ...row, driver: spec, capacities: roomEverywhere });
  });

  test.each(withProvisioning)('SCH38: without room, a driver that tracks it refuses when $when', (row) => {
    const isMade = row.plans?.some((plan) => plan.startsWith('provision')) ?? false;
    const refused = { says: 'did not have enough free storage', plans: undefined };
    check({ classes: later, ...row, ...(isMade && asks && refused), driver: spec });
  });
});

interface Bound {
  readonly rule: string;
  readonly when: string;
  readonly claim?: PersistentVolumeClaim;
  readonly volume?: PersistentVolume;
  readonly plan: 'match' | 'provision';
  readonly isWritten?: boolean;
  readonly nodes?: World['nodes'];
  readonly now?: number;
  readonly step: string;
}

const selected = (node: string) => aClaim({ metadata: { annotations: { [SELECTED_NODE]: node } } });
const checkRows: readonly Bound[] = [
  {
    rule: 'SCH60',
    when: 'the volume is free',
    claim: aClaim(),
    volume: sized('v', 1),
    plan: 'match',
    step: 'reserve',
  },
  {
    rule: 'SCH62',
    when: 'the volume is reserved and the claim not bound',
    claim: aClaim(),
    volume: sized('v', 1, boundTo('data')),
    plan: 'match',
    isWritten: true,
    step: 'wait',
  },
  {
    rule: 'SCH65',
    when: 'the claim is bound',
    claim: bound('v'),
    volume: sized('v', 1, boundTo('data')),
    plan: 'match',
    isWritten: true,
    step: 'bind',
  },
  {
    rule: 'SCH65',
    when: 'the claim was bound to another volume that reaches the node',
    claim: bound('w'),
    volume: sized('w', 1, boundTo('data')),
    plan: 'match',
    isWritten: true,
    step: 'bind',
  },
  {
    rule: 'SCH63',
    when: 'the reservation was taken back',
    claim: aClaim(),
    volume: sized('v', 1),
    plan: 'match',
    isWritten: true,
    step: 'give-up',
  },
  {
    rule: 'SCH63',
    when: 'the volume is reserved for an earlier claim of that name',
    claim: aClaim(),
    volume: sized('v', 1, { claimRef: { namespace, name: 'data', uid: 'old' } }),
    plan: 'match',
    step: 'give-up',
  },
  {
    rule: 'SCH63',
    when: 'the volume is gone',
    claim: aClaim(),
    plan: 'match',
    isWritten: true,
    step: 'give-up',
  },
  { rule: 'SCH63', when: 'the claim is gone', volume: sized('v', 1), plan: 'match', step: 'give-up' },
  {
    rule: 'SCH63',
    when: 'the claim was replaced',
    claim: aClaim({ metadata: { uid: 'new' } }),
    volume: sized('v', 1),
    plan: 'match',
    step: 'give-up',
  },
  {
    rule: 'SCH63',
    when: 'the claim is being deleted',
    claim: aClaim({ metadata: { deletionTimestamp: 'now', finalizers: ['x'] } }),
    volume: sized('v', 1),
    plan: 'match',
    step: 'give-up',
  },
  { rule: 'SCH61', when: 'no node is selected', claim: aClaim(), plan: 'provision', step: 'select' },
  {
    rule: 'SCH62',
    when: 'this node is selected',
    claim: selected('n1'),
    plan: 'provision',
    isWritten: true,
    step: 'wait',
  },
  {
    rule: 'SCH62',
    when: 'it was selected before a restart',
    claim: selected('n1'),
    plan: 'provision',
    step: 'wait',
  },
  {
    rule: 'SCH63',
    when: 'the provisioner asks for another node',
    claim: aClaim(),
    plan: 'provision',
    isWritten: true,
    step: 'give-up',
  },
  {
    rule: 'SCH63',
    when: 'another node is selected',
    claim: selected('n9'),
    plan: 'provision',
    step: 'give-up',
  },
  {
    rule: 'SCH62',
    when: 'the claim is bound and its volume not seen',
    claim: bound('v'),
    plan: 'provision',
    isWritten: true,
    step: 'wait',
  },
  {
    rule: 'SCH64',
    when: 'the provisioned volume does not reach the node',
    claim: bound('v'),
    volume: sized('v', 1, { ...boundTo('data'), nodeAffinity: inZone('b') }),
    plan: 'provision',
    isWritten: true,
    step: 'give-up',
  },
  {
    rule: 'SCH65',
    when: 'the provisioned volume reaches the node',
    claim: bound('v'),
    volume: sized('v', 1, { ...boundTo('data'), nodeAffinity: inZone('a') }),
    plan: 'provision',
    isWritten: true,
    step: 'bind',
  },
  {
    rule: 'SCH63',
    when: 'the node is gone and the claim is being provisioned for it',
    claim: selected('n1'),
    plan: 'provision',
    isWritten: true,
    nodes: [],
    step: 'give-up',
  },
  {
    rule: 'SCH63',
    when: 'the node is gone and the claim bound',
    claim: bound('v'),
    volume: sized('v', 1, boundTo('data')),
    plan: 'provision',
    isWritten: true,
    nodes: [],
    step: 'give-up',
  },
  {
    rule: 'SCH66',
    when: 'the deadline has passed',
    claim: selected('n1'),
    plan: 'provision',
    isWritten: true,
    now: 1000,
    step: 'give-up',
  },
  {
    rule: 'SCH66',
    when: 'it was bound in the last moment',
    claim: bound('v'),
    volume: sized('v', 1, boundTo('data')),
    plan: 'provision',
    isWritten: true,
    now: 1000,
    step: 'bind',
  },
];

test.each(checkRows)('$rule: the next step is $step when $when', ({ claim, volume, plan, step, ...row }) => {
  const { sources, pod } = setUp({
    claims: claim === undefined ? [] : [claim],
    volumes: volume === undefined ? [] : [volume],
    nodes: row.nodes ?? [{}],
  });
  const claimKey = `${namespace}/data`;
  const base = { claimKey, claimUid: 'uid-data' };
  const plans = [plan === 'match' ? { kind: plan, ...base, volume: 'v' } : { kind: plan, ...base }];
  const written = new Set(row.isWritten === true ? [claimKey] : []);
  const assumption = { pod, nodeName: 'n1', plans, deadline: 1000, written, isBindingSent: false };
  const view: AssumedView = sources.caches;
  expect(decideAssumed(assumption, view, row.now ?? 0).kind).toBe(step);
});

test('SCH66: giving up takes back everything that was assumed', () => {
  const { sources, pod } = setUp({ claims: [aClaim()], volumes: [sized('v', 1)] });
  const { assumptions, state } = sources;
  const base = { claimKey: `${namespace}/data`, claimUid: 'uid-data' };
  const plans = [{ kind: 'match' as const, ...base, volume: 'v' }];
  assumptions.assume({ pod, nodeName: 'n1', plans, deadline: 1, written: new Set(), isBindingSent: false });
  expect([assumptions.isVolumeTaken('v', 'shop/other'), state.node('n1')?.pods.size]).toEqual([true, 1]);
  expect(assumptions.isVolumeTaken('v', base.claimKey)).toBe(false);
  expect(assumptions.planFor(base.claimKey, 'shop/other')?.nodeName).toBe('n1');
  assumptions.forget('shop/web');
  expect([assumptions.isVolumeTaken('v', 'shop/other'), state.node('n1')?.pods.size]).toEqual([false, 0]);
  expect(assumptions.planFor(base.claimKey, 'shop/other')).toBeUndefined();
});

test('SCH36: of two pods that share a claim, the end of one keeps the plan of the other', () => {
  const { sources, pod } = setUp({});
  const assumptions = new Assumptions(sources.state);
  const base = { claimKey: `${namespace}/data`, claimUid: 'uid-data' };
  const plans = [{ kind: 'match' as const, ...base, volume: 'v' }];
  const other = { ...pod, metadata: { ...pod.metadata, name: 'other' } };
  for (const one of [pod, other]) {
    assumptions.assume({
      pod: one,
      nodeName: 'n1',
      plans,
      deadline: 1,
      written: new Set(),
      isBindingSent: false,
    });
  }
  assumptions.forget('shop/web');
  expect(assumptions.isVolumeTaken('v', 'shop/x')).toBe(true);
  assumptions.forget('shop/other');
  expect(assumptions.isVolumeTaken('v', 'shop/x')).toBe(false);
});
