import { connect as connectPlain } from 'node:net';
import { connect as connectHttp2 } from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { memoryFiles } from '#files/memory.ts';
import { openAuthority } from '#pki/authority.ts';
import { ADMIN_PROFILE, clientProfile, serverProfile } from '#pki/profiles.ts';
import { realKeys } from '#pki/real/keys.ts';
import { realClock } from '#base/real/clock.ts';
import {
  type HttpClient,
  type HttpListenOptions,
  type HttpTransport,
  type TlsIdentity,
  TooLargeError,
  UpgradeRefusedError,
} from '../http.ts';
import { memoryHttp } from '../memory-http.ts';
import { realHttp } from './http.ts';
import { warningHeader } from './http-response.ts';

const authority = await openAuthority({ files: memoryFiles(), keys: realKeys(), clock: realClock() }, '/pki');
const foreign = await openAuthority({ files: memoryFiles(), keys: realKeys(), clock: realClock() }, '/pki');
const SERVER: TlsIdentity = await authority.identity('server', serverProfile('test'));
const ADMIN: TlsIdentity = await authority.identity('admin', ADMIN_PROFILE);
const never = new AbortController().signal;
const cleanup: (() => PromiseLike<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

const TRANSPORTS: readonly (readonly [string, () => HttpTransport])[] = [
  ['sockets', realHttp],
  [
    'memory',
    () =>
      memoryHttp((tls) =>
        tls === ADMIN ? { commonName: 'holdfast-admin', organizations: ['system:masters'] } : undefined,
      ),
  ],
];

async function start(
  transport: HttpTransport,
  options: Partial<HttpListenOptions>,
  identity: Partial<TlsIdentity> = ADMIN,
): Promise<{ readonly client: HttpClient; readonly port: number; readonly close: () => Promise<void> }> {
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    tls: SERVER,
    maxBodyBytes: 1000,
    handle: async () => ({ status: 204, headers: {}, body: new Uint8Array() }),
    ...options,
  });
  const client = transport.client(`https://127.0.0.1:${listener.port}`, identity);
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) await listener[Symbol.asyncDispose]();
    closed = true;
  };
  cleanup.push(close, () => client[Symbol.asyncDispose]());
  return { client, port: listener.port, close };
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const get = (client: HttpClient, path: string, signal = never) =>
  client.send({ method: 'GET', path, headers: {}, signal });

describe.each(TRANSPORTS)('%s', (name, make) => {
  test('HTP2: the administrator is known by the certificate, a stranger is nobody', async () => {
    const handle: HttpListenOptions['handle'] = async ({ peer, method, path }) => ({
      status: 200,
      headers: {},
      body: Buffer.from(JSON.stringify({ peer: peer ?? null, method, path })),
    });
    const transport = make();
    const { client, port } = await start(transport, { handle });
    expect(JSON.parse(await text((await get(client, '/a?b=c')).body))).toEqual({
      peer: { commonName: 'holdfast-admin', organizations: ['system:masters'] },
      method: 'GET',
      path: '/a?b=c',
    });
    const { certificateAuthority } = ADMIN;
    const stranger = transport.client(`https://127.0.0.1:${port}`, { certificateAuthority });
    cleanup.push(() => stranger[Symbol.asyncDispose]());
    expect(JSON.parse(await text((await get(stranger, '/')).body)).peer).toBeNull();
  });

  test('HTP3: a body over the limit is refused, and the answer arrives', async () => {
    const { client } = await start(make(), {
      handle: async (request) => {
        try {
          const body = await request.body();
          return { status: 200, headers: {}, body: Buffer.from(String(body.length)) };
        } catch (error) {
          const status = error instanceof TooLargeError && error.limitBytes === 1000 ? 413 : 500;
          return { status, headers: {}, body: new Uint8Array() };
        }
      },
    });
    const post = (length: number) =>
      client.send({ method: 'POST', path: '/', headers: {}, body: Buffer.alloc(length), signal: never });
    expect(await text((await post(1000)).body)).toBe('1000');
    expect((await post(1001)).status).toBe(413);
    expect((await post(200)).status).toBe(200);
  });

  test('HTP4: a stream arrives chunk by chunk, its headers first', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* body(): AsyncGenerator<Uint8Array> {
      await gate;
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    const { client } = await start(make(), {
      handle: async () => ({ status: 200, headers: { 'x-kind': 'stream' }, body: body() }),
    });
    const answer = await get(client, '/');
    expect(answer.headers['x-kind']).toBe('stream');
    release();
    expect(await text(answer.body)).toBe('one two');
  });

  test('HTP7: a WebSocket echoes whole frames in order and ends with its peer', async () => {
    const { client } = await start(make(), {
      upgrade: async (_request, offered) => ({
        kind: 'accept',
        protocol: offered[1] ?? '',
        serve: async (socket) => {
          let count = 0;
          for await (const frame of socket.frames) {
            await socket.send(frame);
            count += 1;
            if (count === 200) return;
          }
        },
      }),
    });
    const socket = await client.openWebSocket('/ws', ['v5.x', 'v4.x'], never);
    expect(socket.protocol).toBe('v4.x');
    const sending = (async () => {
      for (let i = 0; i < 200; i++) await socket.send(Buffer.from(`frame ${i}`));
    })();
    const seen: string[] = [];
    for await (const frame of socket.frames) seen.push(Buffer.from(frame).toString());
    await sending;
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => `frame ${i}`));
  });

  test('HTP7: a refusal reaches the client with status and body', async () => {
    const { client } = await start(make(), {
      upgrade: async () => ({
        kind: 'refuse',
        response: { status: 403, headers: {}, body: Buffer.from('not you') },
      }),
    });
    const refused = await client.openWebSocket('/ws', ['a'], never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefusedError);
    if (!(refused instanceof UpgradeRefusedError)) return;
    expect([refused.status, Buffer.from(refused.body).toString()]).toEqual([403, 'not you']);
  });

  test('HTP8: no listener is no answer', async () => {
    const { client, close } = await start(make(), {});
    await close();
    await expect(get(client, '/')).rejects.toThrow();
    await expect(client.openWebSocket('/ws', [], never)).rejects.toThrow();
    expect(name).toBeDefined();
  });
});

describe('sockets only', () => {
  test('HTP1: HTTP/2 on the same port, and nothing for plain text', async () => {
    const { port } = await start(realHttp(), {
      handle: async ({ peer }) => ({ status: 200, headers: {}, body: Buffer.from(peer?.commonName ?? '') }),
    });
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: ADMIN.certificateAuthority,
      cert: ADMIN.certificate,
      key: ADMIN.privateKey,
    });
    const stream = session.request({ ':path': '/x' });
    expect(await text(stream as AsyncIterable<Uint8Array>)).toBe('holdfast-admin');
    session.destroy();
    const plain = await new Promise<string>((resolve) => {
      const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(seen));
    });
    expect(plain).not.toContain('HTTP/1.1 200');
  });

  test.each([
    ['of another CA', async () => foreign.identity('admin', ADMIN_PROFILE)],
    ['with an empty name', async () => authority.identity('empty', clientProfile('', ['system:masters']))],
  ])('HTP2: a certificate %s names nobody', async (_what, issue) => {
    const { certificate, privateKey } = await issue();
    const identity = { certificate, privateKey, certificateAuthority: ADMIN.certificateAuthority };
    const handle: HttpListenOptions['handle'] = async ({ peer }) => ({
      status: 200,
      headers: {},
      body: Buffer.from(peer === undefined ? 'nobody' : peer.commonName),
    });
    const { client } = await start(realHttp(), { handle }, identity);
    expect(await text((await get(client, '/')).body)).toBe('nobody');
    // Once more on a connection that resumes the session.
    expect(await text((await get(client, '/')).body)).toBe('nobody');
  });

  test('HTP4: a reader that does not read stops the writer', async () => {
    let written = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (; written < 2000; written++) yield Buffer.alloc(64 * 1024);
    }
    const { client } = await start(realHttp(), {
      handle: async () => ({ status: 200, headers: {}, body: body() }),
    });
    const gone = new AbortController();
    await get(client, '/', gone.signal);
    await settled(() => written);
    expect(written).toBeLessThan(500);
    gone.abort();
  });

  test('HTP5: the signal of a request aborts with its client', async () => {
    let aborted: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    async function* quiet(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begun');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      aborted();
    }
    const { client } = await start(realHttp(), {
      handle: async ({ signal }) => ({ status: 200, headers: {}, body: quiet(signal) }),
    });
    const gone = new AbortController();
    await get(client, '/', gone.signal);
    gone.abort();
    await seen;
  });

  test('HTP6: warnings can be read and break nothing', async () => {
    expect(warningHeader('unknown field "a\\b"\n…')).toBe('299 - "unknown field \\"a\\\\b\\"??"');
    const { client } = await start(realHttp(), {
      handle: async () => ({ status: 200, headers: {}, body: new Uint8Array(), warnings: ['one', 'tw"o'] }),
    });
    const { headers } = await get(client, '/');
    expect(headers.warning).toBe('299 - "one", 299 - "tw\\"o"');
  });

  test('HTP7: a session that ends well says so in its close code', async () => {
    const { port } = await start(realHttp(), {
      upgrade: async () => ({ kind: 'accept', protocol: '', serve: async () => undefined }),
    });
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: ADMIN.certificateAuthority });
    const code = await new Promise<number>((resolve) => socket.once('close', resolve));
    expect(code).toBe(1000);
  });

  test('HTP8: a server of another CA is not talked to, and an aborted call rejects', async () => {
    const { port, client } = await start(realHttp(), {
      handle: () => new Promise(() => undefined),
    });
    const wrong = realHttp().client(`https://127.0.0.1:${port}`, {
      certificateAuthority: foreign.certificate,
    });
    cleanup.push(() => wrong[Symbol.asyncDispose]());
    await expect(get(wrong, '/')).rejects.toThrow();
    const gone = new AbortController();
    const waiting = get(client, '/', gone.signal);
    gone.abort();
    await expect(waiting).rejects.toThrow('aborted by the caller');
  });

  test('HTP10: streams keep no request waiting, and requests share sixteen connections', async () => {
    const full = Promise.withResolvers<void>();
    let [streams, now, most] = [0, 0, 0];
    const { client } = await start(realHttp(), {
      handle: async ({ path, signal }) => {
        if (path === '/stream') {
          streams += 1;
          return { status: 200, headers: {}, body: endless(signal) };
        }
        most = Math.max(most, ++now);
        if (now === 16) full.resolve();
        await full.promise;
        now--;
        return { status: 204, headers: {}, body: new Uint8Array() };
      },
    });
    const stop = new AbortController();
    const open = await Promise.all(
      Array.from({ length: 40 }, () =>
        client.send({ method: 'GET', path: '/stream', headers: {}, isStream: true, signal: stop.signal }),
      ),
    );
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const answer = await client.send({ method: 'GET', path: '/', headers: {}, signal: never });
        for await (const _ of answer.body) continue; // a connection is free once its answer was read
        return answer;
      }),
    );
    expect([streams, open.length, most]).toEqual([40, 40, 16]);
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 204));
    stop.abort();
  });

  test('HTP9: closing cuts what does not end and frees the port', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begun');
      await new Promise(() => undefined);
    }
    const transport = realHttp();
    const { client, port, close } = await start(transport, {
      handle: async () => ({ status: 200, headers: {}, body: endless() }),
    });
    const { body } = await get(client, '/');
    const reading = text(body).then(
      () => 'ended',
      () => 'cut',
    );
    await close();
    expect(await reading).toBe('cut');
    await (await start(transport, { port })).close();
  });
});

/** Resolves once `read` has given the same value for 100 ms. */
async function settled(read: () => number): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A body that says something at once and ends with its client. */
async function* endless(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield Buffer.from('.');
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
