// The control plane as the control benchmark runs it: real time, the real server and every loop, a driver that answers
// at once; the store in memory or lmdb on disk; the loops in the server's process or, over HTTPS, in another one.
import { fork } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { servedKinds } from '#api/kinds/index.ts';
import { isJsonObject } from '#api/json.ts';
import type { ApiHandler } from '#api/request.ts';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { realRandom } from '#base/real/random.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { connectServer } from '#client/https-transport.ts';
import { inProcessClient } from '#client/in-process.ts';
import { type Kubeconfig, parseKubeconfig } from '#client/kubeconfig.ts';
import { controlPlaneLoops } from '#compose/loops.ts';
import { runServices } from '#compose/run-services.ts';
import { realFiles } from '#files/real/files.ts';
import { createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { ScriptedCsi } from '#testing/simulation/scripted-csi.ts';
import { realHttp } from '#transport/real/http.ts';
import { realGrpc } from '#transport/real/grpc.ts';

export const clock = realClock();
const VERSION = { major: '1', minor: '36', gitVersion: 'v1.36.0' };

/** Write requests by `verb path-without-names`, and by what caused them. */
export interface WriteCounts {
  readonly byKind: Map<string, number>;
  total: number;
  /** Of `total`: for a pod (binding, attachments and their events); absent when the loops are in another process. */
  forPods: number;
  /** Of `total`: events about claims. */
  claimEvents: number;
}

export interface BenchSystem {
  readonly api: ApiClient;
  readonly driver: ScriptedCsi;
  readonly writes: WriteCounts;
  /** Absent over HTTPS, where it is in another process. */
  readonly store: Store | undefined;
  /** Starts the loops; resolves at once. */
  startLoops(): void;
  stop(): Promise<void>;
}

/** A server with an empty store; the loops start when told to. */
export async function startSystem(transport: 'in process' | 'https'): Promise<BenchSystem> {
  const driver = new ScriptedCsi({ clock });
  const connection = await driver.connect();
  const writes: WriteCounts = { byKind: new Map(), total: 0, forPods: 0, claimEvents: 0 };
  const stop = new AbortController();
  const server = transport === 'in process' ? await ownServer() : await otherServer();
  const handler = counting(server.handler, writes);
  let running = Promise.resolve();
  return {
    api: server.api,
    driver,
    writes,
    store: server.store,
    startLoops: () => {
      const effects = { clock, random: realRandom(), log: silentLog, files: realFiles(), grpc: realGrpc() };
      running = runServices(controlPlaneLoops(effects, { handler, drivers: [connection] }), stop.signal);
    },
    stop: async () => {
      stop.abort();
      await running;
      await server.end();
    },
  };
}

interface ServerUnderTest {
  readonly handler: ApiHandler;
  readonly api: ApiClient;
  readonly store: Store | undefined;
  end(): Promise<void>;
}

async function ownServer(): Promise<ServerUnderTest> {
  const store = memoryStore();
  const random = realRandom();
  const deps = { clock, random, log: silentLog, store, kinds: servedKinds, versionInfo: VERSION };
  const server = await createApiServer(deps);
  const api = inProcessClient(server.handler, 'bench');
  return { handler: server.handler, api, store, end: async () => server[Symbol.asyncDispose]() };
}

async function otherServer(): Promise<ServerUnderTest> {
  const child = fork(fileURLToPath(new URL('./control-server.ts', import.meta.url)));
  const text = await new Promise<string>((resolve) =>
    child.once('message', (message) => resolve(typeof message === 'string' ? message : '')),
  );
  const kubeconfig: Kubeconfig = await parseKubeconfig(text, {
    path: 'bench',
    readFile: async () => undefined,
  });
  const loops = connectServer(realHttp(), kubeconfig, clock);
  const own = connectServer(realHttp(), kubeconfig, clock);
  return {
    handler: loops.send,
    api: createApiClient(own.send),
    store: undefined,
    end: async () => {
      await loops[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
      child.kill('SIGTERM');
    },
  };
}

function counting(handler: ApiHandler, writes: WriteCounts): ApiHandler {
  return (request) => {
    if (request.method !== 'GET') {
      const parts = (request.path.split('?')[0] ?? '').split('/').filter((part) => part !== '');
      const plural = /^(namespaces|api|apis)$/;
      const kind = parts.filter((part, at) => at > 1 && !plural.test(part)).join('/');
      const named = kind.replace(/(pvc-|c-|v-|pod-|csi-|holdfast-|default)[^/]*/g, '*');
      const key = `${request.method} ${named}`;
      writes.byKind.set(key, (writes.byKind.get(key) ?? 0) + 1);
      writes.total++;
      if (named.endsWith('events')) {
        if (aboutOf(request) === 'PersistentVolumeClaim') writes.claimEvents++;
        else writes.forPods++;
      } else if (isForPod(named, request.user?.name ?? '')) writes.forPods++;
    }
    return handler(request);
  };
}

/** What the attacher and the attachment loop write, and a pod's binding. */
function isForPod(kind: string, user: string): boolean {
  return (
    kind.startsWith('*/pods/') ||
    /(^|\/)(volumeattachments|nodes)(\/|$)/.test(kind) ||
    user.includes(':attach')
  );
}

function aboutOf({ body }: Parameters<ApiHandler>[0]): string | undefined {
  const event: unknown = body === undefined ? {} : JSON.parse(Buffer.from(body).toString());
  const about = isJsonObject(event) ? event['involvedObject'] : undefined;
  return isJsonObject(about) && typeof about['kind'] === 'string' ? about['kind'] : undefined;
}

export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Processor time of this thread between two looks: what the program itself held, without its neighbours' share. */
  readonly cpuP99Ms: number;
}

// The histogram's samples contain the interval at which it looks.
const LOOK_EVERY_MS = 1;
export const MAX_LOOP_DELAY_P99_MS = 10;

/** Adds the thread's processor time since the last look. */
function holdSampler(held: number[]): () => void {
  let last = process.threadCpuUsage();
  return () => {
    const now = process.threadCpuUsage();
    held.push((now.user + now.system - last.user - last.system) / 1000);
    last = now;
  };
}

/** Runs `work`, measuring how long the event loop kept others waiting, processor time and wall time. */
export async function measured<T>(work: () => Promise<T>): Promise<{
  readonly result: T;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly loopDelay: LoopDelay;
}> {
  const delays = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
  const held: number[] = [];
  const holds = setInterval(holdSampler(held), LOOK_EVERY_MS);
  const before = process.cpuUsage();
  const start = performance.now();
  delays.enable();
  const result = await work();
  delays.disable();
  clearInterval(holds);
  held.sort((a, b) => a - b);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  const ms = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e5) / 10 - LOOK_EVERY_MS);
  return {
    result,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    loopDelay: {
      p50Ms: ms(delays.percentile(50)),
      p99Ms: ms(delays.percentile(99)),
      maxMs: ms(delays.max),
      cpuP99Ms: round(held[Math.floor(held.length * 0.99)] ?? 0),
    },
  };
}

/** Runs `work` on every item, at most `width` at a time. */
export async function eachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

export const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;
