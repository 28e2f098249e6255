// Every scenario whose end is told as claims, volumes and pods: crash enumeration, stale caches and both transports
// play all of them. And any scenario by its name, those of snapshots included.
import { expect } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { LOOP_SCENARIOS } from './loop-scenarios.ts';
import { play, remains, type Scenario, SCENARIOS, worldOf } from './scenarios.ts';
import { playSnapshots, SNAPSHOT_SCENARIOS, snapshotRemains } from './snapshot-scenarios.ts';

export const ALL_SCENARIOS: readonly Scenario[] = [...SCENARIOS, ...LOOP_SCENARIOS];

/** What the cluster of the scenario `name` is made of. */
export function worldOfNamed(name: string): Partial<ClusterOptions> {
  const scenario = ALL_SCENARIOS.find((one) => one.name === name);
  return scenario === undefined ? {} : worldOf(scenario);
}

/** Plays the scenario `name`; fails when its end is not the one without faults, or an invariant was broken. */
export async function playNamed(cluster: Cluster, name: string): Promise<void> {
  const scenario = ALL_SCENARIOS.find((one) => one.name === name);
  const snapshots = SNAPSHOT_SCENARIOS.find((one) => one.name === name);
  if (scenario !== undefined) {
    await play(cluster, scenario);
    await cluster.settle();
    expect(await remains(cluster)).toEqual(scenario.leaves);
    expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
  } else {
    if (snapshots === undefined) throw new Error(`no scenario is called "${name}"`);
    await playSnapshots(cluster, snapshots);
    await cluster.settle();
    expect(await snapshotRemains(cluster)).toEqual(snapshots.leaves);
  }
  checkInvariants(cluster.world(true));
}
