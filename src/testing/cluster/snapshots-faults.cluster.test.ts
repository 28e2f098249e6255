// Snapshots, restores, clones and groups over a driver that refuses, loses, delays and doubles calls, and with caches that
// stand still. The end is as without. HOLDFAST_SIM_SEEDS=n plays n seeds and many moments; without it, one each.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { seededRandom } from '../seeded-random.ts';
import { randomFaults } from '../simulation/random-faults.ts';
import { type ClusterOptions, startCluster } from './cluster.ts';
import {
  playSnapshots,
  SNAPSHOT_SCENARIOS,
  snapshotRemains,
  type SnapshotScenario,
} from './snapshot-scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const FAULT_RATE = 0.3;
const FREEZE_MS = 90_000;
const CACHED = [
  'persistentvolumeclaims',
  'volumesnapshots',
  'volumesnapshotcontents',
  'volumegroupsnapshots',
  'volumegroupsnapshotcontents',
  'configmaps',
];

async function expectSameEnd(
  scenario: SnapshotScenario,
  options: ClusterOptions,
  faultRate: number,
): Promise<void> {
  const cluster = await startCluster(options);
  if (faultRate > 0) cluster.driver.hooks = { before: randomFaults(seededRandom(options.seed), faultRate) };
  try {
    await playSnapshots(cluster, scenario);
    cluster.driver.hooks = {};
    await cluster.settle();
    expect(await snapshotRemains(cluster)).toEqual(scenario.leaves);
    checkInvariants(cluster.world(true));
  } catch (error) {
    const trace = cluster.scheduler.trace.join('\n');
    throw new Error(`${JSON.stringify(options)}: ${error instanceof Error ? error.message : ''}\n${trace}`, {
      cause: error,
    });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

describe('with faults on three calls of ten', () => {
  test.each(SNAPSHOT_SCENARIOS)(
    'SNS7 SNS35 SNS4: "$name" ends the same',
    { timeout: 3_600_000 },
    async (scenario) => {
      for (let seed = 1; seed <= Math.max(1, seeds); seed++)
        await expectSameEnd(scenario, { seed }, FAULT_RATE);
    },
  );

  test('SNS6: a snapshot that takes its time is asked for until it is ready', async () => {
    const [scenario] = SNAPSHOT_SCENARIOS;
    if (scenario !== undefined) await expectSameEnd(scenario, { seed: 3, traits: { snapshotPolls: 4 } }, 0);
  });
});

describe.each(CACHED)('with a stale cache of %s', (plural) => {
  const share = SNAPSHOT_SCENARIOS.filter(
    (_, at) => seeds > 0 || at % CACHED.length === CACHED.indexOf(plural),
  );
  test.each(share)('SNC3 SNC21 SNS3: "$name" ends the same', { timeout: 3_600_000 }, async (scenario) => {
    const moments = seeds === 0 ? [14 + CACHED.indexOf(plural)] : [8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48];
    for (const after of moments) {
      for (const then of seeds === 0 && after % 2 === 0
        ? (['late'] as const)
        : (['late', 'unseen'] as const)) {
        await expectSameEnd(scenario, { seed: 1, stale: { plural, after, ms: FREEZE_MS, then } }, 0);
      }
    }
  });
});
