// The real API server over the memory store and virtual time, with the few calls that tests of requests need.
import { servedKinds } from '#api/kinds/index.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import type { ApiRequest, ApiResponse, UserInfo } from '#api/request.ts';
import { silentLog } from '#base/log.ts';
import { type ApiServer, type ApiServerDeps, createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { seededRandom } from './seeded-random.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

export const ADMIN: UserInfo = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** The identity of the agent of `name`. */
export function nodeUser(name: string): UserInfo {
  return { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly text: string;
  /** The body as JSON; an empty object when it is none. */
  readonly json: JsonObject;
}

export interface CallOptions {
  /** null: nobody. */
  readonly user?: UserInfo | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface WatchReader {
  readonly status: number;
  /** The next frame; undefined when the stream has ended. */
  next(): Promise<JsonObject | undefined>;
  /** `ADDED name` for the next `count` frames. */
  take(count: number): Promise<readonly string[]>;
  close(): void;
}

export interface TestServer {
  readonly server: ApiServer;
  readonly store: Store;
  readonly clock: VirtualClock;
  /** `body`: an object as JSON, a string as it is. */
  call(method: ApiRequest['method'], path: string, body?: JsonValue, options?: CallOptions): Promise<Answer>;
  watch(path: string, options?: CallOptions): Promise<WatchReader>;
}

/** Starts a server; `options` override what it is made of. */
export async function testServer(options: Partial<ApiServerDeps> = {}): Promise<TestServer> {
  const clock = virtualClock();
  const store = options.store ?? memoryStore();
  const server = await createApiServer({
    clock,
    random: seededRandom(1),
    log: silentLog,
    store,
    kinds: servedKinds,
    versionInfo: { major: '1', minor: '36', gitVersion: 'v1.36.0' },
    ...options,
  });
  return {
    server,
    store,
    clock,
    call: async (method, path, body, call = {}) =>
      readAnswer(await server.handler(request(method, path, body, call))),
    watch: (path, call = {}) => openReader(server, path, call),
  };
}

function request(
  method: ApiRequest['method'],
  path: string,
  body: JsonValue | undefined,
  { user = ADMIN, headers = {}, signal = new AbortController().signal }: CallOptions,
): ApiRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return {
    method,
    path,
    headers: { 'content-type': type, ...headers },
    user: user ?? undefined,
    signal,
    ...(body !== undefined && { body: Buffer.from(text) }),
  };
}

async function readAnswer(response: ApiResponse): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  if (response.body instanceof Uint8Array) chunks.push(response.body);
  else for await (const chunk of response.body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const { status, headers, warnings = [] } = response;
  return { status, headers, warnings, text, json: parseObject(text) };
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

async function openReader(server: ApiServer, path: string, call: CallOptions): Promise<WatchReader> {
  const gone = new AbortController();
  const response = await server.handler(request('GET', path, undefined, { ...call, signal: gone.signal }));
  const whole = response.body;
  const stream: AsyncIterable<Uint8Array> =
    whole instanceof Uint8Array
      ? (async function* () {
          yield whole;
        })()
      : whole;
  const frames = stream[Symbol.asyncIterator]();
  const next = async (): Promise<JsonObject | undefined> => {
    const { done, value } = await frames.next();
    return done === true ? undefined : parseObject(Buffer.from(value).toString());
  };
  return {
    status: response.status,
    next,
    take: async (count) => {
      const seen: string[] = [];
      while (seen.length < count) seen.push(describeFrame(await next()));
      return seen;
    },
    close: () => gone.abort(),
  };
}

function describeFrame(frame: JsonObject | undefined): string {
  const object = isJsonObject(frame?.object) ? frame.object : {};
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const words = [frame?.type, metadata.name].filter((word) => typeof word === 'string');
  return frame === undefined ? 'end' : words.join(' ');
}
