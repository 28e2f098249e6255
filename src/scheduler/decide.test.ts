import { expect, test } from 'vitest';
import { SELECTED_NODE } from '#rules/well-known.ts';
import {
  aClaim,
  aClass,
  aPod,
  aVolume,
  bound,
  decide,
  inZone,
  namespace,
  placementOf,
  setUp,
  uses,
  type World,
} from './world.fixture.ts';

const needs = (cpu: string) => ({ name: 'c', resources: { requests: { cpu } } });
interface Row extends World {
  readonly rule: string;
  readonly when: string;
  readonly on?: string;
  readonly plans?: readonly string[];
  readonly says?: string;
}
const withClaim = { volumes: uses('data') };
const rows: readonly Row[] = [
  { rule: 'SCH26', when: 'nothing is asked', on: 'n1', plans: [] },
  {
    rule: 'SCH10',
    when: 'the node is not ready',
    nodes: [{ ready: 'Unknown' }],
    says: '1 node(s) were not ready',
  },
  {
    rule: 'SCH10',
    when: 'the pod tolerates that',
    nodes: [{ ready: 'False' }],
    pod: { tolerations: [{ operator: 'Exists' }] },
    on: 'n1',
  },
  {
    rule: 'SCH11',
    when: 'the node is cordoned',
    nodes: [{ spec: { unschedulable: true } }],
    says: '1 node(s) were unschedulable',
  },
  {
    rule: 'SCH12',
    when: 'a taint is not tolerated',
    nodes: [{ spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } }],
    says: '1 node(s) had untolerated taint {gpu: yes}',
  },
  {
    rule: 'SCH13',
    when: 'the selector refuses',
    pod: { nodeSelector: { zone: 'b' } },
    says: "1 node(s) didn't match Pod's node affinity/selector",
  },
  {
    rule: 'SCH13',
    when: 'the selector picks',
    nodes: [{}, { name: 'n2', zone: 'b' }],
    pod: { nodeSelector: { zone: 'b' } },
    on: 'n2',
  },
  {
    rule: 'SCH14',
    when: 'cpu is short',
    pod: { containers: [needs('5')] },
    says: '1 Insufficient cpu. node "n1": status.allocatable.cpu is 4',
  },
  {
    rule: 'SCH14',
    when: 'another pod has taken it',
    pod: { containers: [needs('3')] },
    others: [aPod({ nodeName: 'n1', containers: [needs('2')] }, 'other')],
    says: '1 Insufficient cpu',
  },
  {
    rule: 'SCH14',
    when: 'there are too many pods',
    nodes: [{ allocatable: { pods: '0' } }],
    says: '1 Too many pods',
  },
  {
    rule: 'SCH20',
    when: 'the claim is missing',
    pod: withClaim,
    says: '0/1 nodes are available: persistentvolumeclaim "data" not found.',
  },
  {
    rule: 'SCH20',
    when: 'an ephemeral claim is missing',
    pod: { volumes: [{ name: 'v', ephemeral: {} }] },
    says: 'waiting for ephemeral volume controller to create the persistentvolumeclaim "web-v"',
  },
  {
    rule: 'SCH21',
    when: 'an ephemeral claim is foreign',
    pod: { volumes: [{ name: 'v', ephemeral: {} }] },
    claims: [aClaim({ name: 'web-v' })],
    says: 'PersistentVolumeClaim "web-v" was not created for pod "web"',
  },
  {
    rule: 'SCH22',
    when: 'the claim is being deleted',
    pod: withClaim,
    claims: [aClaim({ metadata: { deletionTimestamp: 'now', finalizers: ['x'] } })],
    says: 'persistentvolumeclaim "data" is being deleted',
  },
  {
    rule: 'SCH23',
    when: 'the claim is Lost',
    pod: withClaim,
    claims: [aClaim({ phase: 'Lost', spec: { volumeName: 'pv' } })],
    says: 'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"',
  },
  {
    rule: 'SCH24',
    when: 'an immediate claim is unbound',
    pod: withClaim,
    claims: [aClaim()],
    classes: [aClass({ volumeBindingMode: 'Immediate' })],
    says: 'pod has unbound immediate PersistentVolumeClaims. claim "data" of class "later"',
  },
  {
    rule: 'SCH25',
    when: 'another pod holds a one-pod claim',
    pod: withClaim,
    claims: [bound('pv', 'data', { accessModes: ['ReadWriteOncePod'] })],
    volumes: [aVolume('pv')],
    others: [aPod({ nodeName: 'n1', ...withClaim }, 'other')],
    says: 'ReadWriteOncePod access mode. node "n1": claim "data" is in use by pod shop/other',
  },
  {
    rule: 'SCH26',
    when: 'the claim is bound',
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv')],
    on: 'n1',
    plans: [],
  },
  {
    rule: 'SCH26',
    when: 'another pod shares a claim of another mode',
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv')],
    others: [aPod({ nodeName: 'n1', ...withClaim }, 'other')],
    on: 'n1',
  },
  {
    rule: 'SCH30',
    when: 'its volume is missing',
    pod: withClaim,
    claims: [bound('pv')],
    says: 'bound to non-existent pv(s)',
  },
  {
    rule: 'SCH31',
    when: 'the volume does not reach the node',
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv', { nodeAffinity: inZone('b') })],
    says: '1 node(s) had volume node affinity conflict. node "n1": volume "pv" refuses its labels in spec.nodeAffinity',
  },
  {
    rule: 'SCH31',
    when: 'the volume picks the node',
    nodes: [{}, { name: 'n2', zone: 'b' }],
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv', { nodeAffinity: inZone('b') })],
    on: 'n2',
  },
  {
    rule: 'SCH32',
    when: 'the smallest that reaches the node is taken',
    pod: withClaim,
    claims: [aClaim()],
    volumes: [
      aVolume('far', { nodeAffinity: inZone('b'), capacity: { storage: '1Gi' } }),
      aVolume('big'),
      aVolume('small', { capacity: { storage: '2Gi' } }),
    ],
    on: 'n1',
    plans: ['match data small'],
  },
  {
    rule: 'SCH32',
    when: 'the volume that points at the claim is taken',
    pod: withClaim,
    claims: [aClaim()],
    volumes: [
      aVolume('small', { capacity: { storage: '1Gi' } }),
      aVolume('mine', { claimRef: { namespace, name: 'data' } }),
    ],
    on: 'n1',
    plans: ['match data mine'],
  },
  {
    rule: 'SCH32',
    when: 'the volume that points at the claim is elsewhere',
    pod: withClaim,
    claims: [aClaim()],
    volumes: [aVolume('mine', { claimRef: { namespace, name: 'data' }, nodeAffinity: inZone('b') })],
    says: 'volume "mine" refuses its labels',
  },
  {
    rule: 'SCH33',
    when: 'two claims share out two volumes',
    pod: { volumes: uses('large', 'data') },
    claims: [aClaim({ name: 'large', spec: { resources: { requests: { storage: '4Gi' } } } }), aClaim()],
    volumes: [aVolume('v5'), aVolume('v1', { capacity: { storage: '1Gi' } })],
    on: 'n1',
    plans: ['match data v1', 'match large v5'],
  },
  {
    rule: 'SCH33',
    when: 'one volume is not taken twice',
    pod: { volumes: uses('a', 'b') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b' })],
    volumes: [aVolume('v')],
    on: 'n1',
    plans: ['match a v', 'provision b'],
  },
  {
    rule: 'SCH34',
    when: 'another node was selected',
    nodes: [{}, { name: 'n2' }],
    pod: withClaim,
    claims: [aClaim({ metadata: { annotations: { [SELECTED_NODE]: 'n2' } } })],
    volumes: [aVolume('v')],
    on: 'n2',
    plans: ['provision data'],
  },
  {
    rule: 'SCH34',
    when: 'the selected node is gone',
    pod: withClaim,
    claims: [aClaim({ metadata: { annotations: { [SELECTED_NODE]: 'n9' } } })],
    says: 'being provisioned for node "n9"',
  },
  {
    rule: 'SCH35',
    when: 'the class provisions',
    pod: withClaim,
    claims: [aClaim()],
    on: 'n1',
    plans: ['provision data'],
  },
  {
    rule: 'SCH35',
    when: 'the class has no provisioner',
    pod: withClaim,
    claims: [aClaim()],
    classes: [aClass({ provisioner: 'kubernetes.io/no-provisioner' })],
    says: "1 node(s) didn't find available persistent volumes to bind",
  },
  {
    rule: 'SCH35',
    when: 'allowedTopologies refuse the node',
    pod: withClaim,
    claims: [aClaim()],
    classes: [aClass({ allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['b'] }] }] })],
    says: 'class "later" refuses its labels in allowedTopologies',
  },
  {
    rule: 'SCH40',
    when: 'the driver is not registered',
    drivers: [],
    pod: withClaim,
    claims: [aClaim()],
    says: 'did not have CSI driver d registered',
  },
  {
    rule: 'SCH41',
    when: 'the limit is reached by a pod',
    limits: { n1: 1 },
    pod: withClaim,
    claims: [aClaim(), bound('pv', 'old')],
    volumes: [aVolume('pv', { claimRef: { namespace, name: 'old', uid: 'uid-old' } })],
    others: [aPod({ nodeName: 'n1', volumes: uses('old') }, 'other')],
    says: '1 node(s) exceed max volume count',
  },
  {
    rule: 'SCH41',
    when: 'the limit is reached by an attachment',
    limits: { n1: 1 },
    attached: ['pv'],
    pod: withClaim,
    claims: [aClaim()],
    volumes: [aVolume('pv', { claimRef: { namespace, name: 'old', uid: 'uid-old' } })],
    says: '1 node(s) exceed max volume count',
  },
  {
    rule: 'SCH41',
    when: 'the limit is reached by the volumes of another driver',
    limits: { n1: 1 },
    drivers: ['d', 'e'],
    pod: withClaim,
    claims: [aClaim(), bound('pv', 'old')],
    volumes: [
      aVolume('pv', {
        claimRef: { namespace, name: 'old', uid: 'uid-old' },
        csi: { driver: 'e', volumeHandle: 'pv' },
      }),
    ],
    others: [aPod({ nodeName: 'n1', volumes: uses('old') }, 'other')],
    on: 'n1',
  },
  {
    rule: 'SCH41',
    when: 'a pod there has a claim that is missing',
    limits: { n1: 1 },
    pod: withClaim,
    claims: [aClaim()],
    others: [aPod({ nodeName: 'n1', volumes: uses('gone') }, 'other')],
    on: 'n1',
  },
  {
    rule: 'SCH42',
    when: 'the volume is there already',
    limits: { n1: 1 },
    attached: ['pv'],
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv')],
    on: 'n1',
  },
  {
    rule: 'SCH45',
    when: 'one node has more room',
    nodes: [{}, { name: 'n2' }],
    others: [aPod({ nodeName: 'n1', containers: [needs('1')] }, 'other')],
    on: 'n2',
  },
  {
    rule: 'SCH45',
    when: 'a taint is to be avoided',
    nodes: [
      { spec: { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] } },
      { name: 'n2', allocatable: { cpu: '1', pods: '9' } },
    ],
    on: 'n2',
  },
  {
    rule: 'SCH50',
    when: 'there is no node',
    nodes: [],
    says: '0/0 nodes are available: no node is registered.',
  },
  {
    rule: 'SCH50',
    when: 'nodes refuse for different reasons',
    nodes: [{ ready: 'False' }, { name: 'n2', spec: { unschedulable: true } }],
    says: '0/2 nodes are available: 1 node(s) were not ready, 1 node(s) were unschedulable.',
  },
];

test.each(rows)('$rule: places on $on when $when', ({ on, plans, says, ...world }) => {
  const decided = decide(world);
  if (decided.kind === 'refuse') {
    expect(on).toBeUndefined();
    expect(decided.why.message).toContain(says);
    return;
  }
  expect(decided.nodeName).toBe(on);
  const short = decided.plans.map((plan) => {
    const name = plan.claimKey.replace(`${namespace}/`, '');
    return plan.kind === 'match' ? `match ${name} ${plan.volume}` : `provision ${name}`;
  });
  if (plans !== undefined) expect(short).toEqual(plans);
});

function assumeOther(
  world: World,
  plan: { readonly volume?: string; readonly claim: string },
  nodeName: string,
) {
  const { sources, pod } = setUp({
    ...world,
    others: [aPod({ ...withClaim, containers: [needs('3')] }, 'other')],
  });
  const other = sources.caches.pods.get('shop/other');
  const claimKey = `shop/${plan.claim}`;
  const base = { claimKey, claimUid: `uid-${plan.claim}` };
  const planned =
    plan.volume === undefined
      ? { kind: 'provision' as const, ...base }
      : { kind: 'match' as const, ...base, volume: plan.volume };
  if (other === undefined) throw new Error('the other pod is seeded');
  sources.assumptions.assume({
    pod: other,
    nodeName,
    plans: [planned],
    deadline: 1,
    written: new Set(),
    isBindingSent: false,
  });
  return placementOf(sources, pod);
}

test('SCH36: a pod that shares a claim follows the plan for it', () => {
  const world = { pod: withClaim, claims: [aClaim()], nodes: [{}, { name: 'n2' }] };
  expect(assumeOther(world, { claim: 'data' }, 'n2')).toMatchObject({
    nodeName: 'n2',
    plans: [{ kind: 'provision', claimKey: 'shop/data' }],
  });
});

test('SCH33: a volume that another pod’s plan holds is not taken', () => {
  const world = { pod: withClaim, claims: [aClaim()], volumes: [aVolume('v')] };
  expect(assumeOther(world, { claim: 'else', volume: 'v' }, 'n1')).toMatchObject({
    plans: [{ kind: 'provision' }],
  });
});

test('SCH14: an assumed pod counts on its node', () => {
  const world = { pod: { containers: [needs('3')] }, claims: [aClaim({ name: 'else' })] };
  expect(assumeOther(world, { claim: 'else' }, 'n1')).toMatchObject({ kind: 'refuse' });
});

test('SCH49: where the volumes could not be made is chosen again only when no other node fits', () => {
  const { sources, pod } = setUp({
    pod: withClaim,
    claims: [aClaim()],
    nodes: [{}, { name: 'n2' }, { name: 'n3', spec: { unschedulable: true } }],
  });
  const chosen: string[] = [];
  for (let at = 0; at < 4; at++) {
    const placed = placementOf(sources, pod);
    const nodeName = placed.kind === 'place' ? placed.nodeName : '';
    chosen.push(nodeName);
    sources.assumptions.declined.decline(pod, nodeName, at);
  }
  expect(chosen).toEqual(['n1', 'n2', 'n1', 'n2']);
});

test('SCH49: a pod is tried again at growing distances, and one of the same name begins anew', () => {
  const { sources, pod } = setUp({ pod: withClaim, claims: [aClaim()] });
  const { declined } = sources.assumptions;
  expect([0, 1, 2, 3, 4, 5].map(() => declined.decline(pod, 'n1', 100))).toEqual([
    1000, 2000, 4000, 8000, 10_000, 10_000,
  ]);
  expect([declined.delayOf(pod, 600), declined.delayOf(pod, 20_000)]).toEqual([9500, 0]);
  const other = { ...pod, metadata: { ...pod.metadata, uid: 'other' } };
  expect([declined.delayOf(other, 600), declined.for(other).size]).toEqual([0, 0]);
});
