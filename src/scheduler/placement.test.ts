import { expect, test } from 'vitest';
import type { Pod, PodAffinityTerm, TopologySpreadConstraint } from '#api/generated/core-v1.ts';
import type { CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import { DEFAULT_GATES } from '#rules/feature-gates.ts';
import {
  aClaim,
  aClass,
  aPod,
  aVolume,
  bound,
  decide,
  namespace,
  uses,
  type World,
} from './world.fixture.ts';

const needs = (cpu: string, memory = '0') => ({ name: 'c', resources: { requests: { cpu, memory } } });
const two = [{}, { name: 'n2', zone: 'b' }];
const three = [...two, { name: 'n3', zone: 'b' }];
const withClaim = { volumes: uses('data') };

interface Row extends World {
  readonly rule: string;
  readonly when: string;
  readonly on?: string;
  readonly says?: string;
}

function check({ on, says, ...world }: Row): void {
  const decided = decide(world);
  expect(decided.kind === 'place' ? decided.nodeName : undefined).toBe(on);
  if (decided.kind === 'refuse') expect(decided.why.message).toContain(says);
}

const listens = (hostPort: number, more: object = {}) => [
  { name: 'c', ports: [{ containerPort: 80, hostPort, ...more }] },
];
const onN1 = (containers: NonNullable<Pod['spec']>['containers'], spec: object = {}) =>
  aPod({ nodeName: 'n1', containers, ...spec }, 'other');
const PORTS = '1 node(s) didn\'t have free ports for the requested pod ports. node "n1": port 80/';
const portRows: readonly Row[] = [
  {
    rule: 'SCH15',
    when: 'the port is taken',
    pod: { containers: listens(80) },
    others: [onN1(listens(80))],
    says: `${PORTS}TCP`,
  },
  {
    rule: 'SCH15',
    when: 'another is',
    pod: { containers: listens(80) },
    others: [onN1(listens(81))],
    on: 'n1',
  },
  {
    rule: 'SCH15',
    when: 'the protocol differs',
    pod: { containers: listens(80, { protocol: 'UDP' }) },
    others: [onN1(listens(80))],
    on: 'n1',
  },
  {
    rule: 'SCH15',
    when: 'the address differs',
    pod: { containers: listens(80, { hostIP: '10.0.0.1' }) },
    others: [onN1(listens(80, { hostIP: '10.0.0.2' }))],
    on: 'n1',
  },
  {
    rule: 'SCH15',
    when: 'one has all addresses',
    pod: { containers: listens(80, { hostIP: '10.0.0.1' }) },
    others: [onN1(listens(80))],
    says: PORTS,
  },
  {
    rule: 'SCH15',
    when: 'both are on the host’s network',
    pod: { hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] },
    others: [onN1([{ name: 'c', ports: [{ containerPort: 80 }] }], { hostNetwork: true })],
    says: PORTS,
  },
  {
    rule: 'SCH15',
    when: 'a side-car has the port',
    pod: { containers: listens(80) },
    others: [onN1([], { initContainers: [{ ...listens(80)[0], restartPolicy: 'Always' }] })],
    says: PORTS,
  },
  {
    rule: 'SCH15',
    when: 'only an init container had it',
    pod: { containers: listens(80) },
    others: [onN1([], { initContainers: listens(80) })],
    on: 'n1',
  },
  {
    rule: 'SCH15',
    when: 'another node has it free',
    nodes: two,
    pod: { containers: listens(80) },
    others: [onN1(listens(80))],
    on: 'n2',
  },
];

const resourceRows: readonly Row[] = [
  {
    rule: 'SCH14',
    when: 'an init container is the largest',
    pod: { containers: [needs('1')], initContainers: [needs('5')] },
    says: '1 Insufficient cpu',
  },
  {
    rule: 'SCH14',
    when: 'init containers run in turn',
    pod: { initContainers: [needs('3'), needs('3')] },
    on: 'n1',
  },
  {
    rule: 'SCH14',
    when: 'side-cars run beside',
    pod: { containers: [needs('3')], initContainers: [{ ...needs('2'), restartPolicy: 'Always' }] },
    says: '1 Insufficient cpu',
  },
  {
    rule: 'SCH14',
    when: 'overhead is added',
    pod: { containers: [needs('3')], overhead: { cpu: '2' } },
    says: '1 Insufficient cpu',
  },
  {
    rule: 'SCH14',
    when: 'two are short',
    pod: { containers: [needs('9', '99Gi')] },
    says: '1 Insufficient cpu, 1 Insufficient memory',
  },
  {
    rule: 'SCH14',
    when: 'the node does not have it',
    pod: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '1' } } }] },
    says: '1 Insufficient example.com/gpu',
  },
  {
    rule: 'SCH14',
    when: 'who took it has ended',
    pod: { containers: [needs('4')] },
    others: [{ ...onN1([needs('4')]), status: { phase: 'Succeeded' } }],
    on: 'n1',
  },
];

const ZONE = 'topology.kubernetes.io/zone';
const zoned = [{ labels: { [ZONE]: 'a' } }, { name: 'n2', labels: { [ZONE]: 'b' } }];
const labelled = (labels: Readonly<Record<string, string>>) => {
  const volume = aVolume('pv', { claimRef: { namespace, name: 'data', uid: 'uid-data' } });
  return { ...volume, metadata: { name: 'pv', labels } };
};
const zoneRows: readonly Row[] = [
  {
    rule: 'SCH37',
    when: 'the volume is labelled',
    nodes: zoned,
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [labelled({ [ZONE]: 'b' })],
    on: 'n2',
  },
  {
    rule: 'SCH37',
    when: 'no node is in its zone',
    nodes: zoned.slice(0, 1),
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [labelled({ [ZONE]: 'b' })],
    says: `1 node(s) had no available volume zone. node "n1": volume "pv" has the label ${ZONE} with "b"`,
  },
  {
    rule: 'SCH37',
    when: 'two zones are named',
    nodes: zoned.slice(1),
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [labelled({ [ZONE]: 'a__b' })],
    on: 'n2',
  },
  {
    rule: 'SCH37',
    when: 'a free volume is labelled',
    nodes: zoned,
    pod: withClaim,
    claims: [aClaim()],
    classes: [aClass({ provisioner: 'kubernetes.io/no-provisioner' })],
    volumes: [{ ...aVolume('pv'), metadata: { name: 'pv', labels: { [ZONE]: 'b' } } }],
    on: 'n2',
  },
];

const tracks = { storageCapacity: true };
const aCapacity = (
  zone: string,
  capacity: string,
  more: Partial<CSIStorageCapacity> = {},
): CSIStorageCapacity => ({
  metadata: { namespace: 'd', name: `c-${zone}-${capacity.toLowerCase()}` },
  storageClassName: 'later',
  nodeTopology: { matchLabels: { zone } },
  capacity,
  ...more,
});
const delayed = { nodes: two, pod: withClaim, claims: [aClaim()] };
const FULL = 'node(s) did not have enough free storage';
const capacityRows: readonly Row[] = [
  {
    rule: 'SCH38',
    when: 'one segment has room',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('b', '1Gi')],
    on: 'n2',
  },
  { rule: 'SCH38', when: 'nothing is published', ...delayed, driver: tracks, says: `2 ${FULL}` },
  {
    rule: 'SCH38',
    when: 'there is too little',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('a', '1Mi'), aCapacity('b', '1Mi')],
    says: 'no CSIStorageCapacity of class "later" that its labels match has 1Gi for claim "shop/data"',
  },
  {
    rule: 'SCH38',
    when: 'one volume may not be so large',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('a', '9Gi', { maximumVolumeSize: '1Mi' }), aCapacity('b', '2Gi')],
    on: 'n2',
  },
  {
    rule: 'SCH38',
    when: 'it is of another class',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('a', '9Gi', { storageClassName: 'x' })],
    says: `2 ${FULL}`,
  },
  { rule: 'SCH38', when: 'the driver does not track it', ...delayed, driver: {}, on: 'n1' },
  {
    rule: 'SCH38',
    when: 'a free volume is there',
    ...delayed,
    driver: tracks,
    volumes: [aVolume('pv')],
    on: 'n1',
  },
  {
    rule: 'SCH48',
    when: 'the gate is on',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('a', '2Gi'), aCapacity('b', '100Gi')],
    gates: { ...DEFAULT_GATES, StorageCapacityScoring: true },
    on: 'n2',
  },
  {
    rule: 'SCH48',
    when: 'the gate is off',
    ...delayed,
    driver: tracks,
    capacities: [aCapacity('a', '2Gi'), aCapacity('b', '100Gi')],
    on: 'n1',
  },
  {
    rule: 'SCH48',
    when: 'volumes are there',
    ...delayed,
    claims: [aClaim({ spec: { resources: { requests: { storage: '4Gi' } } } })],
    volumes: [
      aVolume('small', { nodeAffinity: reach('a') }),
      aVolume('large', { nodeAffinity: reach('b'), capacity: { storage: '50Gi' } }),
    ],
    gates: { ...DEFAULT_GATES, StorageCapacityScoring: true },
    on: 'n2',
  },
];

function reach(zone: string) {
  const matchExpressions = [{ key: 'zone', operator: 'In' as const, values: [zone] }];
  return { required: { nodeSelectorTerms: [{ matchExpressions }] } };
}

const driverRows: readonly Row[] = [
  {
    rule: 'SCH43',
    when: 'the provisioner is no CSI driver',
    drivers: [],
    pod: withClaim,
    claims: [aClaim()],
    classes: [aClass({ provisioner: 'example.com/nfs' })],
    on: 'n1',
  },
  {
    rule: 'SCH41',
    when: 'two new volumes are one too many',
    limits: { n1: 1 },
    pod: { volumes: uses('a', 'b') },
    claims: [aClaim({ name: 'a' }), aClaim({ name: 'b' })],
    says: '1 node(s) exceed max volume count. node "n1": driver "d" allows 1 volumes there',
  },
  {
    rule: 'SCH41',
    when: 'another node has room',
    nodes: two,
    limits: { n1: 0, n2: 1 },
    pod: withClaim,
    claims: [bound('pv')],
    volumes: [aVolume('pv')],
    on: 'n2',
  },
  {
    rule: 'SCH41',
    when: 'an ephemeral claim of another pod counts',
    limits: { n1: 1 },
    pod: withClaim,
    claims: [bound('pv'), aClaim({ name: 'other-tmp' })],
    volumes: [aVolume('pv')],
    others: [aPod({ nodeName: 'n1', volumes: [{ name: 'tmp', ephemeral: {} }] }, 'other')],
    says: 'exceed max volume count',
  },
  {
    rule: 'SCH42',
    when: 'two claims are one volume',
    limits: { n1: 1 },
    pod: withClaim,
    claims: [bound('pv'), bound('pv2', 'twin')],
    volumes: [aVolume('pv'), aVolume('pv2', { csi: { driver: 'd', volumeHandle: 'pv' } })],
    others: [aPod({ nodeName: 'n1', volumes: uses('twin') }, 'other')],
    on: 'n1',
  },
];

const near = (labels: Readonly<Record<string, string>>, more: Partial<PodAffinityTerm> = {}) => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: labels },
  ...more,
});
const wants = (...terms: PodAffinityTerm[]) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const shuns = (...terms: PodAffinityTerm[]) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const stands = (
  name: string,
  nodeName: string,
  labels: Readonly<Record<string, string>>,
  spec: object = {},
  ns = namespace,
) => aPod({ nodeName, ...spec }, name, { metadata: { namespace: ns, labels } });
const web = { metadata: { labels: { app: 'web' } } };
const podRows: readonly Row[] = [
  {
    rule: 'SCH90',
    when: 'such a pod is in the zone',
    nodes: three,
    pod: wants(near({ app: 'db' })),
    others: [stands('db', 'n3', { app: 'db' })],
    on: 'n2',
  },
  {
    rule: 'SCH90',
    when: 'there is none',
    pod: wants(near({ app: 'db' })),
    says: '1 node(s) didn\'t match pod affinity rules. node "n1": no pod that the pod\'s spec.affinity.podAffinity selects has its zone',
  },
  {
    rule: 'SCH90',
    when: 'two terms are met by different pods',
    pod: wants(near({ app: 'db' }), near({ app: 'cache' })),
    others: [stands('db', 'n1', { app: 'db' }), stands('cache', 'n1', { app: 'cache' })],
    says: "didn't match pod affinity rules",
  },
  {
    rule: 'SCH90',
    when: 'one pod meets two terms',
    pod: wants(near({ app: 'db' }), near({ tier: 'x' })),
    others: [stands('db', 'n1', { app: 'db', tier: 'x' })],
    on: 'n1',
  },
  {
    rule: 'SCH90',
    when: 'the pod is in another namespace',
    pod: wants(near({ app: 'db' })),
    others: [stands('db', 'n1', { app: 'db' }, {}, 'lab')],
    says: "didn't match pod affinity rules",
  },
  {
    rule: 'SCH90',
    when: 'that namespace is selected by label',
    nodes: two,
    spaces: { lab: { team: 'x' } },
    pod: wants(near({ app: 'db' }, { namespaceSelector: { matchLabels: { team: 'x' } } })),
    others: [stands('db', 'n2', { app: 'db' }, {}, 'lab')],
    on: 'n2',
  },
  {
    rule: 'SCH90',
    when: 'the node lacks the label',
    pod: wants(near({ app: 'web' }, { topologyKey: 'rack' })),
    more: web,
    says: 'has its rack',
  },
  {
    rule: 'SCH91',
    when: 'it is the first of its group',
    pod: wants(near({ app: 'web' })),
    more: web,
    on: 'n1',
  },
  {
    rule: 'SCH91',
    when: 'the group has begun elsewhere',
    nodes: two,
    pod: wants(near({ app: 'web' })),
    more: web,
    others: [stands('first', 'n2', { app: 'web' })],
    on: 'n2',
  },
  {
    rule: 'SCH92',
    when: 'such a pod is there',
    nodes: three,
    pod: shuns(near({ app: 'web' })),
    others: [stands('w', 'n2', { app: 'web' })],
    on: 'n1',
  },
  {
    rule: 'SCH92',
    when: 'they are everywhere',
    pod: shuns(near({ app: 'web' })),
    others: [stands('w', 'n1', { app: 'web' })],
    says: "1 node(s) didn't match pod anti-affinity rules",
  },
  {
    rule: 'SCH92',
    when: 'only the host must differ',
    nodes: three,
    pod: shuns(near({ app: 'web' }, { topologyKey: 'host' })),
    others: [stands('w', 'n1', { app: 'web' }), stands('v', 'n2', { app: 'web' })],
    on: 'n3',
  },
  {
    rule: 'SCH93',
    when: 'a pod there shuns it',
    nodes: two,
    more: web,
    others: [stands('lone', 'n1', {}, shuns(near({ app: 'web' })))],
    on: 'n2',
  },
  {
    rule: 'SCH93',
    when: 'all shun it',
    more: web,
    others: [stands('lone', 'n1', {}, shuns(near({ app: 'web' })))],
    says: "1 node(s) didn't satisfy existing pods anti-affinity rules",
  },
  {
    rule: 'SCH93',
    when: 'who shuns it has ended',
    more: web,
    others: [{ ...stands('lone', 'n1', {}, shuns(near({ app: 'web' }))), status: { phase: 'Failed' } }],
    on: 'n1',
  },
];

const likes = (weight: number, labels: Readonly<Record<string, string>>) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: near(labels) }],
});
const preferenceRows: readonly Row[] = [
  {
    rule: 'SCH94',
    when: 'it likes a pod there',
    nodes: two,
    pod: { affinity: { podAffinity: likes(5, { app: 'db' }) } },
    others: [stands('db', 'n2', { app: 'db' })],
    on: 'n2',
  },
  {
    rule: 'SCH94',
    when: 'it dislikes a pod there',
    nodes: two,
    pod: { affinity: { podAntiAffinity: likes(5, { app: 'db' }) } },
    others: [stands('db', 'n1', { app: 'db' })],
    on: 'n2',
  },
  {
    rule: 'SCH94',
    when: 'a pod there likes it',
    nodes: two,
    more: web,
    others: [stands('db', 'n2', {}, { affinity: { podAffinity: likes(1, { app: 'web' }) } })],
    on: 'n2',
  },
  {
    rule: 'SCH94',
    when: 'a pod there must have it near',
    nodes: two,
    more: web,
    others: [stands('db', 'n2', {}, wants(near({ app: 'web' })))],
    on: 'n2',
  },
  {
    rule: 'SCH94',
    when: 'a stronger wish is elsewhere',
    nodes: two,
    more: web,
    others: [
      stands('a', 'n1', {}, { affinity: { podAffinity: likes(1, { app: 'web' }) } }),
      stands('b', 'n2', {}, { affinity: { podAffinity: likes(9, { app: 'web' }) } }),
    ],
    on: 'n2',
  },
];

const spread = (
  more: Partial<TopologySpreadConstraint> = {},
): { topologySpreadConstraints: TopologySpreadConstraint[] } => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
      ...more,
    },
  ],
});
const big = { allocatable: { cpu: '100', memory: '100Gi', pods: '100' } };
const spreadRows: readonly Row[] = [
  {
    rule: 'SCH95',
    when: 'one zone has more',
    nodes: [{ ...big }, { name: 'n2', zone: 'b' }],
    pod: spread(),
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    on: 'n2',
  },
  {
    rule: 'SCH95',
    when: 'the other zone is full',
    nodes: [{}, { name: 'n2', zone: 'b', allocatable: { pods: '0' } }],
    pod: spread(),
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    says: 'zone "a" would be 2 above the emptiest, maxSkew is 1',
  },
  {
    rule: 'SCH95',
    when: 'more skew is allowed',
    nodes: [{}, { name: 'n2', zone: 'b', allocatable: { pods: '0' } }],
    pod: spread({ maxSkew: 2 }),
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    on: 'n1',
  },
  {
    rule: 'SCH95',
    when: 'too few zones exist',
    nodes: [{}],
    pod: spread({ minDomains: 2 }),
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    says: "1 node(s) didn't match pod topology spread constraints",
  },
  {
    rule: 'SCH95',
    when: 'a zone that its selector excludes is no zone for it',
    nodes: [{ labels: { disk: 'ssd' } }, { name: 'n2', zone: 'b' }],
    pod: { ...spread(), nodeSelector: { disk: 'ssd' } },
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    on: 'n1',
  },
  {
    rule: 'SCH95',
    when: 'that zone counts with Ignore',
    nodes: [{ labels: { disk: 'ssd' } }, { name: 'n2', zone: 'b' }],
    pod: { ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: { disk: 'ssd' } },
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    says: "1 node(s) didn't match pod topology spread constraints",
  },
  {
    rule: 'SCH96',
    when: 'a node lacks the label',
    pod: spread({ topologyKey: 'rack' }),
    more: web,
    says: '(missing required label). node "n1": it has no label rack',
  },
  {
    rule: 'SCH97',
    when: 'one zone has fewer',
    nodes: [{ ...big }, { name: 'n2', zone: 'b' }],
    pod: spread({ whenUnsatisfiable: 'ScheduleAnyway' }),
    more: web,
    others: [stands('w', 'n1', { app: 'web' }), stands('v', 'n1', { app: 'web' })],
    on: 'n2',
  },
  {
    rule: 'SCH97',
    when: 'only one node fits',
    nodes: [{}, { name: 'n2', zone: 'b', allocatable: { pods: '0' } }],
    pod: spread({ whenUnsatisfiable: 'ScheduleAnyway' }),
    more: web,
    others: [stands('w', 'n1', { app: 'web' })],
    on: 'n1',
  },
];

const scoreRows: readonly Row[] = [
  { rule: 'SCH45', when: 'nothing differs', nodes: [{ name: 'n2' }, { name: 'n1' }], on: 'n1' },
  {
    rule: 'SCH45',
    when: 'a preference is met',
    nodes: two,
    pod: {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] } },
          ],
        },
      },
    },
    on: 'n2',
  },
  {
    rule: 'SCH46',
    when: 'one is larger',
    nodes: [{}, { name: 'n2', ...big }],
    pod: { containers: [{ name: 'c' }] },
    on: 'n2',
  },
  {
    rule: 'SCH46',
    when: 'pods without requests are there',
    nodes: two,
    others: [stands('a', 'n1', {}, { containers: [{ name: 'c' }] })],
    on: 'n2',
  },
  {
    rule: 'SCH46',
    when: 'one would be used evenly',
    nodes: [
      { allocatable: { cpu: '2', memory: '8Gi', pods: '9' } },
      { name: 'n2', allocatable: { cpu: '4', memory: '4Gi', pods: '9' } },
    ],
    pod: { containers: [needs('1', '1Gi')] },
    on: 'n2',
  },
  {
    rule: 'SCH47',
    when: 'one has the image',
    nodes: [{}, { name: 'n2', images: [{ names: ['db:1'], sizeBytes: 900_000_000 }] }],
    pod: { containers: [{ name: 'c', image: 'db:1' }] },
    on: 'n2',
  },
  {
    rule: 'SCH47',
    when: 'no tag means latest',
    nodes: [{}, { name: 'n2', images: [{ names: ['db:latest'], sizeBytes: 900_000_000 }] }],
    pod: { containers: [{ name: 'c', image: 'db' }] },
    on: 'n2',
  },
];

test.each([
  ...portRows,
  ...resourceRows,
  ...zoneRows,
  ...capacityRows,
  ...driverRows,
  ...podRows,
  ...preferenceRows,
  ...spreadRows,
  ...scoreRows,
])('$rule: places on $on when $when', check);
