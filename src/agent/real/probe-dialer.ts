// Probes over the machine's own network.
import * as http from 'node:http';
import * as https from 'node:https';
import { connect } from 'node:net';
import type { ProbeDialer } from '../probes/dialer.ts';

export function realProbeDialer(): ProbeDialer {
  return {
    get: ({ isTls, timeoutMs, ...request }) =>
      new Promise((resolve, reject) => {
        const send = isTls ? https.request : http.request;
        const asked = send({
          ...request,
          method: 'GET',
          agent: false,
          rejectUnauthorized: false,
          signal: AbortSignal.timeout(timeoutMs),
        });
        asked.once('response', (response) => {
          response.destroy();
          resolve(response.statusCode ?? 0);
        });
        asked.once('error', reject);
        asked.end();
      }),
    connect: ({ host, port, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port });
        socket.setTimeout(timeoutMs, () =>
          socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)),
        );
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
  };
}
