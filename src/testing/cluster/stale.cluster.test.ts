// Stale and unseen: for every resource that the loops cache, its watches stand still at some point of every scenario,
// and then tell all at once or break. The end is as without, and no invariant is broken on the way.
// HOLDFAST_SIM_SEEDS=n begins the freeze at every effect with n seeds; without it, at one effect.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { startCluster } from './cluster.ts';
import { ALL_SCENARIOS } from './all-scenarios.ts';
import { play, remains, type Scenario, worldOf } from './scenarios.ts';
import type { StaleWatch } from './stale-watches.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const CACHED = [
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'nodes',
  'volumeattachments',
  'configmaps',
];
// Long enough that every retry of the others comes and goes.
const FREEZE_MS = 90_000;

async function playStale(scenario: Scenario, seed: number, stale: StaleWatch): Promise<void> {
  const cluster = await startCluster({ seed, ...worldOf(scenario), stale });
  try {
    await play(cluster, scenario);
    await cluster.settle();
    expect(await remains(cluster)).toEqual(scenario.leaves);
    expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
    checkInvariants(cluster.world(true));
  } catch (error) {
    const at = `seed ${seed}, ${stale.plural} ${stale.then} after effect ${stale.after}`;
    const trace = cluster.scheduler.trace.join('\n');
    throw new Error(`${at}: ${error instanceof Error ? error.message : ''}\n${trace}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

describe.each(CACHED)('with a stale cache of %s', (plural) => {
  // By default each resource takes its share of the scenarios.
  const share = ALL_SCENARIOS.filter((_, at) => seeds > 0 || at % CACHED.length === CACHED.indexOf(plural));
  test.each(share)('"$name" ends the same', { timeout: 3_600_000 }, async (scenario) => {
    if (seeds === 0) {
      const at = 9 + CACHED.indexOf(plural);
      await playStale(scenario, 1, {
        plural,
        after: at,
        ms: FREEZE_MS,
        then: at % 2 === 0 ? 'late' : 'unseen',
      });
    }
    for (let seed = 1; seed <= seeds; seed++) {
      for (let after = 5; after <= 40; after += 2) {
        for (const then of ['late', 'unseen'] as const) {
          await playStale(scenario, seed, { plural, after, ms: FREEZE_MS, then });
        }
      }
    }
  });
});

// What long runs have found, each once.
test('PRV9: a volume that stays unseen is not provisioned over and over', async () => {
  const scenario = ALL_SCENARIOS.find(({ name }) => name === 'delete pod and claim at once');
  expect(scenario).toBeDefined();
  if (scenario === undefined) return;
  await playStale(scenario, 1, { plural: 'persistentvolumes', after: 27, ms: FREEZE_MS, then: 'unseen' });
});
