// A small world for tests of decisions: nodes, claims, volumes and pods in a scripted API, seen through the scheduler's own
// caches and picture of the cluster.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type { CSIDriver, CSIStorageCapacity, StorageClass } from '#api/generated/storage-v1.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import type { Stored } from '#api/object.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { Assumptions } from './assumptions.ts';
import { ClusterState } from './cluster-state.ts';
import { schedulerCaches } from './connect.ts';
import { preemptionSteps } from './decide-preemption.ts';
import { placementSteps, runToEnd } from './decide.ts';
import { Evaluations } from './evaluation.ts';
import { observePod, type Sources } from './view.ts';

export const namespace = 'shop';
export type PodSpec = NonNullable<Pod['spec']>;
export const uses = (...names: string[]) =>
  names.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
export const aPod = (spec: Partial<PodSpec> = {}, name = 'web', more: Partial<Pod> = {}): Pod => ({
  spec: { containers: [], ...spec },
  ...more,
  metadata: { namespace, name, ...more.metadata },
});
export interface NodeParts {
  readonly name?: string;
  readonly zone?: string;
  readonly spec?: Node['spec'];
  readonly ready?: string;
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly images?: NonNullable<Node['status']>['images'];
}
export const aNode = ({
  name = 'n1',
  zone = 'a',
  spec = {},
  ready = 'True',
  allocatable,
  labels = {},
  images,
}: NodeParts = {}): Node => ({
  metadata: { name, labels: { zone, host: name, ...labels } },
  spec,
  status: {
    images,
    conditions: [{ type: 'Ready', status: ready }],
    allocatable: allocatable ?? { cpu: '4', memory: '8Gi', pods: '10' },
  },
});
export const inZone = (zone: string) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }] }],
  },
});
export const aVolume = (name: string, spec: PersistentVolume['spec'] = {}): PersistentVolume => ({
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '5Gi' },
    storageClassName: 'later',
    csi: { driver: 'd', volumeHandle: name },
    ...spec,
  },
  status: { phase: 'Available' },
});
export interface ClaimParts {
  readonly name?: string;
  readonly spec?: PersistentVolumeClaim['spec'];
  readonly metadata?: PersistentVolumeClaim['metadata'];
  readonly phase?: 'Bound' | 'Lost' | 'Pending';
}
export const aClaim = ({
  name = 'data',
  spec,
  metadata,
  phase = 'Pending',
}: ClaimParts = {}): PersistentVolumeClaim => ({
  metadata: { namespace, name, uid: `uid-${name}`, ...metadata },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'later',
    resources: { requests: { storage: '1Gi' } },
    ...spec,
  },
  status: { phase },
});
export const bound = (volumeName: string, name = 'data', spec: PersistentVolumeClaim['spec'] = {}) =>
  aClaim({
    name,
    spec: { volumeName, ...spec },
    metadata: { annotations: { [BIND_COMPLETED]: 'yes' } },
    phase: 'Bound',
  });
export const aClass = (more: Partial<StorageClass> = {}): StorageClass => ({
  metadata: { name: 'later' },
  provisioner: 'd',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...more,
});

export interface World {
  readonly pod?: Partial<PodSpec>;
  /** Metadata and status of the pod. */
  readonly more?: Partial<Pod>;
  readonly nodes?: readonly NodeParts[];
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly others?: readonly Pod[];
  /** Node to its drivers' limits; by default every node has driver d without limit. */
  readonly limits?: Readonly<Record<string, number | undefined>>;
  readonly drivers?: readonly string[];
  readonly attached?: readonly string[];
  readonly driver?: CSIDriver['spec'];
  readonly capacities?: readonly CSIStorageCapacity[];
  /** Namespace to its labels. */
  readonly spaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly budgets?: readonly PodDisruptionBudget[];
  readonly gates?: FeatureGates;
}

export function setUp(world: World) {
  const api = scriptedApi();
  const { informers } = api;
  const caches = schedulerCaches(informers);
  const state = new ClusterState(caches);
  state.follow(caches);
  const sources = { caches, state, assumptions: new Assumptions(state) };
  api.seed(csiDrivers, { metadata: { name: 'd' }, spec: world.driver ?? {} });
  for (const parts of world.nodes ?? [{}]) {
    const node = api.seed(nodes, aNode(parts));
    const { name } = node.metadata;
    const limit = world.limits?.[name];
    const allocatable = limit === undefined ? {} : { allocatable: { count: limit } };
    const drivers = (world.drivers ?? ['d']).map((driver) => ({
      name: driver,
      nodeID: name,
      ...allocatable,
    }));
    api.seed(csiNodes, { metadata: { name }, spec: { drivers } });
  }
  for (const claim of world.claims ?? []) api.seed(persistentVolumeClaims, claim);
  for (const volume of world.volumes ?? []) api.seed(persistentVolumes, volume);
  for (const one of world.classes ?? [aClass()]) api.seed(storageClasses, one);
  for (const other of world.others ?? []) api.seed(pods, other);
  for (const volume of world.attached ?? []) {
    const spec = { attacher: 'd', nodeName: 'n1', source: { persistentVolumeName: volume } };
    api.seed(volumeAttachments, { metadata: { name: `csi-${volume}` }, spec });
  }
  for (const one of world.budgets ?? []) api.seed(podDisruptionBudgets, one);
  for (const one of world.capacities ?? []) api.seed(csiStorageCapacities, one);
  for (const [name, labels] of Object.entries(world.spaces ?? {})) {
    api.seed(namespaces, { metadata: { name, labels } });
  }
  return { api, sources, pod: api.seed(pods, aPod(world.pod, 'web', world.more)) };
}

export function decide(world: World) {
  const { sources, pod } = setUp(world);
  return placementOf(sources, pod, world.gates);
}

export function placementOf(sources: Sources, pod: Stored<Pod>, gates: FeatureGates = DEFAULT_GATES) {
  return runToEnd(placementSteps(observePod(sources, pod), { evaluations: new Evaluations(), gates }));
}

/** Who has to go, `node: victim, victim`, or what else was decided for a pod that fits nowhere. */
export function evict(world: World): string {
  const { sources, pod } = setUp(world);
  const view = observePod(sources, pod);
  const evaluations = new Evaluations();
  const placement = runToEnd(placementSteps(view, { evaluations }));
  if (placement.kind === 'place') return `fits on ${placement.nodeName}`;
  const step = runToEnd(preemptionSteps(view, placement.hopeful, evaluations));
  if (step.kind === 'none') return 'none';
  if (step.kind === 'wait') return `wait for ${step.nodeName}`;
  const { nodeName, victims } = step.eviction;
  return `${nodeName}: ${victims.map(({ metadata }) => metadata.name).join(', ')}`;
}
