// Growing and modifying: over both transports, with a crash between every two effects, and with a driver that fails by
// chance. HOLDFAST_SIM_SEEDS=n plays every crash point with n seeds; without it, a spread of points with one seed.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { seededRandom } from '../seeded-random.ts';
import type { KillPoint } from '../simulation/effect-scheduler.ts';
import { randomFaults } from '../simulation/random-faults.ts';
import { type Cluster, type ClusterTransport, startCluster } from './cluster.ts';
import {
  EXPAND_SCENARIOS,
  type ExpandScenario,
  expectedState,
  grownState,
  playExpand,
  unprovenFalls,
} from './expand-scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const POINTS_BY_DEFAULT = 4;

function begin(
  { maxVolumeBytes }: ExpandScenario,
  options: { readonly seed: number; readonly transport?: ClusterTransport; readonly kill?: KillPoint },
): Promise<Cluster> {
  const traits = maxVolumeBytes === undefined ? {} : { maxVolumeBytes };
  return startCluster({ ...options, nodes: ['a'], traits });
}

async function check(cluster: Cluster, scenario: ExpandScenario): Promise<void> {
  try {
    expect(await grownState(cluster)).toEqual(expectedState(scenario));
    expect(unprovenFalls(cluster)).toEqual([]);
    checkInvariants(cluster.world(true));
  } catch (error) {
    const trace = cluster.scheduler.trace.slice(-120).join('\n');
    throw new Error(`${error instanceof Error ? error.message : ''}\n${trace}`, { cause: error });
  }
}

async function expectRest(cluster: Cluster): Promise<void> {
  const before = cluster.store.revision;
  cluster.startControlPlane();
  await cluster.startNode('a');
  await cluster.settle();
  const written = cluster.history.after(before).map(({ key }) => key);
  expect(written.filter((key) => !/\/(events|leases|nodes)\//.test(key))).toEqual([]);
}

describe.each<ClusterTransport>(['in process', 'https'])('%s', (transport) => {
  test.each(EXPAND_SCENARIOS)(
    'RSZ3 RSZ11 RSZ23 RSZ29: "$name" ends as it should and rests',
    async (scenario) => {
      const cluster = await begin(scenario, { seed: 1, transport });
      await playExpand(cluster, scenario);
      await check(cluster, scenario);
      await expectRest(cluster);
      await cluster[Symbol.asyncDispose]();
    },
  );
});

describe('a crash between every two effects', () => {
  test.each(EXPAND_SCENARIOS)(
    'RSZ2 RSZ22 AGT62: of "$name" changes nothing in the end',
    { timeout: 3_600_000 },
    async (scenario) => {
      for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
        const whole = await begin(scenario, { seed });
        await playExpand(whole, scenario);
        await whole[Symbol.asyncDispose]();
        const effects = whole.scheduler.killableEffects;
        const step = seeds > 0 ? 1 : Math.ceil(effects / POINTS_BY_DEFAULT);
        for (let effect = 1; effect <= effects; effect += step) {
          for (const side of seeds > 0 ? (['before', 'after'] as const) : (['after'] as const)) {
            const cluster = await begin(scenario, { seed, kill: { effect, side } });
            await playExpand(cluster, scenario);
            await check(cluster, scenario);
            await cluster[Symbol.asyncDispose]();
          }
        }
      }
    },
  );
});

describe('a driver that fails by chance', () => {
  test.each(EXPAND_SCENARIOS)('RSZ6 RSZ24 RSZ26: "$name" converges', async (scenario) => {
    for (let seed = 1; seed <= Math.max(2, seeds); seed++) {
      const cluster = await begin(scenario, { seed });
      const fault = randomFaults(seededRandom(seed), 0.3);
      cluster.driver.hooks = {
        before: (call) => (/Expand|Modify/.test(call.method) ? fault(call) : undefined),
      };
      await playExpand(cluster, scenario);
      cluster.driver.hooks = {};
      await cluster.clock.advance(600_000);
      await cluster.settle();
      await check(cluster, scenario);
      await cluster[Symbol.asyncDispose]();
    }
  });
});
