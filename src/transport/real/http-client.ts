// The HTTP client of one origin: HTTP/1.1 with kept-alive connections, mutual TLS when it has an identity, bodies
// streamed as they arrive.
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { codeOf } from '#base/errors.ts';
import type { HttpClient, TlsIdentity } from '../http.ts';
import { flattenHeaders } from './http-request.ts';
import { openWebSocket } from './websocket.ts';

/** Watches hold a connection each; a loop that asks for more than this has a defect. */
const MAX_STREAMS = 256;
/** For all other requests: further ones wait for a free one, since a handshake costs as much as dozens of requests. */
const MAX_CONNECTIONS = 16;
/** Below the listener's 90 s, so that the client never writes to a connection that is being closed as idle. */
const IDLE_TIMEOUT_MS = 60_000;

type Sent = Parameters<HttpClient['send']>[0];
type Received = Awaited<ReturnType<HttpClient['send']>>;

export function createHttpClient(origin: string, tls: Partial<TlsIdentity> = {}): HttpClient {
  const secure = origin.startsWith('https:');
  // One for all connections: the keys are parsed once.
  const secureContext = secure ? contextOf(tls) : undefined;
  const pool = (maxSockets: number, maxFreeSockets: number): HttpAgent => {
    // The timeout ends free connections only; a quiet watch goes on.
    const options = { keepAlive: true, maxSockets, maxFreeSockets, timeout: IDLE_TIMEOUT_MS };
    return secureContext === undefined
      ? new HttpAgent(options)
      : new HttpsAgent({ ...options, secureContext });
  };
  const requests = pool(MAX_CONNECTIONS, MAX_CONNECTIONS);
  const streams = pool(MAX_STREAMS, 0);
  const start = (sent: Sent): ClientRequest =>
    (secure ? requestHttps : requestHttp)(new URL(sent.path, origin), {
      agent: sent.isStream === true ? streams : requests,
      method: sent.method,
      headers: requestHeaders(sent),
    });
  return {
    send: (sent) => sendWithRetry(start, sent),
    openWebSocket: (path, protocols, signal) =>
      openWebSocket(new URL(path, origin.replace(/^http/, 'ws')).href, protocols, tls, signal),
    [Symbol.asyncDispose]: async () => {
      requests.destroy();
      streams.destroy();
    },
  };
}

function contextOf({ certificate, privateKey, certificateAuthority }: Partial<TlsIdentity>): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(certificate !== undefined && { cert: certificate }),
    ...(privateKey !== undefined && { key: privateKey }),
    ...(certificateAuthority !== undefined && { ca: certificateAuthority }),
  });
}

/** A read on a kept-alive connection that the server had just closed is sent once more; a write never is. */
async function sendWithRetry(start: (sent: Sent) => ClientRequest, sent: Sent): Promise<Received> {
  const request = start(sent);
  try {
    return await answer(request, sent);
  } catch (error) {
    const stale = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '');
    if (sent.method !== 'GET' || !stale || sent.signal.aborted) throw error;
    return await answer(start(sent), sent);
  }
}

function requestHeaders(sent: Sent): Record<string, string> {
  const headers: Record<string, string> = { ...sent.headers };
  if (sent.body !== undefined) headers['content-length'] = String(sent.body.length);
  return headers;
}

function answer(request: ClientRequest, sent: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      request.destroy(new Error(`${sent.method} ${sent.path}: aborted by the caller`));
    };
    sent.signal.addEventListener('abort', abort, { once: true });
    request.once('close', () => sent.signal.removeEventListener('abort', abort));
    request.on('error', reject);
    request.once('response', (response: IncomingMessage) => {
      resolve({
        status: response.statusCode ?? 0,
        headers: flattenHeaders(response.headers),
        body: response as AsyncIterable<Uint8Array>,
      });
    });
    if (sent.signal.aborted) abort();
    else request.end(sent.body);
  });
}
