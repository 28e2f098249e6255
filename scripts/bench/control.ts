// npm run bench -- control: what the control loops do in a second, and what they cost. Prints JSON; a run in which the
// event loop kept others waiting for more than 10 ms (p99) counts as failed and says so.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '#api/resources.ts';
import type { ApiClient, WatchOptions } from '#client/api-client.ts';
import { DRIVER_NAME } from '#testing/simulation/traits.ts';
import { benchPods } from './control-pods.ts';
import {
  type BenchSystem,
  eachOf,
  type LoopDelay,
  MAX_LOOP_DELAY_P99_MS,
  measured,
  round,
  startSystem,
  type WriteCounts,
} from './control-system.ts';
import { benchTaint } from './control-taint.ts';

const namespace = 'default';
const WIDTH = 50;
const names = (count: number, prefix: string): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`);

const aVolume = (name: string): PersistentVolume => ({
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    storageClassName: 'manual',
    persistentVolumeReclaimPolicy: 'Retain',
    csi: { driver: DRIVER_NAME, volumeHandle: name },
  },
});
const aClaim = (name: string, storageClassName: string): PersistentVolumeClaim => ({
  metadata: { namespace, name },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } },
});
const aPod = (name: string, claimName: string): Pod => ({
  metadata: { namespace, name },
  spec: {
    containers: [{ name: 'main', image: 'none' }],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
  },
});

async function furnish(api: ApiClient): Promise<void> {
  await api.create(csiDrivers, { metadata: { name: DRIVER_NAME }, spec: { attachRequired: true } });
  for (const volumeBindingMode of ['Immediate', 'WaitForFirstConsumer'] as const) {
    const name = volumeBindingMode === 'Immediate' ? 'now' : 'later';
    await api.create(storageClasses, { metadata: { name }, provisioner: DRIVER_NAME, volumeBindingMode });
  }
  for (const name of names(10, 'node-')) {
    await api.create(nodes, { metadata: { name } });
    const status = {
      allocatable: { cpu: '1000', memory: '1000Gi', pods: '10000' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
    } as const;
    await api.updateStatus(nodes, { ...(await api.get(nodes, { name })), status });
    await api.create(csiNodes, {
      metadata: { name },
      spec: { drivers: [{ name: DRIVER_NAME, nodeID: name, topologyKeys: [] }] },
    });
  }
}

/** Watches claims, all or what changes after a revision, until `count` are Bound; the times are of performance.now(). */
function watchBound(
  api: ApiClient,
  count: number,
  after: WatchOptions = {},
): { readonly done: Promise<ReadonlyMap<string, number>>; stop(): void } {
  const bound = new Map<string, number>();
  const stop = new AbortController();
  const follow = async (): Promise<ReadonlyMap<string, number>> => {
    for await (const event of api.watch(persistentVolumeClaims, after, stop.signal)) {
      if (event.type === 'BOOKMARK' || event.object.status?.phase !== 'Bound') continue;
      const { name } = event.object.metadata;
      if (!bound.has(name)) bound.set(name, performance.now());
      if (bound.size >= count) break;
    }
    return bound;
  };
  return { done: follow(), stop: () => stop.abort() };
}

const perItem = ({ writes }: BenchSystem, count: number): Readonly<Record<string, number>> =>
  Object.fromEntries([...writes.byKind].map(([kind, n]) => [kind, round(n / count, 3)]));

interface Verdict {
  readonly loopDelay: LoopDelay;
  readonly eventLoop: 'ok' | 'FAILED: p99 above 10 ms';
}
const verdict = (loopDelay: LoopDelay): Verdict => ({
  loopDelay,
  eventLoop: loopDelay.p99Ms > MAX_LOOP_DELAY_P99_MS ? 'FAILED: p99 above 10 ms' : 'ok',
});

async function withSystem<T>(
  transport: 'in process' | 'https',
  use: (system: BenchSystem) => Promise<T>,
): Promise<T> {
  const system = await startSystem(transport);
  try {
    await furnish(system.api);
    return await use(system);
  } finally {
    await system.stop();
  }
}

/** `count` volumes made by hand and as many claims, all there before the loops start. */
function benchPairs(
  count: number,
  transport: 'in process' | 'https',
  goalPairsPerSecond: number,
): Promise<object> {
  return withSystem(transport, async (system) => {
    await eachOf(names(count, 'v-'), WIDTH, async (name) => {
      const made = await system.api.create(persistentVolumes, aVolume(name));
      await system.api.updateStatus(persistentVolumes, { ...made, status: { phase: 'Available' } });
    });
    await eachOf(names(count, 'c-'), WIDTH, (name) =>
      system.api.create(persistentVolumeClaims, aClaim(name, 'manual')),
    );
    const run = await measured(async () => {
      const { done } = watchBound(system.api, count);
      system.startLoops();
      await done;
    });
    return {
      pairs: count,
      transport,
      pairsPerSecond: round(count / run.seconds),
      goalPairsPerSecond,
      cpuMsPerPair: round((run.cpuSeconds * 1000) / count, 2),
      writesPerPair: round(system.writes.total / count, 2),
      writes: perItem(system, count),
      ...verdict(run.loopDelay),
    };
  });
}

/** Claims through a driver that answers at once; delayed ones have a pod each. */
function benchProvision(
  count: number,
  className: 'now' | 'later',
  transport: 'in process' | 'https',
): Promise<object> {
  return withSystem(transport, async (system) => {
    const { api } = system;
    system.startLoops();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const created = new Map<string, number>();
    const before = { ...system.writes };
    const run = await measured(async () => {
      const { done } = watchBound(api, count);
      await eachOf(names(count, 'c-'), WIDTH, async (name) => {
        created.set(name, performance.now());
        await api.create(persistentVolumeClaims, aClaim(name, className));
        if (className === 'later') await api.create(pods, aPod(`pod-${name}`, name));
      });
      return done;
    });
    const latencies = [...run.result]
      .map(([name, at]) => at - (created.get(name) ?? at))
      .sort((a, b) => a - b);
    const at = (q: number): number =>
      round(latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? 0);
    // What is still written after the last claim is Bound belongs to them too.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return {
      claims: count,
      binding: className === 'now' ? 'immediate' : 'delayed',
      transport,
      claimsPerSecond: round(count / run.seconds),
      goalClaimsPerSecond: 200,
      latencyP50Ms: at(0.5),
      latencyP99Ms: at(0.99),
      writesPerClaim: claimWrites(system, before, count),
      goalWritesPerClaim: 10,
      writes: perItem(system, count),
      cpuMsPerClaim: round((run.cpuSeconds * 1000) / count, 2),
      ...verdict(run.loopDelay),
    };
  });
}

/** What a claim costs: its own objects (claim, volume, intent), the events about it, and what its pod adds. */
function claimWrites({ writes }: BenchSystem, before: WriteCounts, count: number): object {
  const perClaim = (kind: 'total' | 'forPods' | 'claimEvents'): number =>
    round((writes[kind] - before[kind]) / count, 2);
  const [total, events, ofItsPod] = [perClaim('total'), perClaim('claimEvents'), perClaim('forPods')];
  return { objects: round(total - events - ofItsPod, 2), events, ofItsPod };
}

/** Puts `count` bound pairs into the store as the loops would have left them. */
async function populate({ api, store }: BenchSystem, count: number): Promise<void> {
  if (store === undefined) throw new Error('populating needs the store in this process');
  const [v, c] = [
    await api.create(persistentVolumes, aVolume('model')),
    await api.create(persistentVolumeClaims, aClaim('model', 'manual')),
  ];
  const volume = { apiVersion: 'v1', kind: 'PersistentVolume', ...v, status: { phase: 'Bound' } };
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...c,
    status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
  };
  await api.delete(persistentVolumes, { name: 'model' });
  await api.delete(persistentVolumeClaims, { namespace, name: 'model' });
  const encode = (object: object): Uint8Array => Buffer.from(JSON.stringify(object));
  for (let at = 0; at < count; at++) {
    const [name, uid] = [`p-${at}`, `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`];
    const { resourceVersion: _, ...meta } = volume.metadata;
    const { resourceVersion: __, ...claimMeta } = claim.metadata;
    const annotations = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
    const spec = {
      ...volume.spec,
      csi: { driver: DRIVER_NAME, volumeHandle: name },
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid },
    };
    const claimed = { ...annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    await store.commit({
      compare: [],
      writes: [
        {
          kind: 'put',
          key: `/registry/core/persistentvolumes/${name}`,
          value: encode({
            ...volume,
            metadata: { ...meta, name, uid: `1${uid.slice(1)}`, annotations },
            spec,
          }),
        },
        {
          kind: 'put',
          key: `/registry/core/persistentvolumeclaims/${namespace}/${name}`,
          value: encode({
            ...claim,
            metadata: { ...claimMeta, name, uid, annotations: claimed },
            spec: { ...claim.spec, volumeName: name },
          }),
        },
      ],
    });
  }
}

/** Processor time for one more claim beside `population` bound ones; and what those cost at rest. */
function benchBeside(
  population: number,
  more: number,
): Promise<{ readonly cpuMsPerClaim: number; readonly atRest: object }> {
  return withSystem('in process', async (system) => {
    await populate(system, population);
    const before = process.memoryUsage().rss;
    const rest = await measured(async () => {
      const { done } = watchBound(system.api, population);
      system.startLoops();
      await done;
      await quiet(system);
    });
    const written = system.writes.total;
    const run = await measured(async () => {
      // Only what is new: reading the others again is the benchmark's work, not the loops'.
      const { done } = watchBound(system.api, more, { resourceVersion: String(system.store?.revision) });
      await eachOf(names(more, 'v-'), WIDTH, (name) => system.api.create(persistentVolumes, aVolume(name)));
      await eachOf(names(more, 'c-'), WIDTH, (name) =>
        system.api.create(persistentVolumeClaims, aClaim(name, 'manual')),
      );
      await done;
    });
    return {
      cpuMsPerClaim: round((run.cpuSeconds * 1000) / more, 3),
      atRest: {
        claims: population,
        secondsToRest: round(rest.seconds, 2),
        writesUntilRest: written,
        residentMiB: round(process.memoryUsage().rss / 2 ** 20),
        residentMiBBeforeLoops: round(before / 2 ** 20),
        ...verdict(rest.loopDelay),
      },
    };
  });
}

const REST_MS = 300;

/** Waits until the loops use hardly any processor time. */
async function quiet({ writes }: BenchSystem): Promise<void> {
  for (;;) {
    const [written, cpu] = [writes.total, process.cpuUsage()];
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const { user, system } = process.cpuUsage(cpu);
    if (writes.total === written && (user + system) / 1000 < REST_MS / 10) return;
  }
}

const BENCHMARKS: Readonly<Record<string, (scale: number) => Promise<object>>> = {
  pairs: (scale) => benchPairs(10_000 * scale, 'in process', 1000),
  'pairs-https': (scale) => benchPairs(10_000 * scale, 'https', 400),
  'provision-immediate': (scale) => benchProvision(1_000 * scale, 'now', 'in process'),
  'provision-delayed': (scale) => benchProvision(1_000 * scale, 'later', 'in process'),
  'provision-https': (scale) => benchProvision(1_000 * scale, 'now', 'https'),
  'pods-on-1000-nodes': (scale) => benchPods({ pods: 5_000 * scale, nodes: 1_000, goalPodsPerSecond: 500 }),
  'pods-on-5000-nodes': (scale) => benchPods({ pods: 5_000 * scale, nodes: 5_000, goalPodsPerSecond: 300 }),
  'out-of-service': () => benchTaint(),
  'at-scale': async (scale) => {
    // The first run would pay for compiling the code that the second one finds compiled.
    await benchBeside(1_000, 1_000 * scale);
    const small = await benchBeside(1_000, 1_000 * scale);
    const large = await benchBeside(100_000 * scale, 1_000 * scale);
    return {
      cpuMsPerClaimBeside1000: small.cpuMsPerClaim,
      cpuMsPerClaimAtScale: large.cpuMsPerClaim,
      ratio: round(large.cpuMsPerClaim / small.cpuMsPerClaim, 2),
      goalRatio: 1.2,
      atRest: large.atRest,
    };
  },
};

/**
 * Runs the named parts (all when none is named), each in a process of its own, so that none inherits another's heap;
 * `scale` shrinks them for a quick look.
 */
export async function runControl(parts: readonly string[], scale: number): Promise<object> {
  const unknown = parts.find((part) => BENCHMARKS[part] === undefined);
  if (unknown !== undefined) throw new Error(`no part "${unknown}": ${Object.keys(BENCHMARKS).join(', ')}`);
  const names = parts.length > 0 ? parts : Object.keys(BENCHMARKS);
  const results: Record<string, object> = {};
  for (const name of names) results[name] = await runApart(name, scale);
  return {
    benchmark: 'control',
    machine: {
      cpu: cpus()[0]?.model ?? '',
      cores: cpus().length,
      loadAverage: loadavg()[0],
      kernel: release(),
      node: process.version,
    },
    scale,
    results,
  };
}

/** This file as a program: one part, its result to the parent. */
async function runApart(part: string, scale: number): Promise<object> {
  const child = fork(fileURLToPath(import.meta.url), [part, String(scale)], { serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`part "${part}" ended with ${code} and no result`);
  });
  const result: unknown = await Promise.race([once(child, 'message').then(([message]) => message), ended]);
  if (typeof result !== 'object' || result === null) throw new Error(`part "${part}" gave no result`);
  ended.catch(() => undefined); // it ends now, with its result given
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , part = '', scale = '1'] = process.argv;
  const result = await BENCHMARKS[part]?.(Number(scale));
  process.send?.(result, () => process.exit(0));
}
