// Snapshots, restores, clones and groups in simulation: over both transports, at rest afterwards, and with a crash between
// every two effects. HOLDFAST_SIM_SEEDS=n plays every point with n seeds; without it, a spread of points with one seed.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { type Cluster, type ClusterTransport, startCluster } from './cluster.ts';
import {
  leftAnnotations,
  playSnapshots,
  SNAPSHOT_SCENARIOS,
  snapshotRemains,
  type SnapshotScenario,
} from './snapshot-scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const POINTS_BY_DEFAULT = 3;

async function expectEnd(cluster: Cluster, scenario: SnapshotScenario): Promise<void> {
  expect(await snapshotRemains(cluster)).toEqual(scenario.leaves);
  expect(await leftAnnotations(cluster)).toEqual([]);
  checkInvariants(cluster.world(true));
  const creations = cluster.driver.calls.filter(({ method }) =>
    /^create(Volume|Snapshot|VolumeGroup)/.test(method),
  );
  // I-14: however often a call is repeated, its arguments are the same.
  const requests = new Map<unknown, string>();
  for (const { method, request } of creations) {
    const key = `${method} ${String(request['name'])}`;
    const text = JSON.stringify(request);
    expect(requests.get(key) ?? text).toBe(text);
    requests.set(key, text);
  }
  expect(
    cluster.driver.calls.filter(
      ({ method, end }) => method === 'deleteSnapshot' && end?.code === 'INVALID_ARGUMENT',
    ),
  ).toEqual([]);
}

describe.each<ClusterTransport>(['in process', 'https'])('%s', (transport) => {
  test.each(SNAPSHOT_SCENARIOS)(
    'SNC8 SNS5: "$name" ends as it should and rests (seed 1)',
    async (scenario) => {
      const cluster = await startCluster({ seed: 1, transport });
      await playSnapshots(cluster, scenario);
      await expectEnd(cluster, scenario);
      const before = cluster.store.revision;
      cluster.startControlPlane();
      await cluster.settle();
      const written = cluster.history.after(before).filter(({ key }) => !/\/(events|leases)\//.test(key));
      expect(written.map(({ key }) => key)).toEqual([]);
      await cluster[Symbol.asyncDispose]();
    },
  );
});

async function crash(
  scenario: SnapshotScenario,
  seed: number,
  effect: number,
  side: 'before' | 'after',
): Promise<void> {
  const cluster = await startCluster({ seed, kill: { effect, side } });
  try {
    await playSnapshots(cluster, scenario);
    await expectEnd(cluster, scenario);
  } catch (error) {
    const at = `seed ${seed}, killed ${side} effect ${effect}`;
    const trace = cluster.scheduler.trace.join('\n');
    throw new Error(`${at}: ${error instanceof Error ? error.message : ''}\n${trace}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

describe('a crash between every two effects', () => {
  test.each(SNAPSHOT_SCENARIOS)(
    'SNS31 PRV46: of "$name" changes nothing in the end',
    { timeout: 3_600_000 },
    async (scenario) => {
      for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
        const whole = await startCluster({ seed });
        await playSnapshots(whole, scenario);
        await whole[Symbol.asyncDispose]();
        const effects = whole.scheduler.killableEffects;
        const step = seeds > 0 ? 1 : Math.ceil(effects / POINTS_BY_DEFAULT);
        for (let effect = 1; effect <= effects; effect += step) {
          const sides = seeds > 0 ? (['before', 'after'] as const) : (['after'] as const);
          for (const side of sides) await crash(scenario, seed, effect, side);
        }
      }
    },
  );
});
