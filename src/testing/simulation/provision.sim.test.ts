// Provisioning in simulation: seeded orders and faults, and a kill at every effect. After recovery the driver's ledger,
// the volumes and the intents must agree, and a quiet world writes nothing. The seed is in each test's name.
import { describe, expect, test } from 'vitest';
import type { KillPoint } from './effect-scheduler.ts';
import { ProvisionWorld } from './provision-world.ts';

async function play(seed: number, options: { faultRate: number; kill?: KillPoint }): Promise<ProvisionWorld> {
  const world = new ProvisionWorld(seed, options);
  world.observe();
  await world.start();
  world.createClaim('keep');
  world.createClaim('drop');
  world.deleteClaim('drop');
  await world.scheduler.settle();
  // The fault phase is over: from here the world must converge (I-30).
  world.script.faultRate = 0;
  await world.clock.advance(600_000);
  await world.scheduler.settle();
  return world;
}

async function checkInvariants(world: ProvisionWorld): Promise<void> {
  expect(world.driver.violations).toEqual([]);
  const claims = await world.claims();
  expect(claims.map((c) => [c.metadata.name, c.status?.phase])).toEqual([['keep', 'Bound']]);
  const volumes = await world.volumes();
  const uid = claims[0]?.metadata.uid;
  expect(volumes.map((v) => [v.spec?.claimRef?.uid, v.status?.phase])).toEqual([[uid, 'Bound']]);
  expect(claims[0]?.spec?.volumeName).toBe(volumes[0]?.metadata.name);
  expect(await world.intents()).toEqual([]);
  // I-12: what the backend has is what some PersistentVolume knows.
  expect([...world.driver.volumes.keys()]).toEqual(volumes.map((v) => v.spec?.csi?.volumeHandle));
}

async function checkSettled(world: ProvisionWorld): Promise<void> {
  const { revision } = world.store;
  const calls = world.scheduler.trace.length;
  world.restart();
  await world.scheduler.settle();
  expect(world.store.revision, world.scheduler.trace.slice(calls).join('\n')).toBe(revision);
}

describe('provisioning in simulation', () => {
  test('PRV3 PRV11: seed 1 without faults: everything a claim leaves behind is taken back', async () => {
    const world = await play(1, { faultRate: 0 });
    await checkInvariants(world);
    await checkSettled(world);
  });

  test.each(Array.from({ length: 25 }, (_, i) => i + 1))(
    'PRV5 PRV6 PRV7: seed %i with faults converges, and twice the same way',
    async (seed) => {
      const world = await play(seed, { faultRate: 0.3 });
      await checkInvariants(world);
      const again = await play(seed, { faultRate: 0.3 });
      expect(again.scheduler.traceHash).toBe(world.scheduler.traceHash);
      await checkSettled(world);
    },
  );

  test('PRV4 PRV9 PRV10 PRV22: a kill before and after every effect loses nothing', async () => {
    const { scheduler } = await play(7, { faultRate: 0 });
    expect(scheduler.killableEffects).toBeGreaterThan(15);
    for (let effect = 1; effect <= scheduler.killableEffects; effect++) {
      for (const side of ['before', 'after'] as const) {
        const world = await play(7, { faultRate: 0, kill: { effect, side } });
        await checkInvariants(world);
      }
    }
  });
});
