// Several hollow nodes, the real server and the loops of attachment: whatever crashes, a volume is where it may be.
import { afterEach, expect, test } from 'vitest';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { hasReason } from '#client/api-error.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { attachmentLoop } from '#controllers/attachment/connect.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { nodeLifecycleLoop } from '#controllers/node-lifecycle/connect.ts';
import { attacherLoop } from '#sidecars/attacher/connect.ts';
import { testServer } from '../api-server.ts';
import { seededRandom } from '../seeded-random.ts';
import { ExclusiveDriver } from './exclusive-driver.ts';
import { hollowNode } from './hollow-node.ts';
import { HollowKernel } from './kernel.ts';

const NODES = ['a', 'b', 'c'];
const NAMESPACE = 'default';
const VOLUMES = { rwo: 'ReadWriteOnce', rwop: 'ReadWriteOncePod', rox: 'ReadOnlyMany' } as const;
const ending: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

async function startCluster(seed: number) {
  const cluster = await testServer();
  const { clock } = cluster;
  const random = seededRandom(seed);
  const kernel = new HollowKernel();
  const driver = new ExclusiveDriver(random, kernel);
  const user = inProcessClient(cluster.server.handler, 'user');
  await user.create(csiDrivers, { metadata: { name: driver.name }, spec: { attachRequired: true } });
  const stops = new Map<string, () => Promise<void>>();

  /** Starts a process with informers of its own; started again, it knows nothing. */
  const start = (name: string, make: (deps: LoopDeps) => readonly Service[]): void => {
    const api = inProcessClient(cluster.server.handler, name);
    const base = { api, clock, random, log: silentLog };
    const informers = createInformerSource(base);
    const services = make({ ...base, informers, events: { record: () => undefined } });
    const stop = new AbortController();
    const running = Promise.all(
      [...services, { run: (s: AbortSignal) => informers.run(s) }].map((s) => s.run(stop.signal)),
    );
    stops.set(name, async () => {
      stop.abort();
      stops.delete(name);
      await running;
    });
  };
  const startControl = (): void =>
    start('control', (deps) => [
      bindingLoop(deps),
      attachmentLoop(deps),
      nodeLifecycleLoop(deps),
      attacherLoop(deps, { driver: driver.driver }),
    ]);
  const startNode = (name: string): void =>
    start(name, (deps) => [hollowNode(deps, { names: [name], kernel, drivers: [{ name: driver.name }] })]);
  startControl();
  for (const name of NODES) startNode(name);
  ending.push(async () => {
    for (const stop of stops.values()) await stop();
  });

  for (const [name, mode] of Object.entries(VOLUMES)) {
    const volume: PersistentVolume = {
      metadata: { name },
      spec: {
        accessModes: [mode],
        capacity: { storage: '1Gi' },
        csi: { driver: driver.name, volumeHandle: name },
        claimRef: { namespace: NAMESPACE, name },
        storageClassName: 'none',
      },
    };
    await user.create(persistentVolumes, volume);
    await user.create(persistentVolumeClaims, {
      metadata: { namespace: NAMESPACE, name },
      spec: {
        accessModes: [mode],
        resources: { requests: { storage: '1Gi' } },
        volumeName: name,
        storageClassName: 'none',
      },
    });
  }
  await clock.advance(1000);

  let count = 0;
  const run = async (volume: string, nodeName: string): Promise<string> => {
    const name = `pod-${++count}`;
    await user.create(pods, {
      metadata: { namespace: NAMESPACE, name },
      spec: {
        nodeName,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: volume } }],
      },
    });
    return name;
  };
  const end = async (name: string, options: { readonly gracePeriodSeconds?: number } = {}): Promise<void> => {
    try {
      await user.delete(pods, { namespace: NAMESPACE, name }, options);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  };
  const phase = async (name: string) =>
    (await user.find(pods, { namespace: NAMESPACE, name }))?.status?.phase;
  const taint = async (name: string, isOut: boolean): Promise<void> => {
    const taints = isOut ? [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' as const }] : [];
    await user.patch(nodes, { name }, { type: 'merge', patch: { spec: { taints } } });
  };
  const crash = async (name: string): Promise<void> => stops.get(name)?.();
  const violations = () => [...kernel.violations, ...driver.violations];
  return {
    clock,
    random,
    kernel,
    driver,
    user,
    run,
    end,
    phase,
    taint,
    crash,
    startControl,
    startNode,
    violations,
  };
}

test('ATT4 ATT10: one node after the other has a ReadWriteOnce volume (I-18)', async () => {
  const { clock, run, end, phase, driver, violations } = await startCluster(1);
  const first = await run('rwo', 'a');
  await clock.advance(2000);
  expect(await phase(first)).toBe('Running');
  const second = await run('rwo', 'b');
  await clock.advance(5000);
  expect(await phase(second)).not.toBe('Running');
  await end(first);
  await clock.advance(5000);
  expect(await phase(second)).toBe('Running');
  expect([...(driver.attached.get('rwo') ?? [])]).toEqual(['b']);
  expect(violations()).toEqual([]);
});

test('ATT5: a ReadOnlyMany volume is on every node, mounted read-only (I-19)', async () => {
  const { clock, run, phase, kernel, violations } = await startCluster(2);
  const names = await Promise.all(NODES.map((node) => run('rox', node)));
  await clock.advance(5000);
  expect(await Promise.all(names.map(phase))).toEqual(['Running', 'Running', 'Running']);
  expect(NODES.flatMap((node) => kernel.mounts(node).map(({ isReadOnly }) => isReadOnly))).toEqual([
    true,
    true,
    true,
  ]);
  expect(violations()).toEqual([]);
});

test('ATT12 ATT40: a silent node keeps its volume until it is declared out of service', async () => {
  const { clock, run, end, phase, taint, crash, kernel, violations } = await startCluster(3);
  const first = await run('rwo', 'a');
  await clock.advance(2000);
  await crash('a');
  await end(first, { gracePeriodSeconds: 0 });
  const second = await run('rwo', 'b');
  await clock.advance(600_000);
  expect(await phase(second)).not.toBe('Running');
  kernel.powerOff('a');
  await taint('a', true);
  await clock.advance(2000);
  expect(await phase(second)).toBe('Running');
  expect(violations()).toEqual([]);
});

test('ATT13: a node that came back under another boot gives its volume up', async () => {
  const { clock, run, end, phase, crash, startNode, kernel, violations } = await startCluster(4);
  const first = await run('rwo', 'a');
  await clock.advance(2000);
  await crash('a');
  await end(first, { gracePeriodSeconds: 0 });
  const second = await run('rwo', 'b');
  kernel.powerOff('a');
  await clock.advance(60_000);
  expect(await phase(second)).not.toBe('Running');
  startNode('a');
  await clock.advance(10_000);
  expect(await phase(second)).toBe('Running');
  expect(violations()).toEqual([]);
});

test('ATT50: a control plane that starts anew keeps what is wanted and detaches what is not', async () => {
  const { clock, run, end, phase, crash, startControl, driver, user, violations } = await startCluster(5);
  const [kept, gone] = [await run('rwo', 'a'), await run('rox', 'b')];
  await clock.advance(2000);
  await crash('control');
  await end(gone);
  const [wanted] = [await run('rwop', 'c')];
  await clock.advance(5000);
  startControl();
  await clock.advance(5000);
  expect(await Promise.all([kept, wanted].map(phase))).toEqual(['Running', 'Running']);
  expect([...driver.attached].map(([volume, on]) => `${volume} ${[...on].join()}`).sort()).toEqual([
    'rox ',
    'rwo a',
    'rwop c',
  ]);
  expect((await user.list(volumeAttachments)).items).toHaveLength(2);
  expect(violations()).toEqual([]);
});

test.each(Array.from({ length: 12 }, (_, at) => at + 100))(
  'ATT4 ATT12 ATT13: seed %i: whatever crashes, I-17, I-18 and I-19 hold and all ends well',
  async (seed) => {
    const world = await startCluster(seed);
    const { clock, random, kernel, driver, user } = world;
    driver.faultRate = 0.2;
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random.fraction() * all.length)] as T;
    const alive: string[] = [];
    for (let step = 0; step < 30; step++) {
      const node = pick(NODES);
      const act = pick(['run', 'run', 'end', 'force', 'agent', 'power', 'control']);
      if (act === 'run') alive.push(await world.run(pick(Object.keys(VOLUMES)), node));
      const victim = alive[0];
      if (act === 'end' && victim !== undefined) await world.end(alive.shift() ?? '');
      if (act === 'force' && victim !== undefined)
        await world.end(alive.shift() ?? '', { gracePeriodSeconds: 0 });
      if (act === 'agent' || act === 'power') {
        await world.crash(node);
        if (act === 'power') kernel.powerOff(node);
        await clock.advance(random.fraction() * 60_000);
        world.startNode(node);
      }
      if (act === 'control') {
        await world.crash('control');
        await clock.advance(random.fraction() * 5000);
        world.startControl();
      }
      await clock.advance(random.fraction() * 3000);
      expect(world.violations()).toEqual([]);
    }
    driver.faultRate = 0;
    for (const name of alive) await world.end(name);
    await clock.advance(600_000);
    expect((await user.list(volumeAttachments)).items.map(({ metadata }) => metadata.name)).toEqual([]);
    expect([...driver.attached.values()].every((on) => on.size === 0)).toBe(true);
    expect(world.violations()).toEqual([]);
  },
);
