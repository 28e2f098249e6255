// Who is served, and how logs are read, over an in-memory transport and log files.
import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { silentLog } from '#base/log.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import type { HttpListenOptions, HttpRequest, HttpTransport, PeerIdentity } from '#transport/http.ts';
import { socketPair } from '#transport/memory-http.ts';
import type { Tree } from '#volumes/tree.ts';
import type { ContainerRun } from '../pods/runtime-state.ts';
import type { PodRuntimeClient } from '../runtime/pod-runtime.ts';
import { listenAgentServer } from './agent-server.ts';
import { readLog, tailOffset } from './container-logs.ts';
import { relayExec } from './exec-relay.ts';
import type { LogFiles } from './log-files.ts';

const pod: Stored<Pod> = {
  metadata: { namespace: 'default', name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [{ name: 'main' }] },
};
const server: PeerIdentity = { commonName: 'holdfast:server', organizations: ['holdfast:control-plane'] };

class MemoryLogs implements LogFiles {
  readonly files = new Map<string, Buffer>();
  changed = (): void => undefined;
  append(path: string, text: string): void {
    this.files.set(path, Buffer.concat([this.files.get(path) ?? Buffer.alloc(0), Buffer.from(text)]));
    this.changed();
  }
  async size(path: string): Promise<number | undefined> {
    return this.files.get(path)?.length;
  }
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.files.get(path)?.subarray(offset, offset + length) ?? new Uint8Array();
  }
  watch(_path: string, changed: () => void): Disposable {
    this.changed = changed;
    return { [Symbol.dispose]: () => undefined };
  }
}

interface Fixture {
  readonly logs: MemoryLogs;
  state: ContainerRun['state'];
  get(path: string, peer?: PeerIdentity): Promise<{ status: number; text: string }>;
}

const DIRECTORY = '/logs/default_p_u/main';

async function fixture(): Promise<Fixture> {
  const logs = new MemoryLogs();
  let listening: HttpListenOptions | undefined;
  const http: HttpTransport = {
    listen: async (options) => {
      listening = options;
      return { port: 1, [Symbol.asyncDispose]: async () => undefined };
    },
    client: () => {
      throw new Error('not used');
    },
  };
  const runtime = {
    observe: async () => ({ sandboxes: [], runs: [{ name: 'main', attempt: 1, state: made.state }] }),
  } as unknown as PodRuntimeClient;
  const tree = {
    list: async () => [...logs.files.keys()].map((path) => path.slice(DIRECTORY.length + 1)),
  } as unknown as Tree;
  await listenAgentServer(
    {
      clock: virtualClock(),
      log: silentLog,
      http,
      runtime,
      tree,
      logs,
      logsRoot: '/logs',
      findPod: (namespace, name) => (namespace === 'default' && name === 'p' ? pod : undefined),
    },
    { host: '127.0.0.1', port: 0, tls: { certificate: '', privateKey: '', certificateAuthority: '' } },
  );
  const made: Fixture = {
    logs,
    state: 'exited',
    async get(path, peer) {
      const request: HttpRequest = {
        method: 'GET',
        path,
        headers: {},
        peer,
        body: async () => new Uint8Array(),
        signal: new AbortController().signal,
      };
      const response = await listening?.handle(request);
      const chunks: Uint8Array[] = [];
      const body = response?.body ?? new Uint8Array();
      if (body instanceof Uint8Array) chunks.push(body);
      else for await (const chunk of body) chunks.push(chunk);
      return { status: response?.status ?? 0, text: Buffer.concat(chunks).toString() };
    },
  };
  return made;
}

const line = (second: number, text: string, tag = 'F'): string =>
  `2026-01-01T00:00:0${second}.000000000Z stdout ${tag} ${text}\n`;

test('AGT50: only the API server is served', async () => {
  const { get } = await fixture();
  expect((await get('/healthz')).status).toBe(401);
  expect(
    (await get('/healthz', { commonName: 'system:node:x', organizations: ['system:nodes'] })).status,
  ).toBe(403);
  const loop = { commonName: 'holdfast:binding', organizations: ['holdfast:control-plane'] };
  expect((await get('/healthz', loop)).status).toBe(403);
  expect(await get('/healthz', server)).toEqual({ status: 200, text: 'ok' });
  expect((await get('/healthz', { commonName: 'x', organizations: ['system:masters'] })).status).toBe(200);
});

test('AGT51: unknown pods and containers are not found, bad numbers refused', async () => {
  const { get, logs } = await fixture();
  logs.append(`${DIRECTORY}/0.log`, line(0, 'a'));
  expect((await get('/containerLogs/default/q/main', server)).status).toBe(404);
  expect((await get('/containerLogs/default/p/side', server)).status).toBe(404);
  expect((await get('/containerLogs/default/p/main?tailLines=-1', server)).text).toContain('tailLines "-1"');
});

test('AGT51: a container without a log is waiting to start', async () => {
  const { get } = await fixture();
  const { status, text } = await get('/containerLogs/default/p/main', server);
  expect(status).toBe(400);
  expect(text).toContain('waiting to start');
});

const LOG_ROWS = [
  { when: 'everything', query: '', text: 'one\ntwothree\nfour\n' },
  { when: 'the last two lines', query: '?tailLines=1', text: 'four\n' },
  { when: 'since a time', query: '?sinceTime=2026-01-01T00:00:03Z', text: 'four\n' },
  { when: 'since seconds', query: '?sinceSeconds=0', text: 'one\ntwothree\nfour\n' },
  { when: 'a few bytes', query: '?limitBytes=5', text: 'one\nt' },
  { when: 'the run before', query: '?previous=true', text: 'old\n' },
  {
    when: 'timestamps',
    query: '?tailLines=1&timestamps=true',
    text: '2026-01-01T00:00:03.000000000Z four\n',
  },
];

test.each(LOG_ROWS)('AGT51: $when', async ({ query, text }) => {
  const { get, logs } = await fixture();
  logs.append(`${DIRECTORY}/0.log`, line(0, 'old'));
  logs.append(
    `${DIRECTORY}/1.log`,
    `${line(0, 'one')}${line(1, 'two', 'P')}${line(2, 'three')}${line(3, 'four')}`,
  );
  expect((await get(`/containerLogs/default/p/main${query}`, server)).text).toBe(text);
});

test('AGT51: the tail is found across chunks', async () => {
  const logs = new MemoryLogs();
  const long = `${'x'.repeat(50_000)}\n`;
  logs.append('/l', `${long}${long}${long}`);
  expect(await tailOffset(logs, '/l', 2)).toBe(long.length);
  expect(await tailOffset(logs, '/l', 9)).toBe(0);
  expect(await tailOffset(logs, '/l', 0)).toBe(long.length * 3);
});

test('AGT52: a followed log gives new lines and ends with its container', async () => {
  const logs = new MemoryLogs();
  const clock = virtualClock();
  let isRunning = true;
  logs.append('/l', line(0, 'one'));
  const options = {
    follow: true,
    timestamps: false,
    tailLines: undefined,
    sinceTime: undefined,
    limitBytes: undefined,
  };
  const deps = { clock, logs, isRunning: async () => isRunning };
  const reader = readLog(deps, '/l', { options, signal: new AbortController().signal });
  const next = async (): Promise<string> => Buffer.from((await reader.next()).value ?? 'end').toString();
  expect(await next()).toBe('one\n');
  const second = next();
  logs.append('/l', line(1, 'two'));
  expect(await second).toBe('two\n');
  const third = next();
  isRunning = false;
  logs.append('/l', line(2, 'three'));
  expect(await third).toBe('three\n');
  expect(await next()).toBe('end');
});

test.each([
  { protocol: 'v5.channel.k8s.io', seen: ['0 104', '255 0'] },
  { protocol: 'v4.channel.k8s.io', seen: ['0 104'] },
])('AGT53: frames towards a $protocol runtime', async ({ protocol, seen }) => {
  const front = socketPair('v5.channel.k8s.io');
  const back = socketPair(protocol);
  const relayed = relayExec(front.server, back.client);
  const got: string[] = [];
  const runtime = (async () => {
    for await (const frame of back.server.frames) got.push([...frame].join(' '));
  })();
  await front.client.send(Buffer.from([0, 104]));
  await front.client.send(Buffer.from([255, 0]));
  const answers: number[][] = [];
  const reading = (async () => {
    for await (const frame of front.client.frames) answers.push([...frame]);
  })();
  await back.server.send(Buffer.from([1, 65]));
  back.server.close();
  await Promise.all([relayed, runtime, reading]);
  expect(answers).toEqual([[1, 65]]);
  expect(got).toEqual(seen);
});
