// A node request (HTTP/1.1 or HTTP/2) as an HttpRequest: flat headers, a bounded body, a signal for a client that has
// gone.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { type HttpRequest, type PeerIdentity, TooLargeError } from '../http.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** Wraps `request`; `signal` is aborted by the caller when the connection or stream closes. */
export function wrapRequest(
  request: NodeRequest,
  peer: PeerIdentity | undefined,
  maxBodyBytes: number,
  signal: AbortSignal,
): HttpRequest {
  return {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: flattenHeaders(request.headers),
    peer,
    body: () => readBody(request, maxBodyBytes),
    signal,
  };
}

/** Joins repeated headers with ", " and drops the HTTP/2 pseudo-headers. */
export function flattenHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || name.startsWith(':')) continue;
    out[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return out;
}

async function readBody(request: NodeRequest, maxBodyBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBodyBytes) throw new TooLargeError(maxBodyBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  // Listeners instead of `for await`: leaving that loop early would destroy the stream before the 413 is written.
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBodyBytes) {
        chunks.length = 0;
        reject(new TooLargeError(maxBodyBytes));
      } else {
        chunks.push(chunk);
      }
    });
    request.once('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    request.once('error', reject);
    request.once('close', () =>
      reject(new Error('reading a request body: the client closed the connection')),
    );
  });
}
