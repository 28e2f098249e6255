// pods/log and pods/exec: both live on the node, so the server asks the pod's agent over mutual TLS and passes the
// bytes on. It connects only to the address that the Node object itself reports, which must be an IP literal, follows
// no redirect and reuses no upgraded connection (CVE-2022-3294, CVE-2018-1002105).
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import type { ApiResponse } from '#api/request.ts';
import { badRequest, notFound, serviceUnavailable } from '#api/status.ts';
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { HttpClient, HttpTransport, TlsIdentity, WebSocketConnection } from '#transport/http.ts';
import type { ResourceRequest } from './resources.ts';
import type { ResourceRoute } from './router.ts';
import type { WatchCache } from './watch-cache/watch-cache.ts';

/** How the server reaches the agents of its nodes. */
export interface AgentAccess {
  readonly transport: HttpTransport;
  /** The client certificate that agents accept. */
  readonly tls: TlsIdentity;
}

export interface NodeStreams extends AsyncDisposable {
  log(request: ResourceRequest): Promise<ApiResponse>;
  /** Throws what keeps `route` from reaching a node. */
  check(route: ResourceRoute): void;
  /** Opens the exec session of `route` on its node. */
  exec(route: ResourceRoute, protocols: readonly string[], signal: AbortSignal): Promise<WebSocketConnection>;
}

interface StreamDeps {
  readonly clock: Clock;
  readonly cache: WatchCache;
  readonly lookup: (plural: string) => KindDefinition;
  readonly agents: AgentAccess | undefined;
}

const LOG_PARAMETERS = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
];
const EXEC_PARAMETERS = ['command', 'stdin', 'stdout', 'stderr', 'tty'];
/** The subprotocols of exec that agents speak. */
export const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const MAX_CLIENTS = 256;
const ANSWER_MS = 10_000;

export function createNodeStreams(deps: StreamDeps): NodeStreams {
  const clients = new Map<string, HttpClient>();
  const clientFor = (origin: string): HttpClient => {
    const known = clients.get(origin);
    if (known !== undefined) return known;
    if (deps.agents === undefined)
      throw serviceUnavailable('this server has no access to the agents of nodes');
    if (clients.size >= MAX_CLIENTS) closeOldest(clients);
    const made = deps.agents.transport.client(origin, deps.agents.tls);
    clients.set(origin, made);
    return made;
  };
  return {
    log: async ({ route, request }) => {
      const at = locate(deps, route);
      const path = `/containerLogs/${at.path}${passOn(route.query, LOG_PARAMETERS)}`;
      return readLog(deps.clock, clientFor(at.origin), path, request.signal);
    },
    check: (route) => {
      locate(deps, route);
    },
    exec: async (route, protocols, signal) => {
      const at = locate(deps, route);
      const path = `/exec/${at.path}${passOn(route.query, EXEC_PARAMETERS)}`;
      return clientFor(at.origin).openWebSocket(path, protocols, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...clients.values()].map((client) => client[Symbol.asyncDispose]()));
    },
  };
}

function closeOldest(clients: Map<string, HttpClient>): void {
  for (const [origin, client] of clients) {
    clients.delete(origin);
    void client[Symbol.asyncDispose]();
    return;
  }
}

/** The deadline is for the beginning of the answer; a log that is followed has no end. */
async function readLog(
  clock: Clock,
  client: HttpClient,
  path: string,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const late = new AbortController();
  const timer = clock.after(ANSWER_MS, 'deadline', () => late.abort());
  try {
    const until = AbortSignal.any([signal, late.signal]);
    const answer = await client.send({ method: 'GET', path, headers: {}, isStream: true, signal: until });
    const type = answer.headers['content-type'] ?? 'text/plain';
    return { status: answer.status, headers: { 'content-type': type }, body: answer.body };
  } catch (error) {
    const why = late.signal.aborted ? `no answer within ${ANSWER_MS / 1000} s` : messageOf(error);
    throw serviceUnavailable(`reading the log on the pod's node: ${why}`);
  } finally {
    timer.cancel();
  }
}

interface Location {
  readonly origin: string;
  /** `namespace/pod/container` */
  readonly path: string;
}

/** The agent and container behind a route on a pod. Throws 400 or 404. */
function locate({ cache, lookup }: StreamDeps, route: ResourceRoute): Location {
  const { namespace = '', name = '', query } = route;
  const pod = cache.get(route.definition, namespace, name);
  if (pod === undefined) throw notFound(route.definition.resource, name);
  const spec = isJsonObject(pod.object.spec) ? pod.object.spec : {};
  const container = chooseContainer(name, pod.object, spec, query.get('container') ?? '');
  const node = spec.nodeName;
  if (typeof node !== 'string' || node === '') {
    throw badRequest(`pod ${name} does not have a host assigned`);
  }
  const nodes = lookup('nodes');
  const found = cache.get(nodes, undefined, node);
  if (found === undefined) throw notFound(nodes.resource, node);
  return {
    origin: originOf(node, found.object),
    path: [namespace, name, container].map(encodeURIComponent).join('/'),
  };
}

function chooseContainer(pod: string, object: JsonObject, spec: JsonObject, asked: string): string {
  const names = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) =>
    namesIn(spec[list]),
  );
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const annotations = isJsonObject(metadata.annotations) ? metadata.annotations : {};
  const preset = annotations['kubectl.kubernetes.io/default-container'];
  const containers = namesIn(spec.containers);
  const chosen =
    asked !== ''
      ? asked
      : typeof preset === 'string'
        ? preset
        : containers.length === 1
          ? containers[0]
          : undefined;
  if (chosen === undefined) {
    const choice = containers.join(' ');
    throw badRequest(`a container name must be specified for pod ${pod}, choose one of: [${choice}]`);
  }
  if (!names.includes(chosen)) throw badRequest(`container ${chosen} is not valid for pod ${pod}`);
  return chosen;
}

function namesIn(list: JsonValue | undefined): string[] {
  return (Array.isArray(list) ? list : [])
    .map((item: JsonValue) => (isJsonObject(item) ? item.name : undefined))
    .filter((name) => typeof name === 'string');
}

function originOf(name: string, node: JsonObject): string {
  const status = isJsonObject(node.status) ? node.status : {};
  const addresses: readonly JsonValue[] = Array.isArray(status.addresses) ? status.addresses : [];
  const internal = addresses.find((item) => isJsonObject(item) && item.type === 'InternalIP');
  const address = isJsonObject(internal) ? internal.address : undefined;
  const endpoints = isJsonObject(status.daemonEndpoints) ? status.daemonEndpoints : {};
  const port = isJsonObject(endpoints.kubeletEndpoint) ? endpoints.kubeletEndpoint.Port : undefined;
  if (typeof address !== 'string' || typeof port !== 'number' || !isIpAddress(address)) {
    throw serviceUnavailable(`node "${name}" does not report an IP address and port of its agent`);
  }
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function isIpAddress(text: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) || /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text);
}

function passOn(query: URLSearchParams, names: readonly string[]): string {
  const kept = new URLSearchParams();
  for (const name of names) for (const value of query.getAll(name)) kept.append(name, value);
  const text = kept.toString();
  return text === '' ? '' : `?${text}`;
}

/** Passes frames both ways until either side ends, then ends the other. */
export async function joinSockets(client: WebSocketConnection, node: WebSocketConnection): Promise<void> {
  const pass = async (from: WebSocketConnection, to: WebSocketConnection): Promise<void> => {
    try {
      for await (const frame of from.frames) await to.send(frame);
    } catch {
      // The other side has gone: closing both below is all there is to do.
    }
  };
  await Promise.race([pass(client, node), pass(node, client)]);
  node.close();
  client.close();
}
