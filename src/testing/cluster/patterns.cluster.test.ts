// The three patterns of Sieve over every loop of compose/loops.ts: what it looks at stands still and is told late, or
// changes unseen, or its process ends in the middle. The end is as without. A loop without a row fails the first test.
import { expect, test } from 'vitest';
import { LOOP_NAMES } from '#compose/loops.ts';
import { playNamed, worldOfNamed } from './all-scenarios.ts';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';

interface Row {
  /** One of the scenarios that need the loop. */
  readonly scenario: string;
  /** The resource whose news the loop works on. */
  readonly plural: string;
}

const ROWS: Readonly<Record<string, Row>> = {
  binding: { scenario: 'bind a volume made by hand', plural: 'persistentvolumes' },
  attachment: { scenario: 'move to another node', plural: 'volumeattachments' },
  expansion: { scenario: 'expand while no pod uses it', plural: 'persistentvolumeclaims' },
  ephemeral: { scenario: 'an ephemeral claim goes with its pod', plural: 'pods' },
  protection: { scenario: 'delete pod and claim at once', plural: 'persistentvolumeclaims' },
  unused: { scenario: 'a claim is unused until a pod comes', plural: 'pods' },
  namespaces: { scenario: 'a namespace goes with its claims and volumes', plural: 'namespaces' },
  'service-accounts': { scenario: 'a namespace has its service account', plural: 'namespaces' },
  disruption: { scenario: 'a budget counts the pods that it protects', plural: 'pods' },
  quota: { scenario: 'a quota counts what is there', plural: 'persistentvolumeclaims' },
  snapshots: { scenario: 'snapshot, and delete it meanwhile', plural: 'volumesnapshots' },
  'node-lifecycle': { scenario: 'a node out of service gives its volume up', plural: 'nodes' },
  scheduler: { scenario: 'delayed bind and attach', plural: 'pods' },
  provisioner: { scenario: 'provision, and delete the claim meanwhile', plural: 'persistentvolumeclaims' },
  capacity: { scenario: 'the capacity of a pool is told', plural: 'csidrivers' },
  attacher: { scenario: 'detach', plural: 'volumeattachments' },
  snapshotter: { scenario: 'snapshot, and delete its content and itself', plural: 'volumesnapshotcontents' },
  resizer: { scenario: 'expand twice, and delete meanwhile', plural: 'persistentvolumeclaims' },
};

// Long enough that every retry of the others comes and goes.
const FREEZE_MS = 90_000;

test('every loop has a row', () => {
  expect(Object.keys(ROWS).sort()).toEqual([...LOOP_NAMES].sort());
});

async function playWith(name: string, options: Partial<ClusterOptions>): Promise<Cluster> {
  const cluster = await startCluster({
    seed: 1,
    ...worldOfNamed(name),
    ...options,
  });
  try {
    await playNamed(cluster, name);
  } catch (error) {
    const trace = cluster.scheduler.trace.filter((line) => !line.includes('/leases/')).join('\n');
    throw new Error(`${error instanceof Error ? error.message : ''}\n${trace}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
  return cluster;
}

const rows = Object.entries(ROWS).map(([loop, row]) => ({ loop, ...row }));

test.each(rows)(
  '$loop, with $plural that are late, unseen, and a crash',
  { timeout: 3_600_000 },
  async ({ scenario, plural }) => {
    const whole = await playWith(scenario, {});
    // The beginning of a run is the start of the processes and the making of what every scenario needs.
    const effects = whole.scheduler.killableEffects;
    const after = Math.floor(effects * 0.6);
    for (const then of ['late', 'unseen'] as const) {
      await playWith(scenario, { stale: { plural, after, ms: FREEZE_MS, then } });
    }
    await playWith(scenario, { kill: { effect: Math.floor(effects * 0.8), side: 'after' } });
  },
);
