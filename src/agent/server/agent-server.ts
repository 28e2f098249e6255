// The agent's server for logs and exec, over mutual TLS: only the API server's own identity may use it, since what it
// gives away is everything a pod says and does.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type {
  HttpListener,
  HttpListenOptions,
  HttpRequest,
  HttpResponse,
  HttpTransport,
  PeerIdentity,
  TlsIdentity,
} from '#transport/http.ts';
import type { Tree } from '#volumes/tree.ts';
import { podLogDirectory } from '../paths.ts';
import { identityOfPod } from '../pods/container-config.ts';
import { latestRun } from '../pods/runtime-state.ts';
import type { PodRuntimeClient } from '../runtime/pod-runtime.ts';
import { type LogOptions, readLog } from './container-logs.ts';
import { EXEC_PROTOCOLS, relayExec } from './exec-relay.ts';
import type { LogFiles } from './log-files.ts';

export interface AgentServerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly http: HttpTransport;
  readonly runtime: PodRuntimeClient;
  readonly tree: Tree;
  readonly logs: LogFiles;
  readonly logsRoot: string;
  readonly findPod: (namespace: string, name: string) => Stored<Pod> | undefined;
}

/** No request of these endpoints carries a body of note. */
const MAX_BODY_BYTES = 1024;

export function listenAgentServer(
  deps: AgentServerDeps,
  address: { readonly host: string; readonly port: number; readonly tls: TlsIdentity },
): Promise<HttpListener> {
  return deps.http.listen({
    ...address,
    maxBodyBytes: MAX_BODY_BYTES,
    handle: (request) => guarded(request.peer, () => handle(deps, request)),
    upgrade: upgradeOf(deps),
  });
}

/** The names under which API servers show themselves: Holdfast's. Others are recognised by system:masters. */
const API_SERVERS = ['holdfast:server', 'holdfast:apiserver'];

/** True for the API server's client identity. */
export function isApiServer(peer: PeerIdentity | undefined): boolean {
  if (peer === undefined) return false;
  return peer.organizations.includes('system:masters') || API_SERVERS.includes(peer.commonName);
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body: Buffer.from(body) };
}

async function guarded(
  peer: PeerIdentity | undefined,
  answer: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  if (peer === undefined) return text(401, 'Unauthorized: a client certificate is needed\n');
  if (!isApiServer(peer)) return text(403, 'Forbidden: only the API server may use the agent\n');
  return answer();
}

interface Target {
  readonly pod: Stored<Pod>;
  readonly container: string;
  readonly query: URLSearchParams;
}

/** `/containerLogs/{namespace}/{pod}/{container}`: the pod and container, or why there are none. */
function targetOf(deps: AgentServerDeps, url: URL): Target | HttpResponse {
  const [, , namespace = '', name = '', container = ''] = url.pathname.split('/').map(decodeURIComponent);
  const pod = deps.findPod(namespace, name);
  if (pod === undefined) return text(404, `pod "${namespace}/${name}" is not on this node\n`);
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  if (!all.some((one) => one.name === container)) {
    return text(404, `container "${container}" not found in pod "${name}"\n`);
  }
  return { pod, container, query: url.searchParams };
}

async function handle(deps: AgentServerDeps, request: HttpRequest): Promise<HttpResponse> {
  const url = new URL(request.path, 'https://agent');
  if (url.pathname === '/healthz') return text(200, 'ok');
  if (!url.pathname.startsWith('/containerLogs/') || request.method !== 'GET') {
    return text(404, `no such path: "${url.pathname}"\n`);
  }
  const target = targetOf(deps, url);
  return 'status' in target ? target : logResponse(deps, target, request.signal);
}

/** `error` is a message for the user. */
export function logOptions(query: URLSearchParams, now: number): LogOptions | { readonly error: string } {
  const isSet = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
  const count = (name: string): number | undefined => {
    const value = query.get(name);
    return value === null ? undefined : Number(value);
  };
  for (const name of ['tailLines', 'limitBytes', 'sinceSeconds']) {
    const value = count(name);
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      return { error: `${name} "${query.get(name) ?? ''}": a whole number of at least 0 is needed\n` };
    }
  }
  const sinceSeconds = count('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const since = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (since !== undefined && Number.isNaN(since)) return { error: 'sinceTime: an RFC 3339 time is needed\n' };
  return {
    follow: isSet('follow'),
    timestamps: isSet('timestamps'),
    tailLines: count('tailLines'),
    limitBytes: count('limitBytes'),
    sinceTime: sinceSeconds === undefined ? since : now - sinceSeconds * 1000,
  };
}

async function logResponse(
  deps: AgentServerDeps,
  target: Target,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { pod, container, query } = target;
  const options = logOptions(query, deps.clock.now());
  if ('error' in options) return text(400, options.error);
  const directory = `${podLogDirectory(deps.logsRoot, identityOfPod(pod))}/${container}`;
  const attempts = (await deps.tree.list(directory))
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
  const isPrevious = query.get('previous') === 'true';
  const attempt = attempts[isPrevious ? 1 : 0];
  if (attempt === undefined) {
    const why = isPrevious
      ? `previous terminated container "${container}" in pod "${pod.metadata.name}" not found`
      : `container "${container}" in pod "${pod.metadata.name}" is waiting to start: ContainerCreating`;
    return text(400, `${why}\n`);
  }
  const isRunning = async (): Promise<boolean> => {
    const { runs } = await deps.runtime.observe(pod.metadata.uid);
    return runs.some((run) => run.name === container && run.attempt === attempt && run.state === 'running');
  };
  const body = readLog({ ...deps, isRunning }, `${directory}/${attempt}.log`, { options, signal });
  return { status: 200, headers: { 'content-type': 'text/plain' }, body };
}

function upgradeOf(deps: AgentServerDeps): NonNullable<HttpListenOptions['upgrade']> {
  return async (request, offered) => {
    const refuse = (response: HttpResponse) => ({ kind: 'refuse', response }) as const;
    const denied = await guarded(request.peer, () => Promise.resolve(text(200, '')));
    if (denied.status !== 200) return refuse(denied);
    const url = new URL(request.path, 'https://agent');
    if (!url.pathname.startsWith('/exec/')) return refuse(text(404, `no such path: "${url.pathname}"\n`));
    const target = targetOf(deps, url);
    if ('status' in target) return refuse(target);
    const protocol = EXEC_PROTOCOLS.find((one) => offered.includes(one));
    if (protocol === undefined) {
      return refuse(
        text(400, `none of the offered protocols is served: ${EXEC_PROTOCOLS.join(' or ')} is needed\n`),
      );
    }
    try {
      const streamUrl = await execUrl(deps, target);
      return { kind: 'accept', protocol, serve: (socket) => serveExec(deps, socket, streamUrl) };
    } catch (error) {
      return refuse(text(500, `cannot exec: ${messageOf(error)}\n`));
    }
  };
}

/** Asks the runtime for a session and gives the address of its stream. */
async function execUrl(deps: AgentServerDeps, { pod, container, query }: Target): Promise<URL> {
  const run = latestRun(await deps.runtime.observe(pod.metadata.uid), container);
  if (run?.state !== 'running') throw new Error(`container "${container}" is not running`);
  // The kubelet's names and the API's names of the same parameters.
  const isSet = (...names: readonly string[]): boolean =>
    names.some((name) => ['true', '1'].includes(query.get(name) ?? ''));
  const tty = isSet('tty');
  const { url } = await deps.runtime.cri.runtime.exec(
    {
      containerId: run.id,
      cmd: query.getAll('command'),
      tty,
      stdin: isSet('input', 'stdin'),
      stdout: isSet('output', 'stdout'),
      // A terminal has one output.
      stderr: !tty && isSet('error', 'stderr'),
    },
    { timeoutMs: 10_000 },
  );
  return new URL(url);
}

async function serveExec(
  deps: AgentServerDeps,
  socket: Parameters<typeof relayExec>[0],
  url: URL,
): Promise<void> {
  const over = new AbortController();
  await using client = deps.http.client(url.origin);
  try {
    const runtime = await client.openWebSocket(`${url.pathname}${url.search}`, EXEC_PROTOCOLS, over.signal);
    await relayExec(socket, runtime);
  } catch (error) {
    deps.log.warn('an exec session broke', { error: messageOf(error) });
    socket.close(1011, 'the session with the runtime broke');
  } finally {
    over.abort();
  }
}
