// A driver that fails one kind of call for ever: the call is repeated with back-off, not as fast as events come, and
// nothing else is written meanwhile. Once it works again, everything goes on.
import { expect, test } from 'vitest';
import {
  persistentVolumeClaims,
  pods,
  volumeAttributesClasses,
  volumeSnapshotClasses,
  volumeSnapshots,
} from '#api/resources.ts';
import type { JsonObject } from '#api/json.ts';
import { checkInvariants } from '../invariants/check.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf } from './objects.ts';

const namespace = NAMESPACE;
const name = 'data';
// Twenty minutes with a back-off that ends at a minute, and a few passes at its beginning.
const MOST_CALLS = 60;

const patchSpec =
  (spec: JsonObject) =>
  async ({ user }: Cluster): Promise<void> => {
    await user.patch(persistentVolumeClaims, { namespace, name }, { type: 'merge', patch: { spec } });
  };

/** What makes the loops call, in a cluster where pod `web` runs on claim `data`. */
const CAUSES: Readonly<Record<string, (cluster: Cluster) => Promise<unknown>>> = {
  createVolume: ({ user }) => user.create(persistentVolumeClaims, claimOf('other', 'now')),
  controllerPublishVolume: async ({ user }) => {
    await user.create(persistentVolumeClaims, claimOf('other', 'now'));
    await user.create(pods, podOf('second', ['other']));
  },
  controllerUnpublishVolume: ({ user }) => user.delete(pods, { namespace, name: 'web' }),
  deleteVolume: async ({ user }) => {
    await user.delete(pods, { namespace, name: 'web' });
    await user.delete(persistentVolumeClaims, { namespace, name });
  },
  controllerExpandVolume: patchSpec({ resources: { requests: { storage: '2Gi' } } }),
  controllerModifyVolume: async (cluster) => {
    await cluster.user.create(volumeAttributesClasses, {
      metadata: { name: 'fast' },
      driverName: DRIVER_NAME,
      parameters: { iops: '1' },
    });
    await patchSpec({ volumeAttributesClassName: 'fast' })(cluster);
  },
  createSnapshot: async ({ user }) => {
    await user.create(volumeSnapshotClasses, {
      metadata: { name: 'snap' },
      driver: DRIVER_NAME,
      deletionPolicy: 'Delete',
    });
    await user.create(volumeSnapshots, {
      metadata: { namespace, name: 'one' },
      spec: { volumeSnapshotClassName: 'snap', source: { persistentVolumeClaimName: name } },
    });
  },
};

const cases = [
  ...Object.keys(CAUSES).map((method) => ({ method, code: 'INTERNAL' as const })),
  { method: 'controllerExpandVolume', code: 'OUT_OF_RANGE' as const },
  { method: 'controllerModifyVolume', code: 'INVALID_ARGUMENT' as const },
];

test.each(cases)(
  '$method that fails for ever with $code backs off, and goes on when it can',
  async ({ method, code }) => {
    const cluster = await startCluster({ seed: 1, nodes: ['a'] });
    await cluster.settle();
    await furnish(cluster);
    await cluster.user.create(persistentVolumeClaims, claimOf(name, 'now'));
    await cluster.user.create(pods, podOf('web', [name]));
    await cluster.settle();
    const before = cluster.driver.callsOf(method).length;
    const fails = { before: (call: { method: string }) => (call.method === method ? refused : undefined) };
    const refused = { kind: 'refuse', code } as const;
    cluster.driver.hooks = fails;
    await CAUSES[method]?.(cluster);
    await cluster.settle();
    const calls = cluster.driver.callsOf(method).length - before;
    expect(calls).toBeGreaterThan(code === 'INTERNAL' ? 3 : 0);
    expect(calls).toBeLessThan(MOST_CALLS);
    cluster.driver.hooks = {};
    await cluster.settle();
    expect(cluster.driver.callsOf(method).at(-1)?.end?.code).toBe('OK');
    checkInvariants(cluster.world(true));
    await cluster[Symbol.asyncDispose]();
  },
);
