import { expect, test } from 'vitest';
import type { HttpClient, HttpTransport } from '#transport/http.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { connectServer } from './https-transport.ts';
import { wholeBody } from './response-body.ts';

type Send = HttpClient['send'];

function connected(send: Send, server = 'https://example:6443/k8s/') {
  const clock = virtualClock();
  const opened: unknown[] = [];
  const transport: HttpTransport = {
    listen: () => Promise.reject(new Error('only a client is wanted')),
    client: (origin, tls) => {
      opened.push([origin, tls]);
      return {
        send,
        openWebSocket: () => Promise.reject(new Error('no WebSocket is wanted')),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
  const kubeconfig = { server, certificateAuthority: 'CA', token: 'secret' };
  return { clock, opened, connection: connectServer(transport, kubeconfig, clock) };
}

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
const request = (path: string) => ({
  method: 'GET' as const,
  path,
  headers: {},
  user: undefined,
  signal: new AbortController().signal,
});

test('CLT14: requests go below the path of the server, with the token', async () => {
  const sent: Parameters<Send>[0][] = [];
  const { connection, opened, clock } = connected(async (one) => {
    sent.push(one);
    return { status: 200, headers: {}, body: chunks('{"a":', '1}') };
  });
  const { body } = await connection.send(request('/api/v1/pods'));
  expect(Buffer.from(await wholeBody(body)).toString()).toBe('{"a":1}');
  expect(opened).toEqual([['https://example:6443', { certificateAuthority: 'CA' }]]);
  expect(sent[0]).toMatchObject({ path: '/k8s/api/v1/pods', headers: { authorization: 'Bearer secret' } });
  expect(clock.pending).toEqual([]);
});

test('CLT20: a call without an answer, or with half of one, is given up', async () => {
  const never = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const noAnswer = connected(({ signal }) => never(signal));
  const half = connected(async ({ signal }) => ({
    status: 200,
    headers: {},
    body: (async function* () {
      yield Buffer.from('{');
      await never(signal);
    })(),
  }));
  for (const { connection, clock } of [noAnswer, half]) {
    const outcome = expect(connection.send(request('/api/v1/pods'))).rejects.toThrow(
      'no answer within 65000 ms',
    );
    await clock.advance(65_000);
    await outcome;
  }
});

test('CLT20: a stream has no deadline once it has begun', async () => {
  let signal: AbortSignal | undefined;
  const { connection, clock } = connected(async (one) => {
    signal = one.signal;
    return { status: 200, headers: {}, body: chunks('a\n', 'b\n') };
  });
  const { body } = await connection.send(request('/api/v1/pods?watch=true'));
  await clock.advance(100_000);
  expect(signal?.aborted).toBe(false);
  expect(Buffer.from(await wholeBody(body)).toString()).toBe('a\nb\n');
});
