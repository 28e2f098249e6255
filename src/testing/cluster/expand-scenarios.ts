// Growing and modifying in the whole system: what users do, and what must be so in the end whatever was killed on the
// way or whatever the driver answered.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '#api/resources.ts';
import { compareQuantities, quantityToBytes } from '#api/quantity.ts';
import { isFinalCode } from '#rules/expansion.ts';
import type { CsiCall } from '../simulation/scripted-csi.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import type { Cluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf } from './objects.ts';

const NAME = { namespace: NAMESPACE, name: 'data' };
const GI = 1024n ** 3n;

type Act = (cluster: Cluster) => void;

const edit =
  (what: string, change: (spec: NonNullable<PersistentVolumeClaim['spec']>) => object): Act =>
  (cluster) =>
    cluster.act(what, async (user) => {
      const claim = await user.get(persistentVolumeClaims, NAME);
      const { resourceVersion } = claim.metadata;
      const patch = { metadata: { resourceVersion }, spec: { ...change(claim.spec ?? {}) } };
      await user.patch(persistentVolumeClaims, NAME, { type: 'merge', patch });
    });
const ask = (storage: string): Act =>
  edit(`asks for ${storage}`, () => ({ resources: { requests: { storage } } }));
const choose = (volumeAttributesClassName: string): Act =>
  edit(`chooses ${volumeAttributesClassName}`, () => ({ volumeAttributesClassName }));
const createClass =
  (name: string): Act =>
  (cluster) =>
    cluster.act(`creates class ${name}`, (user) =>
      user.create(volumeAttributesClasses, {
        metadata: { name },
        driverName: DRIVER_NAME,
        parameters: { speed: name },
      }),
    );
const start: Act = (cluster) => {
  cluster.act('creates the claim', (user) => user.create(persistentVolumeClaims, claimOf('data', 'now')));
  cluster.act('creates the pod', (user) => user.create(pods, podOf('web', ['data'])));
};
const startWithoutPod: Act = (cluster) =>
  cluster.act('creates the claim', (user) => user.create(persistentVolumeClaims, claimOf('data', 'now')));
const createPod: Act = (cluster) =>
  cluster.act('creates the pod', (user) => user.create(pods, podOf('web', ['data'])));
const together =
  (...acts: readonly Act[]): Act =>
  (cluster) => {
    for (const act of acts) act(cluster);
  };

export interface ExpandScenario {
  readonly name: string;
  readonly acts: readonly Act[];
  readonly maxVolumeBytes?: bigint;
  /** What the claim has in the end. */
  readonly capacity: string;
  readonly className?: string;
}

export const EXPAND_SCENARIOS: readonly ExpandScenario[] = [
  { name: 'grow while a pod runs', acts: [start, ask('2Gi')], capacity: '2Gi' },
  { name: 'grow twice at once', acts: [start, together(ask('2Gi')), ask('3Gi')], capacity: '3Gi' },
  {
    name: 'grow without a pod, then mount',
    acts: [startWithoutPod, ask('2Gi'), createPod],
    capacity: '2Gi',
  },
  {
    name: 'come back from a size that cannot be had',
    acts: [start, ask('9Gi'), ask('2Gi')],
    maxVolumeBytes: 4n * GI,
    capacity: '2Gi',
  },
  {
    name: 'choose a class, then another',
    acts: [start, createClass('slow'), choose('slow'), together(createClass('fast')), choose('fast')],
    capacity: '1Gi',
    className: 'fast',
  },
  {
    name: 'grow and choose a class that comes late',
    acts: [start, together(ask('2Gi')), choose('fast'), createClass('fast')],
    capacity: '2Gi',
    className: 'fast',
  },
];

/** Plays a scenario to its end. */
export async function playExpand(cluster: Cluster, { acts }: ExpandScenario): Promise<void> {
  await cluster.settle();
  await furnish(cluster);
  for (const act of acts) {
    act(cluster);
    await cluster.settle();
  }
}

/** What is there in the end, as far as growing and modifying go. */
export async function grownState({ user, driver }: Cluster): Promise<object> {
  const { status, spec } = await user.get(persistentVolumeClaims, NAME);
  const volume = await user.get(persistentVolumes, { name: spec?.volumeName ?? '' });
  const backend = driver.backend.volume(volume.spec?.csi?.volumeHandle ?? '');
  return {
    claim: status?.capacity?.storage,
    volume: volume.spec?.capacity?.storage,
    backend: backend.bytes,
    underWay: [status?.allocatedResourceStatuses, status?.modifyVolumeStatus, status?.conditions],
    className: [status?.currentVolumeAttributesClassName, volume.spec?.volumeAttributesClassName],
    speed: backend.mutable['speed'],
  };
}

export function expectedState({ capacity, className }: ExpandScenario): object {
  return {
    claim: capacity,
    volume: capacity,
    backend: quantityToBytes(capacity),
    underWay: [undefined, undefined, undefined],
    className: [className, className],
    speed: className,
  };
}

/** I-29: where allocatedResources fell without a final failure of that size before it; empty: nowhere. */
export function unprovenFalls({ history, driver }: Cluster): readonly string[] {
  const falls: string[] = [];
  for (const { key, kind, object, previous, revision } of history.changes) {
    if (kind !== 'put' || !key.includes('/persistentvolumeclaims/')) continue;
    const before = allocatedOf(previous as PersistentVolumeClaim | undefined);
    const after = allocatedOf(object as unknown as PersistentVolumeClaim);
    if (before === undefined || after === undefined || compareQuantities(after, before) >= 0) continue;
    const last = driver
      .callsOf('controllerExpandVolume')
      .filter((call) => call.end !== undefined && call.end.revision < revision)
      .at(-1);
    if (last === undefined || !isFinalFor(last, before)) falls.push(`${key}: ${before} to ${after}`);
  }
  return falls;
}

const allocatedOf = (claim: PersistentVolumeClaim | undefined): string | undefined =>
  claim?.status?.allocatedResources?.storage;

function isFinalFor({ request, end }: CsiCall, size: string): boolean {
  const range = request['capacityRange'] as { readonly requiredBytes?: string } | null;
  const isThatSize = BigInt(range?.requiredBytes ?? '0') === quantityToBytes(size);
  return isThatSize && end !== undefined && end.code !== 'OK' && isFinalCode(end.code);
}
