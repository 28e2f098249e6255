import { expect, test } from 'vitest';
import { csiDrivers, csiNodes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiConnection } from '#csi/client.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { DriverRegistry } from './driver-registry.ts';
import { refreshLimit, watchLimits } from './limit-watch.ts';

const DRIVER = 'd.csi.example';

async function world(periodSeconds: number | undefined) {
  const api = scriptedApi();
  const clock = virtualClock();
  const drivers = new DriverRegistry();
  const answer = { limit: '8', calls: 0, fails: false };
  const nodeGetInfo = () => {
    answer.calls++;
    if (answer.fails) return Promise.reject(new Error('down'));
    return Promise.resolve({ nodeId: 'other', maxVolumesPerNode: answer.limit, accessibleTopology: null });
  };
  const connection = {
    node: { nodeGetInfo },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  } as unknown as CsiConnection;
  const info = { nodeId: 'id', maxVolumesPerNode: '8', accessibleTopology: null };
  const { node } = connection;
  await drivers.put({ name: DRIVER, socket: 's', connection, node, capabilities: new Set(), info });
  const spec = { drivers: [{ name: DRIVER, nodeID: 'id', allocatable: { count: 8 } }] };
  api.seed(csiNodes, { metadata: { name: 'node-1', ownerReferences: [] }, spec });
  api.seed(csiDrivers, {
    metadata: { name: DRIVER },
    spec: periodSeconds === undefined ? {} : { nodeAllocatableUpdatePeriodSeconds: periodSeconds },
  });
  const stop = new AbortController();
  const deps = { clock, log: silentLog, api, drivers, node: { name: 'node-1', node: undefined } };
  const done = watchLimits(deps, stop.signal);
  const entry = () => api.peek(csiNodes, { name: 'node-1' })?.spec.drivers[0];
  const end = async () => {
    stop.abort();
    await done;
  };
  return { api, clock, answer, entry, end, deps };
}

test('AGT47: a limit that changed is stored after the period, and nothing else of the entry', async () => {
  const { api, clock, answer, entry, end } = await world(30);
  answer.limit = '5';
  await clock.advance(30_000);
  expect(entry()?.allocatable?.count).toBe(8);
  await clock.advance(15_000);
  expect(entry()).toEqual({ name: DRIVER, nodeID: 'id', allocatable: { count: 5 } });
  await clock.advance(300_000);
  expect(api.writes).toHaveLength(1);
  await end();
});

test('AGT47: a driver that does not ask for it is not asked', async () => {
  const { clock, answer, end } = await world(undefined);
  await clock.advance(300_000);
  expect(answer.calls).toBe(0);
  await end();
});

test('AGT47: an error leaves the limit, and it is asked again', async () => {
  const { clock, answer, entry, end } = await world(10);
  answer.fails = true;
  await clock.advance(25_000);
  expect([entry()?.allocatable?.count, answer.calls]).toEqual([8, 1]);
  answer.fails = false;
  answer.limit = '3';
  await clock.advance(20_000);
  expect(entry()?.allocatable?.count).toBe(3);
  await end();
});

test('AGT88: a driver whose node was found full is asked at once, also without a period', async () => {
  const { api, answer, entry, end, deps } = await world(undefined);
  answer.limit = '5';
  await refreshLimit(deps, DRIVER);
  expect(entry()).toEqual({ name: DRIVER, nodeID: 'id', allocatable: { count: 5 } });
  await refreshLimit(deps, DRIVER);
  expect(api.writes).toHaveLength(1);
  answer.fails = true;
  await refreshLimit(deps, DRIVER);
  await refreshLimit(deps, 'gone.example');
  expect([entry()?.allocatable?.count, api.writes.length]).toEqual([5, 1]);
  await end();
});
