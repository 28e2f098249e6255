// The server behind a real listener: who one is comes from the certificate, and a watch streams over HTTPS.
import { afterEach, describe, expect, test } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import { memoryFiles } from '#files/memory.ts';
import { openAuthority } from '#pki/authority.ts';
import { ADMIN_PROFILE, clientProfile, serverProfile } from '#pki/profiles.ts';
import { realKeys } from '#pki/real/keys.ts';
import { testServer } from '#testing/api-server.ts';
import type { HttpClient } from '#transport/http.ts';
import { realHttp } from '#transport/real/http.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const never = new AbortController().signal;
const cleanup: (() => PromiseLike<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function world() {
  const keys = { files: memoryFiles(), keys: realKeys(), clock: realClock() };
  const authority = await openAuthority(keys, '/pki');
  const tls = await authority.identity('server', serverProfile('test'));
  const { server } = await testServer({ clock: realClock() });
  const transport = realHttp();
  const listener = await transport.listen({ host: '127.0.0.1', port: 0, tls, ...server.http });
  cleanup.push(() => listener[Symbol.asyncDispose]());
  const connect = (identity: Parameters<typeof transport.client>[1]): HttpClient => {
    const client = transport.client(`https://127.0.0.1:${listener.port}`, identity);
    cleanup.push(() => client[Symbol.asyncDispose]());
    return client;
  };
  const { certificateAuthority } = tls;
  return {
    admin: connect(await authority.identity('admin', ADMIN_PROFILE)),
    eve: connect(await authority.identity('eve', clientProfile('eve', []))),
    nobody: connect({ certificateAuthority }),
  };
}

async function send(client: HttpClient, method: string, path: string, body?: Uint8Array) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await client.send({ method, path, headers, signal: never, ...(body && { body }) });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const { status } = answer;
  return { status, headers: answer.headers, json: JSON.parse(Buffer.concat(chunks).toString() || '{}') };
}

const map = (name: string): Buffer =>
  Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, extra: 1 }));

describe('over HTTPS', () => {
  test('SRV2: administrator, user without rights, and nobody', async () => {
    const { admin, eve, nobody } = await world();
    expect((await send(admin, 'GET', MAPS)).status).toBe(200);
    expect((await send(eve, 'GET', MAPS)).status).toBe(403);
    expect((await send(nobody, 'GET', MAPS)).status).toBe(401);
    expect((await send(nobody, 'GET', '/version')).json.gitVersion).toBe('v1.36.0');
  });

  test('SRV10: a warning reaches the client as a header', async () => {
    const { admin } = await world();
    const made = await send(admin, 'POST', MAPS, map('a'));
    expect([made.status, made.headers.warning]).toEqual([201, '299 - "unknown field \\"extra\\""']);
  });

  test('SRV9: a body over 3 MiB is 413 with a Status', async () => {
    const { admin } = await world();
    const made = await send(admin, 'POST', MAPS, Buffer.alloc(3 * 1024 * 1024 + 1, 0x20));
    expect([made.status, made.json.message]).toEqual([413, 'Request entity too large: limit is 3145728']);
  });

  test('SRV37: a watch streams what others write', async () => {
    const { admin } = await world();
    const gone = new AbortController();
    const watch = await admin.send({
      method: 'GET',
      path: `${MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
      headers: {},
      signal: gone.signal,
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of watch.body) {
        for (const line of Buffer.from(chunk).toString().trim().split('\n')) seen.push(JSON.parse(line).type);
        if (seen.length >= 3) return;
      }
    })();
    await send(admin, 'POST', MAPS, map('a'));
    await send(admin, 'DELETE', `${MAPS}/a`);
    await reading;
    gone.abort();
    expect(seen).toEqual(['BOOKMARK', 'ADDED', 'DELETED']);
  });
});
