// A listener for Prometheus: /metrics and /healthz over plain HTTP, nothing else.
import { createServer } from 'node:http';

/** Listens at `host:port`; `:8080` means every address, port 0 a free one. */
export async function serveMetrics(
  address: string,
  text: () => string,
): Promise<AsyncDisposable & { readonly address: string }> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (port === '')
    throw new Error(`Cannot serve metrics at "${address}": an address is host:port, as 127.0.0.1:8080`);
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    const body = request.url === '/metrics' ? text() : request.url === '/healthz' ? 'ok' : undefined;
    const status = body === undefined || request.method !== 'GET' ? 404 : 200;
    response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(status === 200 ? body : '');
  });
  server.maxConnections = 50;
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), bare === '' ? undefined : bare, resolve);
  });
  const bound = server.address();
  return {
    address: `${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
