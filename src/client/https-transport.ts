// The way from a client to a server on another process or machine: the requests of createApiClient over HTTPS, with a
// deadline each.
import type { ApiHandler, ApiRequest, ApiResponse } from '#api/request.ts';
import type { Clock } from '#base/clock.ts';
import type { HttpClient, HttpTransport } from '#transport/http.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import { wholeBody } from './response-body.ts';

/** Longer than the server waits for anything itself (60 s), so that its own answer usually comes first. */
const REQUEST_MS = 65_000;

export interface ServerConnection extends AsyncDisposable {
  readonly send: ApiHandler;
}

/** A connection to the server that `kubeconfig` names. Nothing is opened before the first request. */
export function connectServer(
  transport: HttpTransport,
  kubeconfig: Kubeconfig,
  clock: Clock,
): ServerConnection {
  const { origin, pathname } = new URL(kubeconfig.server);
  const { certificate, privateKey, certificateAuthority } = kubeconfig;
  const client = transport.client(origin, {
    ...(certificate === undefined ? {} : { certificate }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
  });
  const prefix = pathname.replace(/\/+$/, '');
  return {
    send: (request) => send(client, { clock, prefix, token: kubeconfig.token }, request),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

interface SendOptions {
  readonly clock: Clock;
  readonly prefix: string;
  readonly token: string | undefined;
}

/** The deadline covers the whole answer; of a stream, only its beginning. */
async function send(client: HttpClient, options: SendOptions, request: ApiRequest): Promise<ApiResponse> {
  const deadline = new AbortController();
  const late = (): void => deadline.abort(new Error(`no answer within ${REQUEST_MS} ms`));
  const timer = options.clock.after(REQUEST_MS, 'deadline', late);
  const { method, path, headers, body } = request;
  try {
    const response = await client.send({
      method,
      path: options.prefix + path,
      headers:
        options.token === undefined ? headers : { ...headers, authorization: `Bearer ${options.token}` },
      ...(body === undefined ? {} : { body }),
      isStream: isStream(path),
      signal: AbortSignal.any([request.signal, deadline.signal]),
    });
    const { status } = response;
    const answer = isStream(path) && status < 300 ? response.body : await wholeBody(response.body);
    // Answers come in bunches, as they lie in the socket: what each leads to takes its turn.
    const turn = options.clock.turn('work');
    if (turn !== undefined) await turn;
    return { status, headers: response.headers, body: answer };
  } finally {
    timer.cancel();
  }
}

function isStream(path: string): boolean {
  return /[?&](watch|follow)=(true|1)(&|$)/.test(path);
}
