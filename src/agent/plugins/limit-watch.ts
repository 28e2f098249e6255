// Keeps the volume limits in CSINode true for drivers that ask for it (CSIDriver nodeAllocatableUpdatePeriodSeconds): a
// slot taken outside of Kubernetes, a network card for example, makes the limit smaller while the node runs (AGT47).
import type { Clock } from '#base/clock.ts';
import { sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { csiDrivers } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { changeCsiNode, csiNodeDriver } from '../node/csi-node.ts';
import type { NodeWriter } from '../node/node-writer.ts';
import type { DriverRegistry, RegisteredDriver } from './driver-registry.ts';

export interface LimitWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly api: ApiClient;
  readonly drivers: DriverRegistry;
  readonly node: Pick<NodeWriter, 'name' | 'node'>;
}

// Upstream's smallest period is 10 s; a CSIDriver that asks for it is noticed as soon.
const LOOK_MS = 10_000;
const CALL_MS = 10_000;

/** Runs until the signal aborts. */
export async function watchLimits(deps: LimitWatchDeps, signal: AbortSignal): Promise<void> {
  const asked = new Map<string, number>();
  while (!signal.aborted) {
    await sleep(deps.clock, LOOK_MS, 'periodic', signal);
    for (const driver of deps.drivers.all()) {
      if (signal.aborted) return;
      try {
        await lookAt(deps, driver, asked);
      } catch (error) {
        deps.log.warn('the volume limit cannot be read', { driver: driver.name, error: messageOf(error) });
      }
    }
  }
}

async function lookAt(
  deps: LimitWatchDeps,
  driver: RegisteredDriver,
  asked: Map<string, number>,
): Promise<void> {
  const { api, clock } = deps;
  const object = await api.find(csiDrivers, { name: driver.name });
  const periodSeconds = object?.spec.nodeAllocatableUpdatePeriodSeconds ?? 0;
  if (periodSeconds <= 0) {
    asked.delete(driver.name);
    return;
  }
  const last = asked.get(driver.name);
  // Registration has just asked: the first period begins now.
  if (last === undefined) asked.set(driver.name, clock.elapsed());
  if (last === undefined || clock.elapsed() - last < periodSeconds * 1000) return;
  asked.set(driver.name, clock.elapsed());
  await storeLimit(deps, driver);
}

/**
 * Asks a driver for its limit now and stores it when it changed: an attach has just found the node full, so what
 * CSINode says was not true (AGT88). Never rejects; a failure is logged, and the next full node asks again.
 */
export async function refreshLimit(deps: LimitWatchDeps, driverName: string): Promise<void> {
  const driver = deps.drivers.get(driverName);
  if (driver === undefined) return;
  try {
    await storeLimit(deps, driver);
  } catch (error) {
    deps.log.warn('the volume limit cannot be read', { driver: driverName, error: messageOf(error) });
  }
}

async function storeLimit({ api, log, node }: LimitWatchDeps, driver: RegisteredDriver): Promise<void> {
  const info = await driver.node.nodeGetInfo({}, { timeoutMs: CALL_MS });
  const { allocatable } = csiNodeDriver(driver.name, info);
  const owner = { nodeName: node.name, nodeUid: node.node?.metadata.uid ?? '' };
  // Only the limit may change: the identity of a registered driver may not.
  await changeCsiNode(api, owner, (present) =>
    present.map((entry) => {
      if (entry.name !== driver.name || entry.allocatable?.count === allocatable?.count) return entry;
      log.info('the volume limit has changed', { driver: driver.name, limit: allocatable?.count });
      const { allocatable: before, ...identity } = entry;
      return allocatable === undefined ? identity : { ...identity, allocatable };
    }),
  );
}
