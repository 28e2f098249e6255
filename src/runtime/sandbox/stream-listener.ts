// Where exec and attach streams are served: a loopback port whose paths are single-use secrets. Real in
// real/stream-listener.ts.
import type { WebSocketConnection } from '#transport/http.ts';

/** Takes a WebSocket on a path: undefined refuses it. */
export type StreamAcceptor = (
  path: string,
  offeredProtocols: readonly string[],
) =>
  | { readonly protocol: string; readonly serve: (socket: WebSocketConnection) => Promise<void> }
  | undefined;

export interface StreamListener {
  /** Listens on a free loopback port. */
  listen(accept: StreamAcceptor): Promise<AsyncDisposable & { readonly origin: string }>;
}
