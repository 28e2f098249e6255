// A crash between every two effects of every scenario: the process that made the effect (control plane or node) ends
// before or after it and starts again. In the end everything is as without the crash, and no invariant was broken.
// HOLDFAST_SIM_SEEDS=n plays every point with n seeds; without it, a spread of points with one seed.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { startCluster } from './cluster.ts';
import { ALL_SCENARIOS } from './all-scenarios.ts';
import { play, remains, type Scenario, worldOf } from './scenarios.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);
const POINTS_BY_DEFAULT = 3;

async function crash(
  scenario: Scenario,
  seed: number,
  effect: number,
  side: 'before' | 'after',
): Promise<void> {
  const cluster = await startCluster({ seed, ...worldOf(scenario), kill: { effect, side } });
  const at = `seed ${seed}, killed ${side} effect ${effect}`;
  try {
    await play(cluster, scenario);
    expect(await remains(cluster)).toEqual(scenario.leaves);
    expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
    checkInvariants(cluster.world(true));
  } catch (error) {
    const trace = cluster.scheduler.trace.join('\n');
    throw new Error(`${at}: ${error instanceof Error ? error.message : ''}\n${trace}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

async function effectsOf(scenario: Scenario, seed: number): Promise<number> {
  const cluster = await startCluster({ seed, ...worldOf(scenario) });
  await play(cluster, scenario);
  await cluster[Symbol.asyncDispose]();
  return cluster.scheduler.killableEffects;
}

describe('a crash between every two effects', () => {
  test.each(ALL_SCENARIOS)(
    'of "$name" changes nothing in the end',
    { timeout: 3_600_000 },
    async (scenario) => {
      for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
        const effects = await effectsOf(scenario, seed);
        expect(effects).toBeGreaterThan(0);
        const step = seeds > 0 ? 1 : Math.ceil(effects / POINTS_BY_DEFAULT);
        for (let effect = 1; effect <= effects; effect += step) {
          const sides = seeds > 0 ? (['before', 'after'] as const) : (['after'] as const);
          for (const side of sides) await crash(scenario, seed, effect, side);
        }
      }
    },
  );
});
