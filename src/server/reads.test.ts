import { describe, expect, test } from 'vitest';
import { configMapKind } from '#api/kinds/config-map.ts';
import { servedKinds } from '#api/kinds/index.ts';
import type { JsonObject } from '#api/json.ts';
import { ADMIN, type Answer, type TestServer, testServer } from '#testing/api-server.ts';
import { encodeContinue } from './registry/continue-token.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

async function withMaps(...names: readonly string[]): Promise<TestServer> {
  const world = await testServer();
  for (const name of names) {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { is: name } } };
    await world.call('POST', MAPS, body);
  }
  return world;
}

const namesOf = ({ json }: Answer): readonly string[] =>
  (json.items as readonly { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
const listMeta = ({ json }: Answer) =>
  json.metadata as { resourceVersion: string; continue?: string; remainingItemCount?: number };

describe('reads', () => {
  test('SRV30: a read shows the acknowledged writes before it', async () => {
    const { call, store } = await withMaps('a');
    const read = await call('GET', `${MAPS}/a`);
    expect(read.json.metadata).toMatchObject({ resourceVersion: String(store.revision) });
    expect(listMeta(await call('GET', MAPS)).resourceVersion).toBe(String(store.revision));
    expect((await call('GET', `${MAPS}/a?resourceVersion=1`)).status).toBe(200);
    expect((await call('GET', `${MAPS}/a?resourceVersion=x`)).status).toBe(400);
  });

  test.each([`${MAPS}/a`, MAPS])('SRV30: %s at a revision that does not come is 504', async (path) => {
    const { call, clock } = await withMaps('a');
    const waiting = call('GET', `${path}?resourceVersion=1000`);
    await clock.advance(3_000);
    const answer = await waiting;
    expect([answer.status, answer.headers['retry-after']]).toEqual([504, '1']);
    expect(answer.json.message).toMatch(/Too large resource version: 1000, current: \d+/);
  });

  test('SRV30: a read at a revision that comes is answered with it', async () => {
    const { call, store } = await withMaps('a');
    const waiting = call('GET', `${MAPS}?resourceVersion=${store.revision + 1}`);
    await call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } });
    expect(namesOf(await waiting)).toContain('b');
  });
});

describe('pages', () => {
  test('SRV31: pages show one revision', async () => {
    const { call } = await withMaps('a', 'b', 'c', 'd', 'e');
    const first = await call('GET', `${MAPS}?limit=2`);
    expect([namesOf(first), listMeta(first).remainingItemCount]).toEqual([['a', 'b'], 3]);
    await call('DELETE', `${MAPS}/c`);
    const second = await call('GET', `${MAPS}?limit=2&continue=${listMeta(first).continue}`);
    expect([namesOf(second), listMeta(second).remainingItemCount]).toEqual([['c', 'd'], 1]);
    expect(listMeta(second).resourceVersion).toBe(listMeta(first).resourceVersion);
    const third = await call('GET', `${MAPS}?limit=2&continue=${listMeta(second).continue}`);
    expect([namesOf(third), listMeta(third).continue]).toEqual([['e'], undefined]);
    const exact = `${MAPS}?resourceVersion=${listMeta(first).resourceVersion}&resourceVersionMatch=Exact`;
    expect(namesOf(await call('GET', exact))).toEqual(['a', 'b', 'c', 'd', 'e']);
    const selected = await call('GET', `${MAPS}?limit=1&labelSelector=is+in+(b,e)`);
    expect([namesOf(selected), listMeta(selected).remainingItemCount]).toEqual([['b'], undefined]);
    const rest = await call(
      'GET',
      `${MAPS}?limit=1&labelSelector=is+in+(b,e)&continue=${listMeta(selected).continue}`,
    );
    expect([namesOf(rest), listMeta(rest).continue]).toEqual([['e'], undefined]);
  });

  test('SRV32: an expired token is 410 and brings one that goes on', async () => {
    const { call, store } = await withMaps('a', 'b', 'c');
    const first = await call('GET', `${MAPS}?limit=1`);
    await call('DELETE', `${MAPS}/b`);
    await store.compact(store.revision);
    const expired = await call('GET', `${MAPS}?limit=5&continue=${listMeta(first).continue}`);
    expect([expired.status, expired.json.reason]).toEqual([410, 'Expired']);
    const rest = await call('GET', `${MAPS}?limit=5&continue=${listMeta(expired).continue}`);
    expect(namesOf(rest)).toEqual(['c']);
  });

  test.each([
    '!!',
    Buffer.from('{}').toString('base64url'),
    encodeContinue({ revision: 0, start: 'a' }),
    encodeContinue({ revision: 2, start: '' }),
    encodeContinue({ revision: 2, start: '../secrets/x' }),
    encodeContinue({ revision: 2, start: '/x' }),
    Buffer.from('{"v":"meta.k8s.io/v2","rv":2,"start":"a"}').toString('base64url'),
  ])('SRV32: the token %s is 400', async (token) => {
    const { call } = await testServer();
    expect((await call('GET', `${MAPS}?continue=${token}`)).status).toBe(400);
  });

  test.each([
    ['resourceVersionMatch=Exact', 422],
    ['resourceVersion=0&resourceVersionMatch=Exact', 422],
    ['resourceVersion=2&resourceVersionMatch=Newest', 422],
    ['sendInitialEvents=true', 422],
    ['watch=1&resourceVersionMatch=NotOlderThan', 422],
    ['watch=1&sendInitialEvents=true', 422],
    ['limit=-1', 400],
    ['limit=two', 400],
  ])('SRV33: %s is %i', async (query, status) => {
    const { call } = await testServer();
    expect((await call('GET', `${MAPS}?${query}`)).status).toBe(status);
  });

  test('SRV32: an exact list of a compacted revision is 410', async () => {
    const { call, store } = await withMaps('a', 'b');
    await store.compact(store.revision);
    expect((await call('GET', `${MAPS}?resourceVersion=2&resourceVersionMatch=Exact`)).status).toBe(410);
  });
});

describe('selectors and forms', () => {
  test('SRV34: labels and fields filter', async () => {
    const { call } = await withMaps('a', 'b', 'c');
    expect(namesOf(await call('GET', `${MAPS}?labelSelector=is!=b`))).toEqual(['a', 'c']);
    expect(namesOf(await call('GET', `${MAPS}?fieldSelector=metadata.name=b`))).toEqual(['b']);
    expect((await call('GET', `${MAPS}?fieldSelector=data.x=1`)).status).toBe(400);
    expect((await call('GET', `${MAPS}?labelSelector=a+b`)).status).toBe(400);
  });

  test('SRV35: kinds that share a beginning are apart', async () => {
    const longer = { ...configMapKind, resource: { ...configMapKind.resource, plural: 'configmapsx' } };
    const { call } = await testServer({ kinds: [...servedKinds, longer] });
    const body: JsonObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'hidden' } };
    await call('POST', '/api/v1/namespaces/default/configmapsx', body);
    expect(namesOf(await call('GET', '/api/v1/configmaps'))).toEqual([]);
    expect(namesOf(await call('GET', '/api/v1/configmapsx'))).toEqual(['hidden']);
    expect((await call('GET', `${MAPS}/hidden`)).status).toBe(404);
  });

  test.each([
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'Table', 'Table'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io, */*', 'ConfigMap', 'ConfigMapList'],
    [
      'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      'PartialObjectMetadata',
      'PartialObjectMetadataList',
    ],
  ])('SRV36: Accept %s', async (accept, one, list) => {
    const { call } = await withMaps('a');
    const options = { headers: { accept } };
    expect((await call('GET', `${MAPS}/a`, undefined, options)).json.kind).toBe(one);
    expect((await call('GET', MAPS, undefined, options)).json.kind).toBe(list);
  });

  test('SRV36: a watch comes as tables too', async () => {
    const { watch } = await withMaps('a');
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const reader = await watch(`${MAPS}?watch=1`, { headers: { accept } });
    const frame = await reader.next();
    expect(frame).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['a', 0, '0s'] }] },
    });
    reader.close();
  });

  test('SRV36: lists and watches in protobuf', async () => {
    const { server } = await withMaps('a');
    const type = 'application/vnd.kubernetes.protobuf';
    const gone = new AbortController();
    const ask = (path: string) =>
      server.handler({ method: 'GET', path, headers: { accept: type }, user: ADMIN, signal: gone.signal });
    const list = await ask(MAPS);
    expect(list.headers['content-type']).toBe(type);
    expect(Buffer.from(list.body as Uint8Array).toString('latin1')).toMatch(/^k8s\0.*ConfigMapList/s);
    const watch = await ask(`${MAPS}?watch=1`);
    expect(watch.headers['content-type']).toBe(`${type};stream=watch`);
    for await (const frame of watch.body as AsyncIterable<Uint8Array>) {
      expect(Buffer.from(frame).readUInt32BE(0)).toBe(frame.length - 4);
      gone.abort();
    }
  });
});

describe('watches', () => {
  const write = (world: TestServer, name: string, labels: JsonObject = {}): Promise<Answer> =>
    world.call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels } });

  test('SRV37: the state, then every change once and in order', async () => {
    const world = await withMaps('a');
    const reader = await world.watch(`${MAPS}?watch=1`);
    await write(world, 'b');
    await world.call('PATCH', `${MAPS}/b`, { data: { x: 'y' } });
    await world.call('DELETE', `${MAPS}/a`);
    expect(await reader.take(4)).toEqual(['ADDED a', 'ADDED b', 'MODIFIED b', 'DELETED a']);
    reader.close();
  });

  test('SRV37: from a revision only what came after', async () => {
    const world = await withMaps('a');
    const from = world.store.revision;
    await write(world, 'b');
    const reader = await world.watch(`${MAPS}?watch=1&resourceVersion=${from}`);
    await write(world, 'c');
    expect(await reader.take(2)).toEqual(['ADDED b', 'ADDED c']);
    reader.close();
  });

  test('SRV38: the state ends with a marked bookmark; others come by the clock', async () => {
    const world = await withMaps('a');
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const reader = await world.watch(`${MAPS}?${query}&timeoutSeconds=90`);
    expect(await reader.take(1)).toEqual(['ADDED a']);
    expect(await reader.next()).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: {
          resourceVersion: String(world.store.revision),
          annotations: { 'k8s.io/initial-events-end': 'true' },
        },
      },
    });
    const stop = new AbortController();
    const running = world.server.services.map((service) => service.run(stop.signal));
    const periodic = reader.next();
    await world.clock.advance(60_000);
    expect(await periodic).toMatchObject({ type: 'BOOKMARK' });
    const farewell = reader.next();
    await world.clock.advance(28_500);
    expect(await farewell).toMatchObject({ type: 'BOOKMARK' });
    const end = reader.next();
    await world.clock.advance(2_000);
    expect(await end).toBeUndefined();
    stop.abort();
    await Promise.all(running);
  });

  test('SRV39: entering and leaving a selection', async () => {
    const world = await testServer();
    const reader = await world.watch(`${MAPS}?watch=1&labelSelector=on=yes`);
    await write(world, 'a', { on: 'no' });
    await world.call('PATCH', `${MAPS}/a`, { metadata: { labels: { on: 'yes' } } });
    await world.call('PATCH', `${MAPS}/a`, { data: { x: '1' } });
    await world.call('PATCH', `${MAPS}/a`, { metadata: { labels: { on: 'no' } } });
    await world.call('PATCH', `${MAPS}/a`, { data: { x: '2' } });
    await write(world, 'b', { on: 'yes' });
    expect(await reader.take(4)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED b']);
    reader.close();
  });

  test('SRV39: pods by node, as an agent watches them', async () => {
    const world = await testServer();
    const reader = await world.watch('/api/v1/pods?watch=1&fieldSelector=spec.nodeName=n');
    const pods = '/api/v1/namespaces/default/pods';
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await world.call('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
    await world.call('POST', `${pods}/p/binding`, { target: { kind: 'Node', name: 'n' } });
    expect(await reader.take(1)).toEqual(['ADDED p']);
    reader.close();
  });

  test('SRV40: a deletion has the revision of the deletion and the last state', async () => {
    const world = await withMaps('a');
    const reader = await world.watch(`${MAPS}?watch=1&resourceVersion=${world.store.revision}`);
    await world.call('DELETE', `${MAPS}/a`);
    expect(await reader.next()).toMatchObject({
      type: 'DELETED',
      object: { metadata: { name: 'a', resourceVersion: String(world.store.revision), labels: { is: 'a' } } },
    });
    reader.close();
  });

  test('SRV41: a revision that is gone, and one that has not come', async () => {
    const world = await testServer({ cacheLimits: { history: 2, backlog: 10, watchers: 10 } });
    for (const name of ['a', 'b', 'c', 'd', 'e']) await write(world, name);
    const old = await world.watch(`${MAPS}?watch=1&resourceVersion=2`);
    expect(old.status).toBe(200);
    expect(await old.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect(await old.next()).toBeUndefined();
    const future = world.call('GET', `${MAPS}?watch=1&resourceVersion=1000`);
    await world.clock.advance(3_000);
    expect((await future).status).toBe(504);
  });

  test('SRV42: a watcher that does not read is cut off, others go on', async () => {
    const world = await testServer({ cacheLimits: { history: 10, backlog: 3, watchers: 10 } });
    const slow = await world.watch(`${MAPS}?watch=1`);
    const quick = await world.watch(`${MAPS}?watch=1`);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await write(world, name);
      expect(await quick.take(1)).toEqual([`ADDED ${name}`]);
    }
    expect(await slow.next()).toBeUndefined();
    quick.close();
  });

  test('SRV42: no more watchers than a kind may have', async () => {
    const world = await testServer({ cacheLimits: { history: 10, backlog: 3, watchers: 1 } });
    const first = await world.watch(`${MAPS}?watch=1`);
    expect((await world.call('GET', `${MAPS}?watch=1`)).status).toBe(429);
    first.close();
    const second = await world.watch(`${MAPS}?watch=1`);
    expect(second.status).toBe(200);
    second.close();
  });

  test('SRV43: a watch ends with its time or its client', async () => {
    const world = await testServer();
    const timed = await world.watch(`${MAPS}?watch=1&timeoutSeconds=5`);
    const end = timed.next();
    await world.clock.advance(5_000);
    expect(await end).toBeUndefined();
    const left = await world.watch(`${MAPS}?watch=1`);
    const gone = left.next();
    left.close();
    expect(await gone).toBeUndefined();
    expect((await world.call('GET', '/metrics')).text).toContain(
      'apiserver_watchers{resource="configmaps"} 0',
    );
  });
});
