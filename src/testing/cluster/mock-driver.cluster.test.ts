// The counterparts of upstream's mock-driver specs (test/e2e/storage/csimock) that concern the control plane and the
// attach and mount protocol; each name begins with the file that it answers. What happens inside the node's agent
// (SELinux, fsGroup, tokens, pod info) is proven beside the agent.
import { afterEach, describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import { checkInvariants } from '../invariants/check.ts';
import type { Fault } from '../simulation/scripted-csi.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf, volumeOf } from './objects.ts';

const namespace = NAMESPACE;
const POOL = 'topology.scripted.example/pool';
const EXTERNAL = 'external-provisioner.volume.kubernetes.io/finalizer';
let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function start(
  options: Partial<ClusterOptions> = {},
  attachRequired?: boolean | 'no object',
): Promise<Cluster> {
  const made = await startCluster({ seed: 1, nodes: ['a'], ...options });
  cluster = made;
  await made.settle();
  await furnish(made, attachRequired !== false);
  if (attachRequired === 'no object') await made.user.delete(csiDrivers, { name: DRIVER_NAME });
  await made.settle();
  return made;
}

async function run(made: Cluster, claim: PersistentVolumeClaim, pod = 'web'): Promise<string> {
  const name = claim.metadata.name ?? '';
  await made.user.create(persistentVolumeClaims, claim);
  await made.user.create(pods, podOf(pod, [name]));
  await made.settle();
  return phaseOf(made, pod);
}

const phaseOf = async ({ user }: Cluster, name: string): Promise<string> =>
  (await user.find(pods, { namespace, name }))?.status?.phase ?? 'gone';
const attachments = async ({ user }: Cluster): Promise<number> =>
  (await user.list(volumeAttachments)).items.length;
const codes = ({ driver }: Cluster, method: string): readonly string[] =>
  driver.callsOf(method).map(({ end }) => end?.code ?? 'open');
const failing = (made: Cluster, method: string, faults: Fault[]): void => {
  made.driver.hooks = { before: (call) => (call.method === method ? faults.shift() : undefined) };
};

describe('csi_attach_volume', () => {
  test.each([
    { when: 'attachRequired is true', attachRequired: true as const, count: 1 },
    { when: 'attachRequired is false', attachRequired: false as const, count: 0 },
    { when: 'there is no CSIDriver', attachRequired: 'no object' as const, count: 1 },
  ])('$count attachment(s) when $when', async ({ attachRequired, count }) => {
    const made = await start({}, attachRequired);
    if (attachRequired === false)
      made.driver.traits.controllerCapabilities.delete('PUBLISH_UNPUBLISH_VOLUME');
    expect(await run(made, claimOf('data', 'now'))).toBe('Running');
    expect(await attachments(made)).toBe(count);
    checkInvariants(made.world(true));
  });

  test('an ephemeral volume is attached, and its claim goes with the pod', async () => {
    const made = await start();
    const spec = {
      accessModes: ['ReadWriteOnce' as const],
      storageClassName: 'later',
      resources: { requests: { storage: '1Gi' } },
    };
    const pod = podOf('web', []);
    const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec } } }];
    await made.user.create(pods, { ...pod, spec: { ...pod.spec, volumes } as typeof pod.spec });
    await made.settle();
    expect(await attachments(made)).toBe(1);
    expect((await made.user.list(persistentVolumeClaims)).items[0]?.metadata.ownerReferences?.[0]?.name).toBe(
      'web',
    );
  });

  test('a pod that waits for an attach that will not come goes on when attachRequired becomes false', async () => {
    const made = await start({}, 'no object');
    failing(
      made,
      'controllerPublishVolume',
      Array.from({ length: 1000 }, () => ({ kind: 'lose-request' as const })),
    );
    expect(await run(made, claimOf('data', 'now'))).toBe('Pending');
    made.driver.traits.controllerCapabilities.delete('PUBLISH_UNPUBLISH_VOLUME');
    await made.user.create(csiDrivers, { metadata: { name: DRIVER_NAME }, spec: { attachRequired: false } });
    await made.settle();
    expect(await phaseOf(made, 'web')).toBe('Running');
  });
});

describe('csi_volume_limit and mutable_csinode_allocatable', () => {
  test('a node takes no more volumes than its driver says', async () => {
    const made = await start({ traits: { maxVolumesPerNode: 1 } });
    expect(await run(made, claimOf('one', 'now'), 'first')).toBe('Running');
    expect(await run(made, claimOf('two', 'now'), 'second')).toBe('Pending');
    const refused = await made.user.get(pods, { namespace, name: 'second' });
    expect(refused.status?.conditions?.[0]?.message).toContain('node(s) exceed max volume count');
  });

  test('an attach that finds the node full says so with its code', async () => {
    const made = await start();
    failing(
      made,
      'controllerPublishVolume',
      Array.from({ length: 1000 }, () => ({ kind: 'refuse' as const, code: 'RESOURCE_EXHAUSTED' as const })),
    );
    await run(made, claimOf('data', 'now'));
    const [attachment] = (await made.user.list(volumeAttachments)).items;
    expect(attachment?.status?.attachError?.errorCode).toBe(8);
  });
});

describe('csi_node_stage_error_cases', () => {
  const rows: readonly { readonly fault: Fault; readonly unstages: boolean }[] = [
    { fault: { kind: 'refuse', code: 'INVALID_ARGUMENT' }, unstages: false },
    { fault: { kind: 'lose-reply' }, unstages: true },
    { fault: { kind: 'fail-after-effect', code: 'INTERNAL' }, unstages: true },
  ];
  test.each(rows)(
    'NodeStage with $fault.kind for ever: unstaged $unstages when the pod goes',
    async ({ fault, unstages }) => {
      const made = await start();
      made.driver.hooks = {
        before: ({ method }) =>
          method === 'nodeStageVolume' || (method === 'nodePublishVolume' && unstages) ? fault : undefined,
      };
      await made.user.create(persistentVolumeClaims, claimOf('data', 'now'));
      await made.user.create(pods, podOf('web', ['data']));
      await made.settle();
      await made.user.delete(pods, { namespace, name: 'web' });
      await made.settle();
      expect(made.driver.callsOf('nodeUnstageVolume').length > 0).toBe(unstages);
      expect(await attachments(made)).toBe(0);
      expect(made.driver.backend.paths.size).toBe(0);
    },
  );

  test('a failed NodeStage is tried again until it works', async () => {
    const made = await start();
    failing(made, 'nodeStageVolume', [{ kind: 'refuse', code: 'INTERNAL' }, { kind: 'lose-request' }]);
    expect(await run(made, claimOf('data', 'now'))).toBe('Running');
    expect(codes(made, 'nodeStageVolume')).toEqual(['INTERNAL', 'UNAVAILABLE', 'OK']);
    checkInvariants(made.world(true));
  });

  test('a failed NodeUnstage is tried again, and a new pod stages again', async () => {
    const made = await start();
    expect(await run(made, claimOf('data', 'now'))).toBe('Running');
    failing(made, 'nodeUnstageVolume', [{ kind: 'refuse', code: 'INTERNAL' }]);
    await made.user.delete(pods, { namespace, name: 'web' });
    await made.settle();
    expect(codes(made, 'nodeUnstageVolume')).toEqual(['INTERNAL', 'OK']);
    await made.user.create(pods, podOf('again', ['data']));
    await made.settle();
    expect(await phaseOf(made, 'again')).toBe('Running');
    expect(codes(made, 'nodeStageVolume')).toEqual(['OK', 'OK']);
    checkInvariants(made.world(true));
  });
});

describe('csi_honor_pv_reclaim_policy', () => {
  const orders = ['claim', 'volume, then claim'] as const;
  const rows = (['now', 'kept'] as const).flatMap((className) =>
    orders.map((order) => ({ className, order })),
  );
  test.each(rows)(
    'a dynamic volume of class $className, deleting the $order',
    async ({ className, order }) => {
      const made = await start();
      await made.user.create(persistentVolumeClaims, claimOf('data', className));
      await made.settle();
      const [volume] = (await made.user.list(persistentVolumes)).items;
      expect((volume?.metadata.finalizers ?? []).includes(EXTERNAL)).toBe(className === 'now');
      if (order !== 'claim') await made.user.delete(persistentVolumes, { name: volume?.metadata.name ?? '' });
      await made.user.delete(persistentVolumeClaims, { namespace, name: 'data' });
      await made.settle();
      expect(made.driver.callsOf('deleteVolume').length > 0).toBe(className === 'now');
      expect(made.driver.backend.volumes.size).toBe(className === 'now' ? 0 : 1);
      checkInvariants(made.world(true));
    },
  );

  test('a volume made by hand with Retain is never deleted on the driver', async () => {
    const made = await start();
    await made.user.create(persistentVolumes, volumeOf('by-hand', 'manual'));
    await made.user.create(persistentVolumeClaims, claimOf('data', 'manual'));
    await made.settle();
    await made.user.delete(persistentVolumeClaims, { namespace, name: 'data' });
    await made.user.delete(persistentVolumes, { name: 'by-hand' });
    await made.settle();
    expect((await made.user.list(persistentVolumes)).items).toEqual([]);
    expect(made.driver.callsOf('deleteVolume')).toEqual([]);
  });
});

describe('csi_storage_capacity', () => {
  test('no room, immediate: tried again until there is', async () => {
    const made = await start();
    const full: Fault = { kind: 'refuse', code: 'RESOURCE_EXHAUSTED' };
    failing(made, 'createVolume', [full, full]);
    await made.user.create(persistentVolumeClaims, claimOf('data', 'now'));
    await made.settle();
    expect(codes(made, 'createVolume').at(-1)).toBe('OK');
    checkInvariants(made.world(true));
  });

  test('no room on the chosen node, delayed, with topology: the scheduler chooses again', async () => {
    const traits = {
      topologyKey: POOL,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS']),
    };
    const made = await start({ nodes: ['a', 'b'], traits });
    made.driver.backend.pools.set('a', 0n);
    expect(await run(made, claimOf('data', 'later'))).toBe('Running');
    expect((await made.user.get(pods, { namespace, name: 'web' })).spec?.nodeName).toBe('b');
    checkInvariants(made.world(true));
  });
});

describe('csi_volume_expansion', () => {
  const grow = async ({ user }: Cluster, storage: string): Promise<void> => {
    const patch = { spec: { resources: { requests: { storage } } } };
    await user.patch(persistentVolumeClaims, { namespace, name: 'data' }, { type: 'merge', patch });
  };
  const claimNow = ({ user }: Cluster) => user.get(persistentVolumeClaims, { namespace, name: 'data' });

  test('a class that does not allow it: refused', async () => {
    const made = await start();
    await made.user.create(storageClasses, { metadata: { name: 'fixed' }, provisioner: DRIVER_NAME });
    await made.user.create(persistentVolumeClaims, claimOf('data', 'fixed'));
    await made.settle();
    await expect(grow(made, '2Gi')).rejects.toMatchObject({ status: 403 });
  });

  test('a final refusal is infeasible; a smaller request recovers', async () => {
    const made = await start({ traits: { needsNodeExpansion: false, maxVolumeBytes: 3n << 30n } });
    await made.user.create(persistentVolumeClaims, claimOf('data', 'now'));
    await made.settle();
    await grow(made, '100Gi');
    await made.settle();
    expect((await claimNow(made)).status?.allocatedResourceStatuses?.['storage']).toBe(
      'ControllerResizeInfeasible',
    );
    await grow(made, '2Gi');
    await made.settle();
    expect((await claimNow(made)).status?.capacity?.['storage']).toBe('2Gi');
    checkInvariants(made.world(true));
  });
});
