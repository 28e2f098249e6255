// The scenarios of placement: pods in competition for storage, for a claim and for nodes, and what must be so in the
// end whatever was killed on the way: who can run runs, who cannot says why, and no claim is bound by half.
import type { Pod } from '#api/generated/core-v1.ts';
import {
  configMaps,
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  priorityClasses,
} from '#api/resources.ts';
import { INTENT_NAMESPACE } from '#sidecars/provisioner/intent.ts';
import type { CsiCall } from '../simulation/scripted-csi.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import type { Cluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf } from './objects.ts';

type Act = (cluster: Cluster) => void;

export interface SchedulerScenario {
  readonly name: string;
  readonly nodes: readonly string[];
  /** What is so before anybody acts: the driver's room, its faults. */
  readonly begins?: Act;
  /** Users' moves, one group after the other has come to rest; those of one group compete. */
  readonly acts: readonly Act[];
  /** Pods that run, pods that wait for a node, and volumes of the driver, in the end. */
  readonly leaves: { readonly running: number; readonly waiting: number; readonly backend: number };
  /** What else must be so, in words; empty when it is. */
  readonly lacks?: (cluster: Cluster) => Promise<string>;
}

const SEGMENT = 'example.org/segment';
const GI = 1024n ** 3n;

const createClaim =
  (name: string, accessMode = 'ReadWriteOnce'): Act =>
  (cluster) =>
    cluster.act(`creates claim ${name}`, (user) =>
      user.create(persistentVolumeClaims, claimOf(name, 'later', { accessModes: [accessMode] })),
    );
const createPod =
  (name: string, claim: string, more: Partial<NonNullable<Pod['spec']>> = {}): Act =>
  (cluster) =>
    cluster.act(`creates pod ${name}`, (user) => user.create(pods, podOf(name, [claim], more)));
const together =
  (...acts: readonly Act[]): Act =>
  (cluster) => {
    for (const act of acts) act(cluster);
  };
const tellsCapacity: Act = (cluster) =>
  cluster.act('the driver tells its capacity', (user) =>
    user.patch(
      csiDrivers,
      { name: DRIVER_NAME },
      { type: 'merge', patch: { spec: { storageCapacity: true } } },
    ),
  );
const createPriority: Act = (cluster) =>
  cluster.act('creates a priority', (user) =>
    user.create(priorityClasses, { metadata: { name: 'high' }, value: 1000 }),
  );

/** Deletes the first pod that runs, and its claim. */
const deleteOneThatRuns: Act = (cluster) =>
  cluster.act('deletes a pod that runs, and its claim', async (user) => {
    const running = (await user.list(pods)).items.find(({ status }) => status?.phase === 'Running');
    const name = running?.metadata.name ?? '';
    await user.delete(pods, { namespace: NAMESPACE, name });
    await user.delete(persistentVolumeClaims, { namespace: NAMESPACE, name });
  });

/** The segment that a CreateVolume asks for first: that of the selected node. */
function wantedSegment({ request }: CsiCall): string {
  const asked = request['accessibilityRequirements'];
  const preferred: unknown = typeof asked === 'object' && asked !== null && Reflect.get(asked, 'preferred');
  const [first]: unknown[] = Array.isArray(preferred) ? preferred : [];
  const segments: unknown = typeof first === 'object' && first !== null && Reflect.get(first, 'segments');
  const value: unknown = typeof segments === 'object' && segments !== null && Reflect.get(segments, SEGMENT);
  return typeof value === 'string' ? value : '';
}

/** The segment that is asked for first has no room, whatever was told of it. */
const firstChoiceIsFull: Act = ({ driver }) => {
  let full: string | undefined;
  driver.hooks.before = (call) => {
    if (call.method !== 'createVolume') return undefined;
    full ??= wantedSegment(call);
    return wantedSegment(call) === full ? { kind: 'refuse', code: 'RESOURCE_EXHAUSTED' } : undefined;
  };
};

/** With the first CreateVolume the node that it is for goes away; before, nothing can be made for it. */
const firstChoiceGoes: Act = (cluster) => {
  let leaving: string | undefined;
  cluster.driver.hooks.before = (call) => {
    if (call.method !== 'createVolume') return undefined;
    const name = wantedSegment(call);
    if (leaving === undefined) {
      leaving = name;
      cluster.kill(name);
      cluster.act(`node ${name} is taken away`, async (user) => {
        await user.delete(nodes, { name });
        await user.delete(csiNodes, { name });
      });
    }
    return name === leaving ? { kind: 'refuse', code: 'FAILED_PRECONDITION' } : undefined;
  };
};

const isOnAnotherNode = async ({ user, driver }: Cluster): Promise<string> => {
  const [first] = driver.callsOf('createVolume');
  const refused = first === undefined ? '' : wantedSegment(first);
  const pod = await user.get(pods, { namespace: NAMESPACE, name: 'web' });
  const nodeName = pod.spec?.nodeName ?? '';
  return refused !== '' && nodeName !== refused ? '' : `first "${refused}", in the end "${nodeName}"`;
};

const racers = ['one', 'two', 'three'];

export const SCHEDULER_SCENARIOS: readonly SchedulerScenario[] = [
  {
    name: 'three pods race for the room of two segments',
    nodes: ['a', 'b'],
    begins: ({ driver }) => {
      for (const segment of ['a', 'b']) driver.backend.pools.set(segment, GI);
    },
    acts: [tellsCapacity, together(...racers.flatMap((name) => [createClaim(name), createPod(name, name)]))],
    leaves: { running: 2, waiting: 1, backend: 2 },
  },
  {
    name: 'of three pods in two segments one goes, and the third has its room',
    nodes: ['a', 'b'],
    begins: ({ driver }) => {
      for (const segment of ['a', 'b']) driver.backend.pools.set(segment, GI);
    },
    acts: [
      together(tellsCapacity, ...racers.flatMap((name) => [createClaim(name), createPod(name, name)])),
      deleteOneThatRuns,
    ],
    leaves: { running: 2, waiting: 0, backend: 2 },
  },
  {
    name: 'a more important pod takes a ReadWriteOncePod claim',
    nodes: ['a', 'b'],
    acts: [
      together(createPriority, createClaim('data', 'ReadWriteOncePod'), createPod('low', 'data')),
      createPod('high', 'data', { priorityClassName: 'high' }),
    ],
    leaves: { running: 1, waiting: 0, backend: 1 },
    lacks: async ({ user }) => {
      const names = (await user.list(pods)).items.map(({ metadata }) => metadata.name);
      return names.join() === 'high' ? '' : `there are ${names.join()}`;
    },
  },
  {
    name: 'a pod that names its node has a delayed claim',
    nodes: ['a', 'b'],
    acts: [together(createClaim('data'), createPod('web', 'data', { nodeName: 'b' }))],
    leaves: { running: 1, waiting: 0, backend: 1 },
    lacks: async ({ driver }) => {
      const [volume] = driver.backend.volumes.values();
      return volume?.segments[SEGMENT] === 'b' ? '' : 'the volume is not where the pod is';
    },
  },
  {
    name: 'the segment of the selected node has no room',
    nodes: ['a', 'b'],
    begins: firstChoiceIsFull,
    acts: [together(createClaim('data'), createPod('web', 'data'))],
    leaves: { running: 1, waiting: 0, backend: 1 },
    lacks: isOnAnotherNode,
  },
  {
    name: 'the selected node goes away while the claim waits',
    nodes: ['a', 'b'],
    begins: firstChoiceGoes,
    acts: [together(createClaim('data'), createPod('web', 'data'))],
    leaves: { running: 1, waiting: 0, backend: 1 },
    lacks: isOnAnotherNode,
  },
];

/** Plays a scenario to its end; the first users come while the nodes are still registering. */
export async function playScheduler(cluster: Cluster, { begins, acts }: SchedulerScenario): Promise<void> {
  await furnish(cluster);
  begins?.(cluster);
  for (const act of acts) {
    act(cluster);
    await cluster.settle();
  }
}

/** What a scenario's driver is like: each node is a segment of its own. */
export const SEGMENTED = {
  topologyKey: SEGMENT,
  pluginCapabilities: new Set(['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS']),
};

/** What is there now, in the form of SchedulerScenario.leaves. */
export async function placedState({ user, driver }: Cluster): Promise<SchedulerScenario['leaves']> {
  const all = (await user.list(pods)).items;
  return {
    running: all.filter(({ status }) => status?.phase === 'Running').length,
    waiting: all.filter(({ spec }) => (spec?.nodeName ?? '') === '').length,
    backend: driver.backend.volumes.size,
  };
}

/** A CreateVolume of a process that was killed may still happen: until it is answered its arguments stay (PRV7). */
export async function awaitsUnknownCall({ user }: Cluster): Promise<boolean> {
  const { items } = await user.list(configMaps, { namespace: INTENT_NAMESPACE });
  return items.some(({ metadata }) => metadata.name.startsWith('pvc-'));
}

/** Claims bound by half, and waiting pods that do not say why; empty when there are none. */
export async function unfinished({ user }: Cluster): Promise<readonly string[]> {
  const [claims, volumes, all] = await Promise.all([
    user.list(persistentVolumeClaims),
    user.list(persistentVolumes),
    user.list(pods),
  ]);
  const half = claims.items.filter(({ metadata, spec, status }) => {
    const pointing = volumes.items.filter((volume) => volume.spec?.claimRef?.uid === metadata.uid);
    const isWhole = status?.phase === 'Bound' && pointing.length === 1;
    const isUntouched = (spec?.volumeName ?? '') === '' && pointing.length === 0;
    return !isWhole && !isUntouched;
  });
  const silent = all.items.filter(
    ({ spec, status }) =>
      (spec?.nodeName ?? '') === '' &&
      status?.conditions?.some(({ type, message = '' }) => type === 'PodScheduled' && message !== '') !==
        true,
  );
  return [
    ...half.map(({ metadata }) => `claim ${metadata.name} is bound by half`),
    ...silent.map(({ metadata }) => `pod ${metadata.name} does not say why it waits`),
  ];
}
