// Every scenario without faults, over both transports: the end state, the invariants, and that a restart of everything
// in a quiet world writes nothing.
import { describe, expect, test } from 'vitest';
import { checkInvariants } from '../invariants/check.ts';
import { type Cluster, type ClusterTransport, startCluster } from './cluster.ts';
import { ALL_SCENARIOS } from './all-scenarios.ts';
import { play, remains, worldOf } from './scenarios.ts';

const SETTLED = /\/(events|leases)\//;

async function expectRest(cluster: Cluster): Promise<void> {
  const before = cluster.store.revision;
  cluster.startControlPlane();
  for (const node of cluster.options.nodes ?? []) await cluster.startNode(node);
  await cluster.settle();
  const written = cluster.history.after(before).filter(({ key }) => !SETTLED.test(key));
  // A node that starts reports that it is ready.
  expect(written.map(({ key }) => key).filter((key) => !key.includes('/nodes/'))).toEqual([]);
}

describe.each<ClusterTransport>(['in process', 'https'])('%s', (transport) => {
  test.each(ALL_SCENARIOS)('scenario "$name" ends as it should and rests (seed 1)', async (scenario) => {
    const cluster = await startCluster({ seed: 1, transport, ...worldOf(scenario) });
    await play(cluster, scenario);
    expect(await remains(cluster)).toEqual(scenario.leaves);
    expect(await scenario.lacks?.(cluster)).toBeOneOf([undefined, '']);
    await expectRest(cluster);
    checkInvariants(cluster.world(true));
    await cluster[Symbol.asyncDispose]();
  });
});
