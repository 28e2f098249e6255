import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import type { UserInfo } from '#api/request.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { ADMIN, nodeUser, testServer } from '#testing/api-server.ts';
import { createFlowControl } from './flow-control.ts';

const EVENTS = '/api/v1/namespaces/default/events';
const MAPS = '/api/v1/namespaces/default/configmaps';
const USER: UserInfo = { name: 'ann', groups: ['system:authenticated'] };

describe('in flight', () => {
  test('SRV44: places are taken and given back once', () => {
    const flow = createFlowControl({ reads: 1, writes: 1, nodes: 1 });
    const leave = flow.enter(USER, false);
    expect(flow.enter(USER, false)).toBeUndefined();
    expect(flow.enter(USER, true)).toBeDefined();
    expect(flow.enter(nodeUser('n'), true)).toBeDefined();
    leave?.();
    leave?.();
    expect(flow.enter(USER, false)).toBeDefined();
    expect(flow.enter(USER, false)).toBeUndefined();
  });

  test('SRV44: who finds no place is told when to come back', async () => {
    const { call } = await testServer({
      inFlight: { reads: 0, writes: 0, nodes: 1 },
      authorizer: () => true,
    });
    const refused = await call('GET', MAPS, undefined, { user: USER });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1']);
    expect((await call('GET', MAPS, undefined, { user: nodeUser('n') })).status).toBe(200);
    expect((await call('GET', MAPS, undefined, { user: ADMIN })).status).toBe(200);
  });
});

describe('documents', () => {
  test.each([
    ['/api', 'APIVersions'],
    ['/apis', 'APIGroupList'],
    ['/apis/storage.k8s.io', 'APIGroup'],
    ['/api/v1', 'APIResourceList'],
    ['/apis/storage.k8s.io/v1', 'APIResourceList'],
  ])('SRV45: %s is %s', async (path, kind) => {
    const { call } = await testServer();
    expect((await call('GET', path)).json.kind).toBe(kind);
  });

  test('SRV45: the aggregated form for those who ask for it', async () => {
    const { call } = await testServer();
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const answer = await call('GET', '/apis', undefined, { headers: { accept } });
    expect(answer.json.kind).toBe('APIGroupDiscoveryList');
    expect(answer.headers['content-type']).toContain('as=APIGroupDiscoveryList');
  });

  test.each(['/openapi/v3', '/openapi/v3/api/v1', '/openapi/v3/apis/storage.k8s.io/v1', '/openapi/v2'])(
    'SRV45: %s has an ETag that saves reading it again',
    async (path) => {
      const { call } = await testServer();
      const first = await call('GET', path);
      expect(first.status).toBe(200);
      const again = await call('GET', path, undefined, {
        headers: { 'if-none-match': first.headers.etag ?? '' },
      });
      expect([again.status, again.text]).toEqual([304, '']);
    },
  );

  test.each(['/apis/none', '/apis/storage.k8s.io/v9', '/openapi/v3/apis/none/v1', '/openapi/v9', '/logs'])(
    'SRV45: %s is 404',
    async (path) => {
      const { call } = await testServer();
      expect((await call('GET', path)).status).toBe(404);
    },
  );
});

describe('housekeeping', () => {
  test('SRV46: events expire an hour after they were last seen', async () => {
    const { call, clock, server } = await testServer();
    const event = (name: string, lastTimestamp: string): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
      lastTimestamp,
    });
    await call('POST', EVENTS, event('old', '2026-01-01T00:00:00Z'));
    await call('POST', EVENTS, event('repeated', '2026-01-01T00:30:00Z'));
    const stop = new AbortController();
    const running = server.services.map((service) => service.run(stop.signal));
    await clock.advance(59 * 60_000);
    expect((await call('GET', `${EVENTS}/old`)).status).toBe(200);
    await clock.advance(2 * 60_000);
    expect((await call('GET', `${EVENTS}/old`)).status).toBe(404);
    expect((await call('GET', `${EVENTS}/repeated`)).status).toBe(200);
    stop.abort();
    await Promise.all(running);
  });

  test('SRV47: history goes two passes later', async () => {
    const { call, clock, server, store } = await testServer();
    const stop = new AbortController();
    const running = server.services.map((service) => service.run(stop.signal));
    const old = store.revision;
    await call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
    await clock.advance(5 * 60_000);
    const kept = store.revision;
    await call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } });
    expect(store.compactedTo).toBeLessThan(old);
    await clock.advance(5 * 60_000);
    expect(store.compactedTo).toBe(kept);
    stop.abort();
    await Promise.all(running);
  });
});

describe('failures of our own', () => {
  test('SRV49: a failing store is a 500 without its inside', async () => {
    const inner = memoryStore();
    let broken = false;
    const store: Store = {
      get revision() {
        return inner.revision;
      },
      get compactedTo() {
        return inner.compactedTo;
      },
      range: (query) => inner.range(query),
      commit: async (transaction) => {
        if (broken) throw new Error('disk /secret/place is on fire');
        return inner.commit(transaction);
      },
      watch: (query, sink) => inner.watch(query, sink),
      compact: (revision) => inner.compact(revision),
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    };
    const { call } = await testServer({ store });
    broken = true;
    const answer = await call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
    expect([answer.status, answer.json.reason]).toEqual([500, 'InternalError']);
    expect(answer.text).not.toContain('secret');
  });
});
