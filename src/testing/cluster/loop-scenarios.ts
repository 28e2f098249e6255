// Scenarios of the loops beside a volume's own life: ephemeral claims, protection, the Unused condition, namespaces,
// service accounts, quota, lost nodes, capacity.
import {
  csiDrivers,
  csiStorageCapacities,
  namespaces,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  resourceQuotas,
  serviceAccounts,
} from '#api/resources.ts';
import { DEFAULT_GATES } from '#rules/feature-gates.ts';
import { OUT_OF_SERVICE_TAINT } from '#rules/well-known.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import type { Cluster } from './cluster.ts';
import { claimOf, NAMESPACE, podOf } from './objects.ts';
import {
  createClaim,
  createPod,
  deleteClaim,
  deletePod,
  NOTHING,
  type Scenario,
  together,
} from './scenarios.ts';

const TEAM = 'team';
const POOL = 'topology.scripted.example/pool';

const createEphemeralPod = (cluster: Cluster): void =>
  cluster.act('creates a pod with an ephemeral volume', (user) => {
    const { spec } = claimOf('unnamed', 'later');
    const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: spec ?? {} } } }];
    const pod = podOf('web', []);
    return user.create(pods, { ...pod, spec: { containers: [], ...pod.spec, volumes } });
  });
const createTeam = (cluster: Cluster): void =>
  cluster.act('creates a namespace', (user) => user.create(namespaces, { metadata: { name: TEAM } }));
const fillTeam = (cluster: Cluster): void =>
  cluster.act('creates a claim there', (user) => {
    const claim = claimOf('data', 'now');
    return user.create(persistentVolumeClaims, { ...claim, metadata: { name: 'data', namespace: TEAM } });
  });
const deleteTeam = (cluster: Cluster): void =>
  cluster.act('deletes the namespace', (user) => user.delete(namespaces, { name: TEAM }));
const limit = (cluster: Cluster): void =>
  cluster.act('creates a quota', (user) =>
    user.create(resourceQuotas, {
      metadata: { namespace: NAMESPACE, name: 'storage' },
      spec: { hard: { persistentvolumeclaims: '2', 'requests.storage': '10Gi' } },
    }),
  );
const createBudget = (cluster: Cluster): void =>
  cluster.act('creates a disruption budget', (user) =>
    user.create(podDisruptionBudgets, {
      metadata: { namespace: NAMESPACE, name: 'one-stays' },
      spec: { minAvailable: 1, selector: {} },
    }),
  );
const createPlainPod =
  (name: string) =>
  (cluster: Cluster): void =>
    cluster.act(`creates pod ${name}`, (user) => {
      const pod = podOf(name, []);
      return user.create(pods, { ...pod, spec: { containers: [], ...pod.spec, volumes: [] } });
    });
const trackCapacity = (cluster: Cluster): void =>
  cluster.act('has the capacity tracked', async (user) => {
    const { resourceVersion } = (await user.get(csiDrivers, { name: DRIVER_NAME })).metadata;
    const patch = { metadata: { resourceVersion }, spec: { storageCapacity: true } };
    await user.patch(csiDrivers, { name: DRIVER_NAME }, { type: 'merge', patch });
  });
const loseNode = (cluster: Cluster): void => {
  cluster.powerOff('a');
  cluster.act('calls node a out of service', (user) => {
    const taints = [{ key: OUT_OF_SERVICE_TAINT, value: 'nodeshutdown', effect: 'NoExecute' as const }];
    return user.patch(nodes, { name: 'a' }, { type: 'merge', patch: { spec: { taints } } });
  });
};

export const LOOP_SCENARIOS: readonly Scenario[] = [
  {
    name: 'an ephemeral claim goes with its pod',
    nodes: ['a'],
    acts: [createEphemeralPod, deletePod('web')],
    leaves: NOTHING,
  },
  {
    name: 'a claim that is deleted waits for its pod',
    nodes: ['a'],
    acts: [together(createClaim('data', 'now'), createPod('web', 'data')), deleteClaim('data')],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['web Running'], backend: 1, attached: 1 },
  },
  {
    name: 'a claim is unused until a pod comes',
    nodes: ['a'],
    gates: { ...DEFAULT_GATES, PersistentVolumeClaimUnusedSinceTime: true },
    acts: [createClaim('data', 'now'), createPod('web', 'data')],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['web Running'], backend: 1, attached: 1 },
    lacks: async ({ user }) => {
      const claim = await user.get(persistentVolumeClaims, { namespace: NAMESPACE, name: 'data' });
      const unused = claim.status?.conditions?.find(({ type }) => type === 'Unused')?.status;
      return unused === 'False' ? '' : `Unused is ${unused ?? 'absent'}`;
    },
  },
  {
    name: 'a namespace has its service account',
    acts: [createTeam],
    leaves: NOTHING,
    lacks: async ({ user }) => {
      const account = await user.find(serviceAccounts, { namespace: TEAM, name: 'default' });
      return account === undefined ? 'its service account' : '';
    },
  },
  {
    name: 'a namespace goes with its claims and volumes',
    acts: [createTeam, fillTeam, deleteTeam],
    leaves: NOTHING,
    lacks: async ({ user }) => ((await user.find(namespaces, { name: TEAM })) === undefined ? '' : 'its end'),
  },
  {
    name: 'a quota counts what is there',
    acts: [together(limit, createClaim('data', 'now'), createClaim('gone', 'now')), deleteClaim('gone')],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'], backend: 1 },
    lacks: async ({ user }) => {
      const { status } = await user.get(resourceQuotas, { namespace: NAMESPACE, name: 'storage' });
      const used = [status?.used?.['persistentvolumeclaims'], status?.used?.['requests.storage']].join(' ');
      return used === '1 1Gi' ? '' : `the quota counts ${used}`;
    },
  },
  {
    name: 'a budget counts the pods that it protects',
    nodes: ['a'],
    acts: [createBudget, together(createPlainPod('one'), createPlainPod('two')), deletePod('one')],
    leaves: { ...NOTHING, pods: ['two Running'] },
    lacks: async ({ user }) => {
      const { status } = await user.get(podDisruptionBudgets, { namespace: NAMESPACE, name: 'one-stays' });
      const { expectedPods, disruptionsAllowed } = status ?? {};
      return expectedPods === 1 && disruptionsAllowed === 0
        ? ''
        : `the budget expects ${expectedPods} pods and allows ${disruptionsAllowed} disruptions`;
    },
  },
  {
    name: 'a node out of service gives its volume up',
    nodes: ['a', 'b'],
    acts: [
      together(createClaim('data', 'now'), createPod('one', 'data', 'a')),
      together(loseNode, createPod('two', 'data', 'b')),
    ],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['two Running'], backend: 1, attached: 1 },
  },
  {
    name: 'the capacity of a pool is told',
    nodes: ['a'],
    traits: {
      topologyKey: POOL,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS']),
    },
    acts: [trackCapacity],
    leaves: NOTHING,
    lacks: async ({ user }) =>
      (await user.list(csiStorageCapacities)).items.length > 0 ? '' : 'an object that tells the capacity',
  },
];
