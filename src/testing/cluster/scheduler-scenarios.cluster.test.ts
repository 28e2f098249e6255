// Placement as a whole: over both transports, with the control plane or a node killed beside its effects, and with
// caches that stand still. In the end everything is as without, and no invariant was broken on the way.
// HOLDFAST_SIM_SEEDS=n plays every point with n seeds; without it, one point of each.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { type Cluster, type ClusterOptions, type ClusterTransport, startCluster } from './cluster.ts';
import {
  awaitsUnknownCall,
  placedState,
  playScheduler,
  SCHEDULER_SCENARIOS,
  type SchedulerScenario,
  SEGMENTED,
  unfinished,
} from './scheduler-scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
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
    const isHeld = faults.kill !== undefined && (await awaitsUnknownCall(cluster));
    const placed = await placedState(cluster);
    if (isHeld && placed.running === 0) {
      // The driver refuses what is repeated, and nobody may ask it for anything else.
      expect(placed).toEqual({ running: 0, waiting: 1, backend: 0 });
    } else {
      expect(placed).toEqual(scenario.leaves);
      expect(await unfinished(cluster)).toEqual([]);
      expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
    }
    const effects = cluster.scheduler.killableEffects;
    await more(cluster);
    checkInvariants(cluster.world(true));
    return effects;
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

/** The kill points of a run without faults. */
const known = new Map<string, number>();
async function effectsOf(scenario: SchedulerScenario, seed: number): Promise<number> {
  const key = `${seed} ${scenario.name}`;
  const effects = known.get(key) ?? (await run(scenario, { seed }));
  known.set(key, effects);
  return effects;
}

describe.each<ClusterTransport>(['in process', 'https'])('%s', (transport) => {
  test.each(SCHEDULER_SCENARIOS)('SCH71: "$name" ends as it should', async (scenario) => {
    const isFirst = transport === 'in process';
    const effects = await run(scenario, { seed: 1, transport }, isFirst ? expectRest : undefined);
    if (isFirst) known.set(`1 ${scenario.name}`, effects);
  });
});

describe('a crash between every two effects', () => {
  test.each(SCHEDULER_SCENARIOS)('SCH69: of "$name" changes nothing', { timeout: 3_600_000 }, async (s) => {
    for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
      const effects = await effectsOf(s, seed);
      const place = SCHEDULER_SCENARIOS.indexOf(s) + 1;
      const one = Math.ceil((effects * place) / (SCHEDULER_SCENARIOS.length + 1));
      const points = seeds > 0 ? Array.from({ length: effects }, (_, at) => at + 1) : [one];
      const sides = seeds > 0 ? (['before', 'after'] as const) : (['after'] as const);
      for (const effect of points) {
        for (const side of sides) await run(s, { seed, kill: { effect, side } });
      }
    }
  });
});

describe.each(CACHED)('with a stale cache of %s', (plural) => {
  // By default each resource takes one of the scenarios.
  const at = CACHED.indexOf(plural);
  const share = SCHEDULER_SCENARIOS.filter((_, n) => seeds > 0 || n === at);
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
