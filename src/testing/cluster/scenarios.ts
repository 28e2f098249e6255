// The scenarios of a volume's life: what users do, in seeded competition with everything else, and what must be so in
// the end whatever was killed on the way. The same list serves crash enumeration, stale caches and both transports.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { formatBytes } from '#api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import { type DriverTraits, DRIVER_NAME } from '../simulation/traits.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf, volumeOf } from './objects.ts';

export interface Scenario {
  readonly name: string;
  readonly nodes?: readonly string[];
  readonly traits?: Partial<DriverTraits>;
  readonly gates?: FeatureGates;
  /** Users' moves, one group after the other has come to rest; those of one group compete. */
  readonly acts: readonly ((cluster: Cluster) => void)[];
  /** What is left in the end: claims and volumes with their phase, pods, backend volumes. */
  readonly leaves: Remains;
  /** What else must be so, in words; empty when it is. */
  readonly lacks?: (cluster: Cluster) => Promise<string>;
}

export interface Remains {
  readonly claims: readonly string[];
  readonly volumes: readonly string[];
  readonly pods: readonly string[];
  readonly backend: number;
  readonly attached: number;
}

export const NOTHING: Remains = { claims: [], volumes: [], pods: [], backend: 0, attached: 0 };

export const createClaim =
  (name: string, className: string) =>
  (cluster: Cluster): void =>
    cluster.act(`creates claim ${name}`, (user) =>
      user.create(persistentVolumeClaims, claimOf(name, className)),
    );
export const createPod =
  (name: string, claim: string, nodeName?: string) =>
  (cluster: Cluster): void =>
    cluster.act(`creates pod ${name}`, (user) =>
      user.create(pods, podOf(name, [claim], nodeName === undefined ? {} : { nodeName })),
    );
const createVolume =
  (name: string, className: string) =>
  (cluster: Cluster): void =>
    cluster.act(`creates volume ${name}`, (user) =>
      user.create(persistentVolumes, volumeOf(name, className)),
    );

/** Deletes as soon as it is there. */
function deleting(what: string, remove: (user: ApiClient) => Promise<void>): (cluster: Cluster) => void {
  const act = (cluster: Cluster): void =>
    cluster.act(`deletes ${what}`, async (user) => {
      try {
        await remove(user);
      } catch (error) {
        if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
        act(cluster);
      }
    });
  return act;
}
export const deleteClaim = (name: string) =>
  deleting(`claim ${name}`, (user) => user.delete(persistentVolumeClaims, { namespace: NAMESPACE, name }));
export const deletePod = (name: string, options: { readonly gracePeriodSeconds?: number } = {}) =>
  deleting(`pod ${name}`, (user) => user.delete(pods, { namespace: NAMESPACE, name }, options));
/** The one volume there is, whatever its name. */
const deleteVolume = deleting('the volume', async (user) => {
  const [volume] = (await user.list(persistentVolumes)).items;
  if (volume === undefined) throw new ApiError({ status: 404, reason: 'NotFound', message: 'not yet' });
  await user.delete(persistentVolumes, { name: volume.metadata.name });
});

const growClaim =
  (name: string, storage: string) =>
  (cluster: Cluster): void =>
    cluster.act(`grows claim ${name}`, async (user) => {
      // In this order of events it may be gone already.
      if ((await user.find(persistentVolumeClaims, { namespace: NAMESPACE, name })) === undefined) return;
      const patch = { spec: { resources: { requests: { storage } } } };
      await user.patch(persistentVolumeClaims, { namespace: NAMESPACE, name }, { type: 'merge', patch });
    });
const modifyClaim =
  (name: string, className: string) =>
  (cluster: Cluster): void =>
    cluster.act(`gives claim ${name} the class ${className}`, async (user) => {
      await user.create(volumeAttributesClasses, {
        metadata: { name: className },
        driverName: DRIVER_NAME,
        parameters: { iops: '100' },
      });
      const patch = { spec: { volumeAttributesClassName: className } };
      await user.patch(persistentVolumeClaims, { namespace: NAMESPACE, name }, { type: 'merge', patch });
    });
/** The claim's capacity and the backend's size are `storage`. */
const hasSize =
  (name: string, storage: string) =>
  async ({ user, driver }: Cluster): Promise<string> => {
    const claim = await user.get(persistentVolumeClaims, { namespace: NAMESPACE, name });
    const shown = claim.status?.capacity?.['storage'] ?? '';
    const [volume] = driver.backend.volumes.values();
    const real = volume === undefined ? '' : formatBytes(volume.bytes);
    return shown === storage && real === storage ? '' : `the claim shows ${shown}, the volume has ${real}`;
  };

export const together =
  (...acts: readonly ((cluster: Cluster) => void)[]) =>
  (cluster: Cluster): void => {
    for (const act of acts) act(cluster);
  };

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'provision',
    acts: [createClaim('data', 'now')],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'], backend: 1 },
  },
  {
    name: 'provision, and delete the claim meanwhile',
    acts: [together(createClaim('data', 'now'), deleteClaim('data'))],
    leaves: NOTHING,
  },
  {
    name: 'bind a volume made by hand',
    acts: [together(createVolume('by-hand', 'manual'), createClaim('data', 'manual'))],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'] },
  },
  {
    name: 'delayed bind and attach',
    nodes: ['a'],
    acts: [together(createClaim('data', 'later'), createPod('web', 'data'))],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['web Running'], backend: 1, attached: 1 },
  },
  {
    name: 'detach',
    nodes: ['a'],
    acts: [together(createClaim('data', 'now'), createPod('web', 'data')), deletePod('web')],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'], backend: 1 },
  },
  {
    name: 'delete pod and claim at once',
    nodes: ['a'],
    acts: [
      together(createClaim('data', 'now'), createPod('web', 'data')),
      together(deletePod('web'), deleteClaim('data')),
    ],
    leaves: NOTHING,
  },
  {
    name: 'delete the volume first, then pod and claim',
    nodes: ['a'],
    acts: [
      together(createClaim('data', 'now'), createPod('web', 'data')),
      together(deleteVolume, deletePod('web'), deleteClaim('data')),
    ],
    leaves: NOTHING,
  },
  {
    name: 'delete everything while it comes up',
    nodes: ['a'],
    acts: [
      together(createClaim('data', 'later'), createPod('web', 'data'), deletePod('web'), deleteClaim('data')),
    ],
    leaves: NOTHING,
  },
  {
    name: 'force-delete the pod while it attaches',
    nodes: ['a'],
    acts: [
      createClaim('data', 'now'),
      together(
        createPod('web', 'data', 'a'),
        deletePod('web', { gracePeriodSeconds: 0 }),
        deleteClaim('data'),
      ),
    ],
    leaves: NOTHING,
  },
  {
    name: 'expand while no pod uses it',
    traits: { needsNodeExpansion: false },
    acts: [createClaim('data', 'now'), growClaim('data', '2Gi')],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'], backend: 1 },
    lacks: hasSize('data', '2Gi'),
  },
  {
    name: 'expand twice, and delete meanwhile',
    traits: { needsNodeExpansion: false },
    acts: [
      createClaim('data', 'now'),
      together(growClaim('data', '2Gi'), growClaim('data', '3Gi'), deleteClaim('data')),
    ],
    leaves: NOTHING,
  },
  {
    name: 'modify',
    acts: [createClaim('data', 'now'), modifyClaim('data', 'fast')],
    leaves: { ...NOTHING, claims: ['data Bound'], volumes: ['Bound'], backend: 1 },
    lacks: async ({ driver }) => {
      const [volume] = driver.backend.volumes.values();
      return volume?.mutable['iops'] === '100' ? '' : 'the volume was not modified';
    },
  },
  {
    name: 'move to another node',
    nodes: ['a', 'b'],
    acts: [
      together(createClaim('data', 'now'), createPod('one', 'data', 'a')),
      together(createPod('two', 'data', 'b'), deletePod('one')),
    ],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['two Running'], backend: 1, attached: 1 },
  },
];

/** What a scenario's cluster is made of. */
export function worldOf(scenario: Scenario): Pick<ClusterOptions, 'nodes' | 'traits' | 'gates'> {
  const { nodes = [], traits = {}, gates = DEFAULT_GATES } = scenario;
  return { nodes, traits, gates };
}

/** Plays a scenario to its end. */
export async function play(cluster: Cluster, { acts }: Scenario): Promise<void> {
  await cluster.settle();
  await furnish(cluster);
  for (const act of acts) {
    act(cluster);
    await cluster.settle();
  }
}

/** What is there now, in the form of Scenario.leaves. */
export async function remains({ user, driver }: Cluster): Promise<Remains> {
  const phases = ({ status }: PersistentVolumeClaim | PersistentVolume | Pod): string => status?.phase ?? '';
  const [claims, volumes, running] = await Promise.all([
    user.list(persistentVolumeClaims),
    user.list(persistentVolumes),
    user.list(pods),
  ]);
  return {
    claims: claims.items.map((claim) => `${claim.metadata.name} ${phases(claim)}`),
    volumes: volumes.items.map((volume) => phases(volume)),
    pods: running.items.map((pod) => `${pod.metadata.name} ${phases(pod)}`),
    backend: driver.backend.volumes.size,
    attached: [...driver.backend.volumes.values()].reduce((sum, { attached }) => sum + attached.size, 0),
  };
}
