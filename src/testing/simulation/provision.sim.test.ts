// Provisioning in simulation: seeded orders and faults of the driver. After recovery the driver's ledger, the volumes
// and the intents must agree, and a quiet world writes nothing. The seed is in each test's name.
import { describe, expect, test } from 'vitest';
import { configMaps, persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { claimOf, furnish, NAMESPACE } from '../cluster/objects.ts';
import { checkInvariants } from '../invariants/check.ts';
import { seededRandom } from '../seeded-random.ts';
import { randomFaults } from './random-faults.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 8);

async function playProvision(seed: number, faultRate: number): Promise<Cluster> {
  const cluster = await startCluster({ seed });
  await furnish(cluster);
  cluster.driver.hooks = { before: randomFaults(seededRandom(seed + 1), faultRate) };
  cluster.act('creates keep', (user) => user.create(persistentVolumeClaims, claimOf('keep', 'now')));
  cluster.act('creates drop', (user) => user.create(persistentVolumeClaims, claimOf('drop', 'now')));
  const drop = (): void =>
    cluster.act('deletes drop', async (user) => {
      const name = { namespace: NAMESPACE, name: 'drop' };
      if ((await user.find(persistentVolumeClaims, name)) === undefined) drop();
      else await user.delete(persistentVolumeClaims, name);
    });
  drop();
  await cluster.clock.advance(60_000);
  await cluster.settle();
  // The fault phase is over: from here the world must converge (I-30).
  cluster.driver.hooks = {};
  await cluster.settle();
  return cluster;
}

async function expectConverged(cluster: Cluster): Promise<void> {
  const { user, driver } = cluster;
  const claims = (await user.list(persistentVolumeClaims)).items;
  expect(claims.map((c) => [c.metadata.name, c.status?.phase])).toEqual([['keep', 'Bound']]);
  const volumes = (await user.list(persistentVolumes)).items;
  expect(volumes.map((v) => v.spec?.csi?.volumeHandle)).toEqual([...driver.backend.volumes.keys()]);
  const intents = (await user.list(configMaps, { namespace: 'holdfast-system' })).items;
  expect(intents.filter(({ metadata }) => metadata.name.startsWith('pvc-'))).toEqual([]);
  const before = cluster.store.revision;
  cluster.startControlPlane();
  await cluster.settle();
  const written = cluster.history.after(before).filter(({ key }) => !key.includes('/events/'));
  expect(written).toEqual([]);
  checkInvariants(cluster.world(true));
}

describe('provisioning in simulation', () => {
  test('PRV3 PRV4 PRV9 PRV10 PRV11 PRV22: seed 1 without faults: what a claim leaves behind is taken back', async () => {
    await expectConverged(await playProvision(1, 0));
  });

  test.each(Array.from({ length: seeds }, (_, i) => i + 1))(
    'PRV5 PRV6 PRV7: seed %i with faults converges, and twice the same way',
    { timeout: 120_000 },
    async (seed) => {
      const cluster = await playProvision(seed, 0.4);
      const { traceHash } = cluster.scheduler;
      await expectConverged(cluster);
      expect((await playProvision(seed, 0.4)).scheduler.traceHash).toBe(traceHash);
    },
  );
});
