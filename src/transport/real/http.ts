// The HTTP transport over real sockets: the listener, the client and their WebSockets together.
import type { HttpTransport } from '../http.ts';
import { createHttpClient } from './http-client.ts';
import { listenHttps } from './http-listener.ts';

/** HTTPS (HTTP/2 and HTTP/1.1) and WebSockets on the machine's own network. */
export function realHttp(): HttpTransport {
  return { listen: listenHttps, client: createHttpClient };
}
