// WebSockets over `ws`: bounded both ways. A sender waits until its frame has left; a reader that falls behind pauses
// the socket, so the other side feels it.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import {
  type HttpListenOptions,
  type HttpResponse,
  type PeerIdentity,
  type TlsIdentity,
  UpgradeRefusedError,
  type WebSocketConnection,
} from '../http.ts';
import { wrapRequest } from './http-request.ts';

/** Without a code the other side reads 1005, which kubectl takes for a failure. */
const NORMAL_CLOSURE = 1000;
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const MAX_WAITING_FRAMES = 64;
const MAX_REFUSAL_BYTES = 64 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;

type Upgrader = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  peer: PeerIdentity | undefined,
) => Promise<void>;

/** Serves the `upgrade` event of a listener. */
export function createUpgrader(options: HttpListenOptions): Upgrader {
  const chosen = new WeakMap<IncomingMessage, string>();
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: (_offered, request) => chosen.get(request) ?? false,
  });
  return async (request, socket, head, peer) => {
    const gone = new AbortController();
    socket.on('error', () => gone.abort());
    socket.once('close', () => gone.abort());
    const wrapped = wrapRequest(request, peer, options.maxBodyBytes, gone.signal);
    const offered = (wrapped.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    try {
      const decision = await options.upgrade?.(
        wrapped,
        offered.filter((name) => name !== ''),
      );
      if (decision === undefined) return refuse(socket, { status: 404, headers: {}, body: new Uint8Array() });
      if (decision.kind === 'refuse') return refuse(socket, decision.response);
      if (decision.protocol !== '') chosen.set(request, decision.protocol);
      const connection = await accepted(server, request, socket, head);
      await decision.serve(connection);
      connection.close();
    } catch {
      // The handler promises never to reject; the peer learns of a defect by the closed connection.
      socket.destroy();
    }
  };
}

function accepted(
  server: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<WebSocketConnection> {
  return new Promise((resolve) => {
    server.handleUpgrade(request, socket, head, (webSocket) => resolve(wrapWebSocket(webSocket)));
  });
}

function refuse(socket: Duplex, response: HttpResponse): void {
  const body = response.body instanceof Uint8Array ? response.body : new Uint8Array();
  const headers = Object.entries({
    ...response.headers,
    'content-length': String(body.length),
    connection: 'close',
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  socket.write(`HTTP/1.1 ${response.status} Refused\r\n${lines.join('\r\n')}\r\n\r\n`);
  socket.end(body);
}

/** Opens a WebSocket as a client. A plain answer rejects with UpgradeRefusedError. */
export function openWebSocket(
  url: string,
  protocols: readonly string[],
  tls: Partial<TlsIdentity>,
  signal: AbortSignal,
): Promise<WebSocketConnection> {
  const socket = new WebSocket(url, [...protocols], {
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ...(tls.certificate !== undefined && { cert: tls.certificate }),
    ...(tls.privateKey !== undefined && { key: tls.privateKey }),
    ...(tls.certificateAuthority !== undefined && { ca: tls.certificateAuthority }),
  });
  const connection = wrapWebSocket(socket); // before `open`: frames may follow the handshake at once
  const abort = (): void => socket.terminate();
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', abort));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(connection));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      void readRefusal(response).then((body) => {
        reject(new UpgradeRefusedError(response.statusCode ?? 0, body));
        socket.terminate();
      });
    });
    if (signal.aborted) abort();
  });
}

async function readRefusal(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // What has arrived is enough for a message.
  }
  return Buffer.concat(chunks).subarray(0, MAX_REFUSAL_BYTES);
}

function wrapWebSocket(socket: WebSocket): WebSocketConnection {
  const frames = receiveFrames(socket);
  socket.on('error', () => socket.terminate());
  return {
    get protocol() {
      return socket.protocol;
    },
    send: (frame) =>
      new Promise((resolve, reject) => {
        socket.send(frame, { binary: true }, (error) => (error ? reject(error) : resolve()));
      }),
    frames,
    close: (code, reason) => {
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      else socket.close(code ?? NORMAL_CLOSURE, reason);
    },
  };
}

/** A queue between the socket's events and its one reader; full, it pauses the socket. */
function receiveFrames(socket: WebSocket): AsyncIterable<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  socket.on('message', (data) => {
    waiting.push(toBytes(data));
    if (waiting.length >= MAX_WAITING_FRAMES) socket.pause();
    wake?.();
  });
  socket.once('close', () => {
    ended = true;
    wake?.();
  });
  return (async function* read() {
    for (;;) {
      const frame = waiting.shift();
      if (frame !== undefined) {
        if (waiting.length === 0 && socket.isPaused) socket.resume();
        yield frame;
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    }
  })();
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
