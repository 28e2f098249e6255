// The HTTPS listener: HTTP/2 and HTTP/1.1 on one port, client certificates asked for and never required, WebSocket
// upgrades on HTTP/1.1.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { HttpListener, HttpListenOptions, PeerIdentity } from '../http.ts';
import { wrapRequest } from './http-request.ts';
import { type NodeResponse, writeResponse } from './http-response.ts';
import { peerIdentity } from './peer-identity.ts';
import { createUpgrader } from './websocket.ts';

const MAX_CONNECTIONS = 4096;
const MAX_STREAMS = 250;
const MAX_HEADER_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 32_000;
const IDLE_TIMEOUT_MS = 90_000;
/** How long open connections may take to finish once the listener closes. */
const CLOSE_GRACE_MS = 100;

/** Listens with `options`; the promise rejects when the port cannot be taken. */
export async function listenHttps(options: HttpListenOptions): Promise<HttpListener> {
  const server = createServer(options);
  const sockets = trackSockets(server);
  const sessions = trackSessions(server);
  const peers = new WeakMap<object, PeerIdentity | undefined>();
  const identify = (connection: object, socket: unknown): PeerIdentity | undefined => {
    if (peers.has(connection)) return peers.get(connection);
    const peer = peerIdentity(socket as TLSSocket); // this server accepts TLS sockets only
    peers.set(connection, peer);
    return peer;
  };
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const session = request.httpVersionMajor === 2 ? request.stream.session : undefined;
    const peer = identify(session ?? request.socket, session?.socket ?? request.socket);
    void serve(options, request, response, peer);
  });
  const upgrader = createUpgrader(options);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void upgrader(request, socket, head, identify(socket, socket));
  });
  await listening(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { port, [Symbol.asyncDispose]: () => closeServer(server, sockets, sessions) };
}

function createServer(options: HttpListenOptions): Http2SecureServer {
  const server = createSecureServer({
    allowHTTP1: true,
    key: options.tls.privateKey,
    cert: options.tls.certificate,
    ca: options.tls.certificateAuthority,
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false, // without a certificate, the probes still answer; the rest is 401
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
  });
  server.maxConnections = MAX_CONNECTIONS;
  // The HTTP/1.1 half reads the properties of an http.Server, which this type does not declare.
  Object.assign(server, { headersTimeout: HEADERS_TIMEOUT_MS, keepAliveTimeout: IDLE_TIMEOUT_MS });
  return server;
}

async function serve(
  options: HttpListenOptions,
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  peer: PeerIdentity | undefined,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  request.on('error', () => gone.abort());
  try {
    const wrapped = wrapRequest(request, peer, options.maxBodyBytes, gone.signal);
    const answer = await options.handle(wrapped);
    closeUnreadBody(request, response);
    await writeResponse(response, answer, wrapped.method === 'HEAD');
  } catch {
    // `handle` promises never to reject: what arrives here is a defect there, or a response no header can carry.
    refuseWith500(response);
  }
}

/** An unread body would be taken for the next request on a kept-alive connection; a large one would be read in vain. */
function closeUnreadBody(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  if (request.complete || request.httpVersionMajor === 2) return;
  response.setHeader('connection', 'close');
  response.once('finish', () => request.destroy());
}

function refuseWith500(response: NodeResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = 500;
  response.end();
}

function trackSockets(server: Http2SecureServer): Set<TLSSocket> {
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

function trackSessions(server: Http2SecureServer): Set<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  return sessions;
}

function listening(server: Http2SecureServer, options: HttpListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(
  server: Http2SecureServer,
  sockets: ReadonlySet<TLSSocket>,
  sessions: ReadonlySet<ServerHttp2Session>,
): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const session of sessions) session.close();
  });
}
