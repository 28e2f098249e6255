// The client against the real server in memory: what the scripted tests assume must hold there too.
import { expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { keyOf } from '#api/object.ts';
import { configMaps, events, namespaces } from '#api/resources.ts';
import { testServer } from '#testing/api-server.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { createEventRecorder } from './event-recorder.ts';
import { inProcessClient } from './in-process.ts';
import { createInformerSource } from './informer-source.ts';
import { runLoop } from './run-loop.ts';

const named = (name: string, data: Record<string, string> = {}) => ({
  metadata: { namespace: 'default', name },
  data,
});

async function world() {
  const { server, clock, store } = await testServer();
  const api = inProcessClient(server.handler, 'test');
  const base = { api, clock, random: seededRandom(3), log: silentLog };
  const informers = createInformerSource(base);
  const stop = new AbortController();
  const turns = async (count = 20) => {
    for (let i = 0; i < count; i++) await nextTurn();
  };
  return { api, base, clock, store, informers, stop, turns };
}

test('CLT21: CLT24: an informer follows the server, also across a compacted watch', async () => {
  const { api, informers, stop, turns, store, clock } = await world();
  const informer = informers.informer(configMaps);
  const running = informers.run(stop.signal);
  await api.create(configMaps, named('a'));
  await turns();
  expect([informer.synced, informer.get('default/a')?.metadata.name]).toEqual([true, 'a']);
  const updated = await api.update(configMaps, {
    ...(await api.get(configMaps, named('a').metadata)),
    data: { k: 'v' },
  });
  await api.create(configMaps, named('b'));
  await api.delete(configMaps, named('b').metadata);
  await turns();
  expect([informer.get('default/a')?.data, informer.get('default/b')]).toEqual([{ k: 'v' }, undefined]);
  expect(informer.revision).toBeGreaterThan(Number(updated.metadata.resourceVersion));
  await store.compact(store.revision);
  await clock.advance(15 * 60_000); // The watch ends on the way and goes on.
  await api.delete(configMaps, named('a').metadata);
  await turns();
  expect([...informer.list()].map((object) => object.metadata.name)).not.toContain('a');
  stop.abort();
  await turns();
  await running;
});

test('CLT4: a loop that writes sees its own write before its next pass', async () => {
  const { api, base, informers, stop, turns } = await world();
  const informer = informers.informer(configMaps);
  const seen: string[] = [];
  const loop = runLoop(
    { ...base, informers, events: { record: () => undefined } },
    {
      name: 'counter',
      concurrency: 4,
      connect: (enqueue) => [informer.subscribe(({ object: { metadata } }) => enqueue(keyOf({ metadata })))],
      reconcile: async (key) => {
        const map = informer.get(key);
        const count = Number(map?.data?.['count'] ?? 0);
        if (map === undefined || map.data?.['count'] === undefined || count >= 5) return { kind: 'settled' };
        seen.push(`${key} ${count}`);
        const next = await api.update(configMaps, { ...map, data: { count: String(count + 1) } });
        return { kind: 'progressed', wrote: { informer, resourceVersion: next.metadata.resourceVersion } };
      },
    },
  );
  const running = [informers.run(stop.signal), loop.run(stop.signal)];
  await api.create(configMaps, named('a', { count: '0' }));
  await turns(60);
  expect(seen).toEqual(['0', '1', '2', '3', '4'].map((count) => `default/a ${count}`));
  stop.abort();
  await turns();
  await Promise.all(running);
});

test('CLT15: CLT17: refusals, preconditions and pages come from the server as they are', async () => {
  const { api } = await world();
  const old = await api.create(configMaps, named('a'));
  await api.update(configMaps, { ...old, data: { k: 'v' } });
  await expect(api.update(configMaps, old)).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  await expect(api.create(configMaps, named('a'))).rejects.toMatchObject({
    status: 409,
    reason: 'AlreadyExists',
  });
  const preconditions = { uid: 'another' };
  await expect(api.delete(configMaps, named('a').metadata, { preconditions })).rejects.toMatchObject({
    status: 409,
  });
  for (let i = 0; i < 520; i++) await api.create(configMaps, named(`m-${i}`));
  const { items } = await api.list(configMaps, { namespace: 'default' });
  expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBeGreaterThanOrEqual(521);
});

test('CLT32: CLT34: events are accepted by the server and counted up', async () => {
  const { api, base, clock, stop, turns } = await world();
  const recorder = createEventRecorder({ ...base, component: 'test' });
  const running = recorder.run(stop.signal);
  const about = await api.get(namespaces, { name: 'default' });
  for (let i = 0; i < 3; i++) recorder.record(about, { type: 'Warning', reason: 'Test', message: 'again' });
  await turns();
  recorder.record(about, { type: 'Warning', reason: 'Test', message: 'again' });
  await clock.advance(1500);
  const { items } = await api.list(events, { namespace: 'default' });
  expect(items.filter(({ reason }) => reason === 'Test').map(({ count }) => count)).toEqual([4]);
  stop.abort();
  await running;
});
