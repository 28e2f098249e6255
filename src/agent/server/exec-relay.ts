// Relays an exec session between the API server and the runtime: frames of the remote command protocol pass unchanged,
// except that v5's CLOSE message is held back from a runtime that speaks only v4.
import type { WebSocketConnection } from '#transport/http.ts';

export const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

/** First byte of a v5 message that closes one channel. */
const CLOSE_CHANNEL = 255;

async function pump(
  from: WebSocketConnection,
  to: WebSocketConnection,
  isPassed: (frame: Uint8Array) => boolean,
): Promise<void> {
  for await (const frame of from.frames) if (isPassed(frame)) await to.send(frame);
}

/** Relays until either side ends; then both are closed. */
export async function relayExec(client: WebSocketConnection, runtime: WebSocketConnection): Promise<void> {
  const speaksClose = runtime.protocol === EXEC_PROTOCOLS[0];
  const inward = pump(client, runtime, (frame) => speaksClose || frame[0] !== CLOSE_CHANNEL);
  const outward = pump(runtime, client, () => true);
  try {
    // The runtime ends a session, after the exit status; a client that goes away ends it too.
    await Promise.race([outward, inward]);
  } finally {
    runtime.close();
    client.close();
    await Promise.allSettled([inward, outward]);
  }
}
