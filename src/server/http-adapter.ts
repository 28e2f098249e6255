// The handler chain behind an HTTP listener: who is asking comes from the client certificate, and nobody's body is read
// before that is known.
import type { JsonObject } from '#api/json.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from '#api/request.ts';
import {
  badRequest,
  bodyTooLarge,
  methodNotAllowed,
  pathNotFound,
  StatusError,
  unauthorized,
} from '#api/status.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import {
  type HttpListenOptions,
  type HttpRequest,
  type HttpResponse,
  TooLargeError,
  UpgradeRefusedError,
  type WebSocketConnection,
} from '#transport/http.ts';
import { isOpenPath, userFromPeer } from './authenticate.ts';
import { authorized, type HandlerDeps } from './handler.ts';
import { EXEC_PROTOCOLS, joinSockets } from './node-streams.ts';
import { errorResponse } from './respond.ts';
import { type ResourceRoute, routeRequest } from './router.ts';

/** What a listener of the API server needs beside host, port and certificates. */
export type HttpAdapter = Required<Pick<HttpListenOptions, 'handle' | 'upgrade' | 'maxBodyBytes'>>;

export const MAX_BODY_BYTES = 3 * 1024 * 1024;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

type UpgradeDeps = Pick<HandlerDeps, 'authorizer' | 'view' | 'registry' | 'streams' | 'lookup' | 'log'>;

export function createHttpAdapter(handler: ApiHandler, deps: UpgradeDeps): HttpAdapter {
  return {
    maxBodyBytes: MAX_BODY_BYTES,
    handle: (request) => handle(handler, deps.log, request),
    upgrade: async (request, offered) => {
      try {
        return await openExec(deps, request, offered);
      } catch (error) {
        return { kind: 'refuse', response: refusal(error, deps.log) };
      }
    },
  };
}

async function handle(handler: ApiHandler, log: Log, request: HttpRequest): Promise<HttpResponse> {
  const user = userFromPeer(request.peer);
  if (user === undefined && !isOpenPath(request.path)) return errorResponse(unauthorized(), log);
  const method = METHODS.find((known) => known === request.method);
  if (method === undefined) return errorResponse(methodNotAllowed(), log);
  const { path, headers, signal } = request;
  try {
    const body = method === 'GET' || method === 'HEAD' ? undefined : await request.body();
    return await handler({ method, path, headers, user, signal, ...(body !== undefined && { body }) });
  } catch (error) {
    return errorResponse(readFailure(error), log);
  }
}

function readFailure(error: unknown): StatusError {
  if (error instanceof TooLargeError) return bodyTooLarge(error.limitBytes);
  return badRequest(`reading the request body: ${messageOf(error)}`);
}

type Upgraded = Awaited<ReturnType<HttpAdapter['upgrade']>>;

async function openExec(
  deps: UpgradeDeps,
  request: HttpRequest,
  offered: readonly string[],
): Promise<Upgraded> {
  const asApi: ApiRequest = {
    method: 'GET',
    path: request.path,
    headers: request.headers,
    user: userFromPeer(request.peer),
    signal: request.signal,
  };
  if (asApi.user === undefined) throw unauthorized();
  const route = routeRequest(asApi.method, asApi.path, deps.lookup);
  if (!isExec(route)) throw pathNotFound();
  await authorized(deps, asApi, route);
  deps.streams.check(route); // first: a client that falls back to SPDY prints the answer to that
  const protocols = EXEC_PROTOCOLS.filter((protocol) => offered.includes(protocol));
  const [preferred] = protocols;
  if (preferred === undefined) {
    throw badRequest(`exec needs one of the WebSocket subprotocols ${EXEC_PROTOCOLS.join(', ')}`);
  }
  try {
    const node = await deps.streams.exec(route, protocols, request.signal);
    return { kind: 'accept', protocol: node.protocol, serve: (client) => joinSockets(client, node) };
  } catch (error) {
    if (!(error instanceof UpgradeRefusedError)) throw error;
    // kubectl takes a refused upgrade for a server without WebSockets and tries SPDY: it is told in the session.
    const status = refusedByNode(error).toStatus();
    return { kind: 'accept', protocol: preferred, serve: (client) => tellFailure(client, status) };
  }
}

/** The agent's refusal as a Status: its own, or its text. */
function refusedByNode({ status, body }: UpgradeRefusedError): StatusError {
  const text = Buffer.from(body).toString().trim();
  return new StatusError(
    status,
    status === 404 ? 'NotFound' : 'BadRequest',
    text === '' ? 'exec was refused' : text,
  );
}

/** The channel on which a session ends with a Status. */
const ERROR_CHANNEL = 3;

async function tellFailure(client: WebSocketConnection, status: JsonObject): Promise<void> {
  const text = Buffer.from(JSON.stringify(status));
  await client.send(Buffer.concat([Buffer.of(ERROR_CHANNEL), text]));
}

function isExec(route: ReturnType<typeof routeRequest>): route is ResourceRoute {
  return route.kind === 'resource' && route.subresource === 'exec';
}

/** What is not a Status yet happened on the way to the agent. */
function refusal(error: unknown, log: Log): ApiResponse {
  if (error instanceof StatusError) return errorResponse(error, log);
  const status = new StatusError(503, 'ServiceUnavailable', `opening exec on the node: ${messageOf(error)}`, {
    retryAfterSeconds: 1,
  });
  return errorResponse(status, log);
}
