// The HTTP transport without sockets, for tests and simulation: requests and frames go from client to listener by
// call, in the same order and with the same bounds as over the wire.
import { assert } from '#base/assert.ts';
import {
  type HttpClient,
  type HttpListenOptions,
  type HttpRequest,
  type HttpTransport,
  type PeerIdentity,
  type TlsIdentity,
  TooLargeError,
  UpgradeRefusedError,
  type WebSocketConnection,
} from './http.ts';

/** Reads who a TLS identity is; certificates are not parsed here. */
export type Identify = (tls: Partial<TlsIdentity>) => PeerIdentity | undefined;

/** A network of its own: clients reach the listeners of the same transport, whatever the host. */
export function memoryHttp(identify: Identify = () => undefined): HttpTransport {
  const listeners = new Map<number, HttpListenOptions>();
  let nextPort = 40_000;
  return {
    listen: async (options) => {
      const port = options.port === 0 ? nextPort++ : options.port;
      if (listeners.has(port)) throw new Error(`listening on port ${port}: the port is in use`);
      listeners.set(port, options);
      return {
        port,
        [Symbol.asyncDispose]: async () => {
          listeners.delete(port);
        },
      };
    },
    client: (origin, tls = {}) => memoryClient(() => findListener(listeners, origin), identify(tls)),
  };
}

function findListener(listeners: ReadonlyMap<number, HttpListenOptions>, origin: string): HttpListenOptions {
  const { port, protocol } = new URL(origin);
  const listener = listeners.get(Number(port || (protocol === 'https:' ? 443 : 80)));
  if (listener === undefined) throw new Error(`connecting to ${origin}: connection refused`);
  return listener;
}

function memoryClient(listener: () => HttpListenOptions, peer: PeerIdentity | undefined): HttpClient {
  return {
    send: async (sent) => {
      const { maxBodyBytes, handle } = listener();
      const response = await unlessAborted(sent.signal, handle(asRequest(sent, peer, maxBodyBytes)));
      const { body } = response;
      return {
        status: response.status,
        headers: response.headers,
        body: body instanceof Uint8Array ? once(body) : body,
      };
    },
    openWebSocket: async (path, protocols, signal) => {
      const { upgrade, maxBodyBytes } = listener();
      const request = asRequest({ method: 'GET', path, headers: {}, signal }, peer, maxBodyBytes);
      const decision = await upgrade?.(request, protocols);
      if (decision === undefined) throw new UpgradeRefusedError(404, new Uint8Array());
      if (decision.kind === 'refuse') {
        const { status, body } = decision.response;
        throw new UpgradeRefusedError(status, body instanceof Uint8Array ? body : new Uint8Array());
      }
      const { client, server } = socketPair(decision.protocol);
      void decision.serve(server).finally(() => server.close());
      signal.addEventListener('abort', () => client.close(), { once: true });
      return client;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The answer, or a rejection as soon as the caller has given up. */
function unlessAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('aborted by the caller'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function asRequest(
  sent: Parameters<HttpClient['send']>[0],
  peer: PeerIdentity | undefined,
  maxBodyBytes: number,
): HttpRequest {
  const { method, path, headers, signal, body = new Uint8Array() } = sent;
  const read = async (): Promise<Uint8Array> => {
    if (body.length > maxBodyBytes) throw new TooLargeError(maxBodyBytes);
    return body;
  };
  return { method, path, headers, peer, signal, body: read };
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body.length > 0) yield body;
}

/** The two ends of a WebSocket. A sent frame is forgotten once the other side has taken it. */
export function socketPair(protocol: string): {
  readonly client: WebSocketConnection;
  readonly server: WebSocketConnection;
} {
  const up = frameQueue();
  const down = frameQueue();
  const close = (): void => {
    up.end();
    down.end();
  };
  return {
    client: { protocol, send: up.put, frames: down.frames, close },
    server: { protocol, send: down.put, frames: up.frames, close },
  };
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly taken: () => void;
}

function frameQueue() {
  const waiting: Waiting[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  const put = (frame: Uint8Array): Promise<void> => {
    if (ended) return Promise.reject(new Error('sending a frame: the WebSocket is closed'));
    return new Promise((taken) => {
      waiting.push({ frame, taken });
      wake?.();
    });
  };
  const end = (): void => {
    ended = true;
    wake?.();
  };
  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        next.taken();
        yield next.frame;
      } else if (ended) {
        return;
      } else {
        assert(wake === undefined, 'a WebSocket has one reader');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    }
  }
  return { put, end, frames: read() };
}
