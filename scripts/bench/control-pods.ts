// Part of npm run bench -- control: pods with one bound CSI volume each onto many nodes. In process: the memory store, the
// real server, the binding loop and the scheduler over the same informers, attachment off. Every node is considered for
// every pod.
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { servedKinds } from '#api/kinds/index.ts';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { InformerSource } from '#client/informer.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import { schedulerLoop } from '#scheduler/connect.ts';
import { createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import { seededRandom } from '#testing/seeded-random.ts';

export interface PodsBenchOptions {
  readonly pods?: number;
  readonly nodes?: number;
  readonly goalPodsPerSecond?: number;
}

const DRIVER = 'disk.holdfast.dev';
const CLASS = 'ready';
const namespace = 'default';
/** Calls of the set-up in flight at once. */
const WIDTH = 8;

const aNode = (name: string): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: {
    allocatable: { cpu: '16', memory: '64Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
  },
});

const aVolume = (name: string): PersistentVolume => ({
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    storageClassName: CLASS,
    persistentVolumeReclaimPolicy: 'Retain',
    csi: { driver: DRIVER, volumeHandle: name },
  },
});

const aClaim = (name: string): PersistentVolumeClaim => ({
  metadata: { namespace, name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: CLASS,
    resources: { requests: { storage: '1Gi' } },
  },
});

const aPod = (name: string): Pod => ({
  metadata: { namespace, name },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'none',
        resources: { requests: { cpu: '100m', memory: '128Mi' } },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
  },
});

async function each(count: number, act: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      await act(next++);
      // Calls in process end within the turn: whoever watches gets a turn too.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

async function makeNode(api: ApiClient, name: string): Promise<void> {
  const made = await api.create(nodes, aNode(name));
  await api.updateStatus(nodes, { ...made, status: aNode(name).status });
  const drivers = [{ name: DRIVER, nodeID: name, allocatable: { count: 100 } }];
  await api.create(csiNodes, { metadata: { name }, spec: { drivers } });
}

/** A claim and its volume, bound as the binding loop leaves them. */
async function makePair(api: ApiClient, name: string): Promise<void> {
  const claim = await api.create(persistentVolumeClaims, aClaim(name));
  const { uid } = claim.metadata;
  const volume = aVolume(name);
  const made = await api.create(persistentVolumes, {
    ...volume,
    spec: { ...volume.spec, claimRef: { kind: 'PersistentVolumeClaim', namespace, name, uid } },
  });
  await api.updateStatus(persistentVolumes, { ...made, status: { phase: 'Bound' } });
  const bound: Stored<PersistentVolumeClaim> = await api.update(persistentVolumeClaims, {
    ...claim,
    metadata: { ...claim.metadata, annotations: { [BIND_COMPLETED]: 'yes' } },
    spec: { ...claim.spec, volumeName: name },
  });
  const status = { phase: 'Bound' as const, accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } };
  await api.updateStatus(persistentVolumeClaims, { ...bound, status });
}

/** Resolves when `count` pods have a node; rejects after five minutes. */
function allPlaced(informers: InformerSource, count: number): Promise<void> {
  const placed = new Set<string>();
  return new Promise((resolve, reject) => {
    const fail = (): void =>
      reject(new Error(`only ${placed.size} of ${count} pods got a node in five minutes`));
    const deadline = setTimeout(fail, 300_000);
    const unsubscribe = informers.informer(pods).subscribe(({ object }) => {
      if ((object.spec?.nodeName ?? '') === '') return;
      placed.add(object.metadata.name);
      if (placed.size < count) return;
      clearTimeout(deadline);
      queueMicrotask(() => unsubscribe());
      resolve();
    });
  });
}

/** Schedules pods with a bound volume each: how many a second, from the first creation to the last binding. */
export async function benchPods(options: PodsBenchOptions = {}): Promise<object> {
  const { pods: podCount = 5000, nodes: nodeCount = 1000, goalPodsPerSecond = 500 } = options;
  const stop = new AbortController();
  const clock = realClock();
  const base = { clock, random: seededRandom(1), log: silentLog };
  const versionInfo = { major: '1', minor: '36', gitVersion: 'v1.36.0' };
  const server = await createApiServer({ ...base, store: memoryStore(), kinds: servedKinds, versionInfo });
  const api = inProcessClient(server.handler, 'bench');
  await api.create(csiDrivers, { metadata: { name: DRIVER }, spec: { attachRequired: true } });
  await api.create(storageClasses, { metadata: { name: CLASS }, provisioner: DRIVER });
  await each(nodeCount, (at) => makeNode(api, `node-${at}`));
  await each(podCount, (at) => makePair(api, `p-${at}`));
  const informers = createInformerSource({ ...base, api: inProcessClient(server.handler, 'informers') });
  const running = [bindingLoop, schedulerLoop].flatMap((loop) => {
    const loopApi = inProcessClient(server.handler, loop.name);
    const events = createEventRecorder({ ...base, api: loopApi, component: loop.name });
    return [loop({ ...base, api: loopApi, informers, events }).run(stop.signal), events.run(stop.signal)];
  });
  running.push(informers.run(stop.signal));
  await informers.whenAllSynced(stop.signal);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpuBefore = process.cpuUsage();
  const pauses = { totalMs: 0, longestMs: 0 };
  const garbage = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      pauses.totalMs += duration;
      pauses.longestMs = Math.max(pauses.longestMs, duration);
    }
  });
  garbage.observe({ entryTypes: ['gc'] });
  delay.enable();
  const startedAt = performance.now();
  const placed = allPlaced(informers, podCount);
  await each(podCount, (at) => api.create(pods, aPod(`p-${at}`)));
  const createdAt = performance.now();
  await placed;
  const seconds = (performance.now() - startedAt) / 1000;
  delay.disable();
  garbage.disconnect();
  const cpu = process.cpuUsage(cpuBefore);
  stop.abort();
  await Promise.all(running);
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    pods: podCount,
    nodes: nodeCount,
    nodesConsideredPerPod: nodeCount,
    seconds: round(seconds),
    creationSeconds: round((createdAt - startedAt) / 1000),
    podsPerSecond: Math.round(podCount / seconds),
    goalPodsPerSecond,
    cpuMsPerPod: round((cpu.user + cpu.system) / 1000 / podCount),
    // What of the delays is the garbage collector's.
    garbageCollection: { totalMs: round(pauses.totalMs), longestMs: round(pauses.longestMs) },
    // The monitor's own resolution of 1 ms is part of what it reports.
    eventLoopDelayMs: { p99: round(delay.percentile(99) / 1e6), max: round(delay.max / 1e6) },
  };
}
