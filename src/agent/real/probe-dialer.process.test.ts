// Probes against a real listener on the loopback.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { realProbeDialer } from './probe-dialer.ts';

test('AGT81: a real server answers, one that is silent meets the deadline, none is refused', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/slow') return;
    response.writeHead(request.url === '/up' && request.headers['x-a'] === 'b' ? 204 : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dialer = realProbeDialer();
  const get = (path: string) =>
    dialer.get({ isTls: false, host: '127.0.0.1', port, path, headers: { 'x-a': 'b' }, timeoutMs: 200 });
  expect(await get('/up')).toBe(204);
  expect(await get('/other')).toBe(404);
  await expect(get('/slow')).rejects.toThrow();
  await dialer.connect({ host: '127.0.0.1', port, timeoutMs: 200 });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(dialer.connect({ host: '127.0.0.1', port, timeoutMs: 200 })).rejects.toThrow('ECONNREFUSED');
});
