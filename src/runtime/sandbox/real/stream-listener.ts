// The loopback port of exec and attach. Plain HTTP: it never leaves the machine, and a path is a secret of its own.
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '#base/assert.ts';
import { createUpgrader } from '#transport/real/websocket.ts';
import type { StreamAcceptor, StreamListener } from '../stream-listener.ts';

const LOOPBACK = '127.0.0.1';
const NOTHING = { status: 404, headers: {}, body: new Uint8Array() };

/** Streams on a free port of 127.0.0.1. */
export function realStreamListener(): StreamListener {
  return {
    async listen(accept) {
      const server = createServer((_request, response) => {
        response.writeHead(404).end();
      });
      const connections = new Set<Socket>();
      server.on('connection', (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
      });
      const upgrade = upgraderOf(accept);
      server.on('upgrade', (request, socket, head) => void upgrade(request, socket, head, undefined));
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, LOOPBACK, resolve);
      });
      const address = server.address();
      assert(typeof address === 'object' && address !== null, 'a listening TCP server has an address');
      return {
        origin: `http://${LOOPBACK}:${address.port}`,
        async [Symbol.asyncDispose]() {
          for (const socket of connections) socket.destroy();
          await new Promise((resolve) => server.close(resolve));
        },
      };
    },
  };
}

function upgraderOf(accept: StreamAcceptor): ReturnType<typeof createUpgrader> {
  return createUpgrader({
    host: LOOPBACK,
    port: 0,
    tls: { certificate: '', privateKey: '', certificateAuthority: '' },
    maxBodyBytes: 0,
    handle: () => Promise.resolve(NOTHING),
    upgrade: (request, offered) => {
      const accepted = accept(request.path, offered);
      return Promise.resolve(
        accepted === undefined ? { kind: 'refuse', response: NOTHING } : { kind: 'accept', ...accepted },
      );
    },
  });
}
