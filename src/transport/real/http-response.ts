// Writes an HttpResponse to a node response with back-pressure: the next chunk is asked for only when the socket has
// room, so a slow reader holds one chunk and not the stream's history.
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { HttpResponse } from '../http.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

/** Sends `response`; returns when it has been handed to the socket or the client has gone. */
export async function writeResponse(
  target: NodeResponse,
  response: HttpResponse,
  head: boolean,
): Promise<void> {
  if (target.destroyed) return;
  target.statusCode = response.status;
  for (const [name, value] of Object.entries(response.headers)) target.setHeader(name, value);
  if (response.warnings !== undefined && response.warnings.length > 0) {
    target.setHeader('warning', response.warnings.map(warningHeader));
  }
  if (response.body instanceof Uint8Array) {
    target.setHeader('content-length', String(response.body.length));
    if (head) target.end();
    else target.end(response.body);
    return;
  }
  sendHeaders(target, response.status);
  if (!head) await writeStream(target, response.body);
  target.end();
}

/** A watch may have nothing to say for minutes: its headers go out alone. */
function sendHeaders(target: NodeResponse, status: number): void {
  if ('flushHeaders' in target) target.flushHeaders();
  else target.writeHead(status);
}

async function writeStream(target: NodeResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
  const sink: { write(chunk: Uint8Array): boolean } = target;
  try {
    for await (const chunk of body) {
      if (target.destroyed) return;
      if (!sink.write(chunk)) await drained(target);
    }
  } catch (error) {
    // Half a body cannot be taken back: cutting the connection is how the client learns of it.
    target.destroy(error instanceof Error ? error : undefined);
  }
}

function drained(target: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      target.off('drain', done);
      target.off('close', done);
      resolve();
    };
    target.on('drain', done);
    target.on('close', done);
  });
}

/** `299 - "<text>"`: quotes and backslashes escaped, what a header cannot carry replaced. */
export function warningHeader(text: string): string {
  const safe = text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?');
  return `299 - "${safe}"`;
}
