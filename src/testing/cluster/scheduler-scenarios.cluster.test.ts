// Placement as a whole: over both transports, with the control plane or a node killed beside its effects, and with
// caches that stand still. In the end everything is as without, and no invariant was broken on the way.
// HOLDFAST_SIM_SEEDS=n plays every point with n seeds; without it, a few points that the scenario's place chooses.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { type Cluster, type ClusterOptions, type ClusterTransport, startCluster } from './cluster.ts';
import {
  placedState,
  playScheduler,
  SCHEDULER_SCENARIOS,
  type SchedulerScenario,
  SEGMENTED,
  unfinished,
} from './scheduler-scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const POINTS_BY_DEFAULT = 3;
const CACHED = [
  'pods',
  'nodes',
  'persistentvolumeclaims',
  'persistentvolumes',
  'csistoragecapacities',
  'csinodes',
];
// Long enough that every retry of the others comes and goes.
const FREEZE_MS = 90_000;
// A node that starts reports that it is ready; events and leases are news and not state.
const NO_STATE = /\/(events|leases|nodes)\//;

const ROUTINE = /\/(events|leases)\b|getCapacity|listVolumes/;

type Faults = Pick<ClusterOptions, 'seed' | 'transport' | 'kill' | 'stale'>;

async function run(
  scenario: SchedulerScenario,
  faults: Faults,
  more: (cluster: Cluster) => Promise<void> = async () => undefined,
): Promise<number> {
  const cluster = await startCluster({ ...faults, nodes: scenario.nodes, traits: SEGMENTED });
  try {
    await playScheduler(cluster, scenario);
    if (faults.stale !== undefined) await cluster.settle();
    expect(await placedState(cluster)).toEqual(scenario.leaves);
    expect(await unfinished(cluster)).toEqual([]);
    expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
    await more(cluster);
    checkInvariants(cluster.world(true));
    return cluster.scheduler.killableEffects;
  } catch (error) {
    const trace = cluster.scheduler.trace.filter((line) => !ROUTINE.test(line)).join('\n');
    const message = error instanceof Error ? error.message : '';
    throw new Error(`${JSON.stringify(faults)}: ${message}\n${trace}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

async function expectRest(cluster: Cluster): Promise<void> {
  const before = cluster.store.revision;
  cluster.startControlPlane();
  await cluster.settle();
  const written = cluster.history.after(before).map(({ key }) => key);
  expect(written.filter((key) => !NO_STATE.test(key))).toEqual([]);
}

describe.each<ClusterTransport>(['in process', 'https'])('%s', (transport) => {
  test.each(SCHEDULER_SCENARIOS)('SCH71: "$name" ends as it should and rests', async (scenario) => {
    await run(scenario, { seed: 1, transport }, expectRest);
  });
});

describe('a crash between every two effects', () => {
  test.each(SCHEDULER_SCENARIOS)('SCH69: of "$name" changes nothing', { timeout: 3_600_000 }, async (s) => {
    for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
      const effects = await run(s, { seed });
      const step = seeds > 0 ? 1 : Math.ceil(effects / POINTS_BY_DEFAULT);
      const first = seeds > 0 ? 1 : 1 + ((SCHEDULER_SCENARIOS.indexOf(s) * 7) % step);
      for (let effect = first; effect <= effects; effect += step) {
        const sides = seeds > 0 ? (['before', 'after'] as const) : (['after'] as const);
        for (const side of sides) await run(s, { seed, kill: { effect, side } });
      }
    }
  });
});

describe.each(CACHED)('with a stale cache of %s', (plural) => {
  // By default each resource takes its share of the scenarios.
  const at = CACHED.indexOf(plural);
  const share = SCHEDULER_SCENARIOS.filter((_, n) => seeds > 0 || n % 3 === at % 3);
  test.each(share)('SCH63: "$name" ends the same', { timeout: 3_600_000 }, async (scenario) => {
    const whens = seeds > 0 ? Array.from({ length: 20 }, (_, n) => 5 + 2 * n) : [11 + 3 * at];
    for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
      for (const after of whens) {
        const ways =
          seeds > 0 ? (['late', 'unseen'] as const) : ([at % 2 === 0 ? 'late' : 'unseen'] as const);
        for (const then of ways) await run(scenario, { seed, stale: { plural, after, ms: FREEZE_MS, then } });
      }
    }
  });
});
