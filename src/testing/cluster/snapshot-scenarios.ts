// The life of snapshots, restores, clones and groups: what users do, in seeded competition with everything else, and what
// must be left in the end whatever was killed on the way.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import {
  configMaps,
  persistentVolumeClaims,
  volumeGroupSnapshotClasses,
  volumeGroupSnapshotContents,
  volumeGroupSnapshots,
  volumeSnapshotClasses,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import type { Cluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE } from './objects.ts';

type Act = (cluster: Cluster) => void;

export interface SnapshotScenario {
  readonly name: string;
  /** Users' moves, one group after the other has come to rest; those of one group compete. */
  readonly acts: readonly (readonly Act[])[];
  readonly leaves: SnapshotRemains;
}

export interface SnapshotRemains {
  readonly claims: readonly string[];
  /** With their readiness. */
  readonly snapshots: readonly string[];
  readonly contents: number;
  readonly groups: readonly string[];
  readonly volumes: number;
  readonly backendSnapshots: number;
  readonly intents: number;
}

const NOTHING: SnapshotRemains = {
  claims: [],
  snapshots: [],
  contents: 0,
  groups: [],
  volumes: 0,
  backendSnapshots: 0,
  intents: 0,
};

const claim =
  (name: string, spec: Partial<NonNullable<PersistentVolumeClaim['spec']>> = {}): Act =>
  (cluster) => {
    const made = claimOf(name, 'now', spec);
    cluster.act(`creates claim ${name}`, (user) =>
      user.create(persistentVolumeClaims, { ...made, metadata: { ...made.metadata, labels: { app: 'db' } } }),
    );
  };
const restored = (name: string, snapshot: string): Act =>
  claim(name, {
    dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot },
  });
const cloned = (name: string, source: string): Act =>
  claim(name, { dataSource: { kind: 'PersistentVolumeClaim', name: source } });
const snapshot =
  (name: string, persistentVolumeClaimName: string, volumeSnapshotClassName?: string): Act =>
  (cluster) =>
    cluster.act(`creates snapshot ${name}`, (user) =>
      user.create(volumeSnapshots, {
        metadata: { namespace: NAMESPACE, name },
        spec: {
          source: { persistentVolumeClaimName },
          ...(volumeSnapshotClassName === undefined ? {} : { volumeSnapshotClassName }),
        },
      }),
    );
const group =
  (name: string): Act =>
  (cluster) =>
    cluster.act(`creates group snapshot ${name}`, (user) =>
      user.create(volumeGroupSnapshots, {
        metadata: { namespace: NAMESPACE, name },
        spec: { source: { selector: { matchLabels: { app: 'db' } } } },
      }),
    );

/** Deletes as soon as it is there. */
function deleting(what: string, remove: (user: ApiClient) => Promise<void>): Act {
  const act: Act = (cluster) =>
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
const deleteClaim = (name: string): Act =>
  deleting(`claim ${name}`, (user) => user.delete(persistentVolumeClaims, { namespace: NAMESPACE, name }));
const deleteSnapshot = (name: string): Act =>
  deleting(`snapshot ${name}`, (user) => user.delete(volumeSnapshots, { namespace: NAMESPACE, name }));
const deleteGroup = (name: string): Act =>
  deleting(`group snapshot ${name}`, (user) =>
    user.delete(volumeGroupSnapshots, { namespace: NAMESPACE, name }),
  );
/** The one content there is, whatever its name. */
const deleteContent: Act = deleting('the content', async (user) => {
  const [content] = (await user.list(volumeSnapshotContents)).items;
  if (content === undefined) throw new ApiError({ status: 404, reason: 'NotFound', message: 'not yet' });
  await user.delete(volumeSnapshotContents, { name: content.metadata.name });
});

/** Takes up the snapshot of the one content that there is, under another content and snapshot. */
const imported: Act = (cluster) =>
  cluster.act('imports the snapshot', async (user) => {
    const [content] = (await user.list(volumeSnapshotContents)).items;
    await user.create(volumeSnapshotContents, {
      metadata: { name: 'imported' },
      spec: {
        deletionPolicy: 'Retain',
        driver: DRIVER_NAME,
        source: { snapshotHandle: content?.status?.snapshotHandle ?? '' },
        sourceVolumeMode: 'Filesystem',
        volumeSnapshotRef: { namespace: NAMESPACE, name: 'again' },
      },
    });
    await user.create(volumeSnapshots, {
      metadata: { namespace: NAMESPACE, name: 'again' },
      spec: { source: { volumeSnapshotContentName: 'imported' } },
    });
  });

const ONE: SnapshotRemains = { ...NOTHING, claims: ['data Bound'], volumes: 1 };
const SNAP: SnapshotRemains = { ...ONE, snapshots: ['snap ready'], contents: 1, backendSnapshots: 1 };

export const SNAPSHOT_SCENARIOS: readonly SnapshotScenario[] = [
  { name: 'snapshot', acts: [[claim('data')], [snapshot('snap', 'data')]], leaves: SNAP },
  {
    name: 'snapshot, and delete it meanwhile',
    acts: [[claim('data')], [snapshot('snap', 'data'), deleteSnapshot('snap')]],
    leaves: ONE,
  },
  {
    name: 'snapshot, and delete its content and itself',
    acts: [[claim('data')], [snapshot('snap', 'data')], [deleteContent, deleteSnapshot('snap')]],
    leaves: ONE,
  },
  {
    name: 'a retained snapshot',
    acts: [[claim('data')], [snapshot('snap', 'data', 'kept')], [deleteSnapshot('snap')]],
    leaves: { ...ONE, contents: 1, backendSnapshots: 1 },
  },
  {
    name: 'import a retained snapshot and restore it',
    acts: [
      [claim('data')],
      [snapshot('snap', 'data', 'kept')],
      [deleteSnapshot('snap'), deleteClaim('data')],
      [imported, restored('copy', 'again')],
    ],
    leaves: {
      ...NOTHING,
      claims: ['copy Bound'],
      snapshots: ['again ready'],
      contents: 2,
      volumes: 1,
      backendSnapshots: 1,
    },
  },
  {
    name: 'restore',
    acts: [[claim('data')], [snapshot('snap', 'data'), restored('copy', 'snap')]],
    leaves: { ...SNAP, claims: ['copy Bound', 'data Bound'], volumes: 2 },
  },
  {
    name: 'restore while claim and snapshot are deleted',
    acts: [
      [claim('data')],
      [snapshot('snap', 'data')],
      [restored('copy', 'snap'), deleteClaim('copy'), deleteSnapshot('snap'), deleteClaim('data')],
    ],
    leaves: NOTHING,
  },
  {
    name: 'clone',
    acts: [[claim('data')], [cloned('copy', 'data')]],
    leaves: { ...ONE, claims: ['copy Bound', 'data Bound'], volumes: 2 },
  },
  {
    name: 'clone while both are deleted',
    acts: [[claim('data')], [cloned('copy', 'data'), deleteClaim('copy'), deleteClaim('data')]],
    leaves: NOTHING,
  },
  {
    name: 'group',
    acts: [[claim('data'), claim('logs')], [group('both')]],
    leaves: {
      ...NOTHING,
      claims: ['data Bound', 'logs Bound'],
      snapshots: ['member ready', 'member ready'],
      contents: 2,
      groups: ['both ready'],
      volumes: 2,
      backendSnapshots: 2,
    },
  },
  {
    name: 'group, and delete it meanwhile',
    acts: [
      [claim('data'), claim('logs')],
      [group('both'), deleteGroup('both')],
    ],
    leaves: { ...NOTHING, claims: ['data Bound', 'logs Bound'], volumes: 2 },
  },
  {
    name: 'group, then delete everything',
    acts: [
      [claim('data'), claim('logs')],
      [group('both')],
      [deleteGroup('both'), deleteClaim('data'), deleteClaim('logs')],
    ],
    leaves: NOTHING,
  },
];

const IS_DEFAULT = { annotations: { 'snapshot.storage.kubernetes.io/is-default-class': 'true' } };
const IS_GROUP_DEFAULT = { annotations: { 'groupsnapshot.storage.kubernetes.io/is-default-class': 'true' } };

/** Plays a scenario to its end. */
export async function playSnapshots(cluster: Cluster, { acts }: SnapshotScenario): Promise<void> {
  await cluster.settle();
  await furnish(cluster);
  const driver = DRIVER_NAME;
  const { user } = cluster;
  await user.create(volumeSnapshotClasses, {
    metadata: { name: 'fast', ...IS_DEFAULT },
    driver,
    deletionPolicy: 'Delete',
  });
  await user.create(volumeSnapshotClasses, { metadata: { name: 'kept' }, driver, deletionPolicy: 'Retain' });
  await user.create(volumeGroupSnapshotClasses, {
    metadata: { name: 'fast', ...IS_GROUP_DEFAULT },
    driver,
    deletionPolicy: 'Delete',
  });
  for (const group of acts) {
    for (const act of group) act(cluster);
    await cluster.settle();
  }
}

/** What is there now, in the form of SnapshotScenario.leaves. */
export async function snapshotRemains({ user, driver }: Cluster): Promise<SnapshotRemains> {
  const [claims, snapshots, contents, groups, groupContents, intents] = await Promise.all([
    user.list(persistentVolumeClaims),
    user.list(volumeSnapshots),
    user.list(volumeSnapshotContents),
    user.list(volumeGroupSnapshots),
    user.list(volumeGroupSnapshotContents),
    user.list(configMaps, { namespace: 'holdfast-system' }),
  ]);
  const readiness = (isReady: boolean | undefined): string => (isReady === true ? 'ready' : 'not ready');
  // A group has a content, or has gone with it.
  const left = groupContents.items.length === groups.items.length ? [] : ['a content without its group'];
  return {
    claims: claims.items.map(({ metadata, status }) => `${metadata.name} ${status?.phase ?? ''}`),
    snapshots: snapshots.items.map(({ metadata, status }) => {
      const name = metadata.ownerReferences === undefined ? metadata.name : 'member';
      return `${name} ${readiness(status?.readyToUse)}`;
    }),
    contents: contents.items.length,
    groups: [
      ...groups.items.map(({ metadata, status }) => `${metadata.name} ${readiness(status?.readyToUse)}`),
      ...left,
    ],
    volumes: driver.backend.volumes.size,
    backendSnapshots: driver.backend.snapshots.size,
    intents: intents.items.filter(({ metadata }) => metadata.name.startsWith('pvc-')).length,
  };
}

/** Annotations that must not outlive a quiet world. */
export async function leftAnnotations({ user }: Cluster): Promise<readonly string[]> {
  const { items } = await user.list(volumeSnapshotContents);
  return items.flatMap(({ metadata }) =>
    Object.keys(metadata.annotations ?? {}).filter((key) => key.endsWith('being-created')),
  );
}
