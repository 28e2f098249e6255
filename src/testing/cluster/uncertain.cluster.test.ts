// The uncertain matrix: every call of the controller service with every kind of fault and both classes of answers. What
// is unknown is asked again until it is known: the end is as without the fault, and no invariant is broken on the way.
// The stand-in node asks the driver's memory what is mounted, so calls of the node service are proven beside the agent.
// HOLDFAST_SIM_SEEDS=n plays every cell with n seeds; without it, every other cell with one.
import { expect, test } from 'vitest';
import type { Fault } from '../simulation/scripted-csi.ts';
import { playNamed, worldOfNamed } from './all-scenarios.ts';
import { startCluster } from './cluster.ts';

const seeds = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 0);

/** Each call with a scenario that needs it. */
const CALLS: Readonly<Record<string, string>> = {
  createVolume: 'provision',
  deleteVolume: 'delete pod and claim at once',
  controllerPublishVolume: 'delayed bind and attach',
  controllerUnpublishVolume: 'detach',
  controllerExpandVolume: 'expand while no pod uses it',
  controllerModifyVolume: 'modify',
  createSnapshot: 'snapshot',
  deleteSnapshot: 'snapshot, and delete its content and itself',
  createVolumeGroupSnapshot: 'group',
  deleteVolumeGroupSnapshot: 'group, then delete everything',
};

const FAULTS: readonly Fault[] = [
  { kind: 'lose-request' },
  { kind: 'lose-reply' },
  { kind: 'slow', afterMs: 20_000 },
  { kind: 'duplicate' },
  // An uncertain code and a final one, with and without the effect.
  { kind: 'fail-after-effect', code: 'INTERNAL' },
  { kind: 'fail-after-effect', code: 'FAILED_PRECONDITION' },
  { kind: 'refuse', code: 'UNAVAILABLE' },
  { kind: 'refuse', code: 'FAILED_PRECONDITION' },
];

async function playWith(seed: number, method: string, name: string, fault: Fault): Promise<void> {
  const cluster = await startCluster({ seed, ...worldOfNamed(name) });
  let left = 1;
  cluster.driver.hooks = {
    before: (call) => (call.method === method && left-- > 0 ? fault : undefined),
  };
  try {
    await playNamed(cluster, name);
    expect(left).toBeLessThan(1);
  } catch (error) {
    const code = 'code' in fault ? fault.code : '';
    const message = error instanceof Error ? error.message : '';
    throw new Error(`seed ${seed}, ${method} with ${fault.kind} ${code}: ${message}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

// A final code of CreateVolume says that nothing was made: a driver that makes it all the same is not to be saved.
const isPossible = (method: string, fault: Fault): boolean =>
  method !== 'createVolume' || fault.kind !== 'fail-after-effect' || fault.code !== 'FAILED_PRECONDITION';

const cells = Object.entries(CALLS).map(([method, name], row) => ({
  method,
  name,
  faults: FAULTS.filter(
    (fault, column) => isPossible(method, fault) && (seeds > 0 || (row + column) % 2 === 0),
  ),
}));

test.each(cells)(
  '$method is certain in the end, whatever happens to it once',
  { timeout: 3_600_000 },
  async ({ method, name, faults }) => {
    for (let seed = 1; seed <= Math.max(1, seeds); seed++) {
      for (const fault of faults) await playWith(seed, method, name, fault);
    }
  },
);
