// The scenarios of a volume's life: what users do, in seeded competition with everything else, and what must be so in
// the end whatever was killed on the way. The same list serves crash enumeration, stale caches and both transports.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import type { Cluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf, volumeOf } from './objects.ts';

export interface Scenario {
  readonly name: string;
  readonly nodes?: readonly string[];
  /** Users' moves, one group after the other has come to rest; those of one group compete. */
  readonly acts: readonly ((cluster: Cluster) => void)[];
  /** What is left in the end: claims and volumes with their phase, pods, backend volumes. */
  readonly leaves: Remains;
}

export interface Remains {
  readonly claims: readonly string[];
  readonly volumes: readonly string[];
  readonly pods: readonly string[];
  readonly backend: number;
  readonly attached: number;
}

const NOTHING: Remains = { claims: [], volumes: [], pods: [], backend: 0, attached: 0 };

const createClaim =
  (name: string, className: string) =>
  (cluster: Cluster): void =>
    cluster.act(`creates claim ${name}`, (user) =>
      user.create(persistentVolumeClaims, claimOf(name, className)),
    );
const createPod =
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
const deleteClaim = (name: string) =>
  deleting(`claim ${name}`, (user) => user.delete(persistentVolumeClaims, { namespace: NAMESPACE, name }));
const deletePod = (name: string, options: { readonly gracePeriodSeconds?: number } = {}) =>
  deleting(`pod ${name}`, (user) => user.delete(pods, { namespace: NAMESPACE, name }, options));
/** The one volume there is, whatever its name. */
const deleteVolume = deleting('the volume', async (user) => {
  const [volume] = (await user.list(persistentVolumes)).items;
  if (volume === undefined) throw new ApiError({ status: 404, reason: 'NotFound', message: 'not yet' });
  await user.delete(persistentVolumes, { name: volume.metadata.name });
});

const together =
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
    name: 'move to another node',
    nodes: ['a', 'b'],
    acts: [
      together(createClaim('data', 'now'), createPod('one', 'data', 'a')),
      together(createPod('two', 'data', 'b'), deletePod('one')),
    ],
    leaves: { claims: ['data Bound'], volumes: ['Bound'], pods: ['two Running'], backend: 1, attached: 1 },
  },
];

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
