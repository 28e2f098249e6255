import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { events, nodes, persistentVolumeClaims } from '#api/resources.ts';
import type { Event } from '#api/generated/core-v1.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { type ScriptedApi, scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { type VirtualClock, virtualClock } from '#testing/virtual-clock.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { EventRecorder } from './events.ts';

let clock: VirtualClock;
let api: ScriptedApi;
let recorder: EventRecorder;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = virtualClock();
  api = scriptedApi();
  stop = new AbortController();
  const deps = { api, clock, random: seededRandom(1), log: silentLog, component: 'binder' };
  const made = createEventRecorder(deps);
  recorder = made;
  running = made.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await clock.advance(1000);
  await running;
});

const claim = () => api.seed(persistentVolumeClaims, { metadata: { namespace: 'default', name: 'data' } });
const waiting = { type: 'Normal', reason: 'WaitForFirstConsumer', message: 'waiting for a pod' } as const;
const stored = async (): Promise<readonly Event[]> => (await api.list(events)).items;

test('CLT32: equal events become one with a count, written at most once a second', async () => {
  const about = claim();
  for (let i = 0; i < 5; i++) recorder.record(about, waiting);
  await nextTurn();
  for (let i = 0; i < 5; i++) recorder.record(about, waiting);
  await clock.advance(1000);
  const [event, ...others] = await stored();
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    count: 10,
    reason: 'WaitForFirstConsumer',
    involvedObject: { name: 'data', uid: 'uid-1' },
  });
  expect(event).toMatchObject({ source: { component: 'binder' }, firstTimestamp: '2026-01-01T00:00:00Z' });
  expect(api.writes.map(({ verb }) => verb)).toEqual(['create', 'patch']);
});

test('CLT32: other words, and the same ones much later, are events of their own', async () => {
  const about = claim();
  recorder.record(about, waiting);
  recorder.record(about, { ...waiting, message: 'still waiting' });
  await clock.advance(11 * 60_000);
  recorder.record(about, waiting);
  await clock.advance(1);
  expect((await stored()).map(({ message, count }) => [message, count])).toEqual([
    ['waiting for a pod', 1],
    ['still waiting', 1],
    ['waiting for a pod', 1],
  ]);
});

test('CLT32: an Event that has expired meanwhile is written anew', async () => {
  const about = claim();
  recorder.record(about, waiting);
  await nextTurn();
  const name = (await stored())[0]?.metadata.name ?? '';
  api.drop(events, { namespace: 'default', name });
  recorder.record(about, waiting);
  await clock.advance(1000);
  expect((await stored()).map(({ count }) => count)).toEqual([2]);
});

test('CLT33: what passes is tried again, what does not is dropped, and nothing is thrown', async () => {
  const about = claim();
  api.fail({ verb: 'create', plural: 'events', status: 503, reason: 'ServiceUnavailable' });
  recorder.record(about, waiting);
  await clock.advance(1000);
  expect((await stored()).length).toBe(1);
  api.fail({ verb: 'create', plural: 'events', status: 403, reason: 'Forbidden' });
  recorder.record(about, { ...waiting, reason: 'Other' });
  await clock.advance(1000);
  expect((await stored()).length).toBe(1);
});

test('CLT33: what is too much is dropped', async () => {
  const about = claim();
  for (let i = 0; i < 3000; i++) recorder.record(about, { ...waiting, message: `event ${i}` });
  for (let i = 0; i < 20; i++) await clock.advance(100);
  const { length } = await stored();
  expect(length).toBeGreaterThanOrEqual(1000);
  expect(length).toBeLessThanOrEqual(1001);
});

test('CLT34: an event of a cluster-scoped object is written to the namespace default', async () => {
  recorder.record(api.seed(nodes, { metadata: { name: 'node-1' } }), {
    ...waiting,
    message: 'x'.repeat(5000),
  });
  await nextTurn();
  const [event] = await stored();
  expect(event?.metadata.namespace).toBe('default');
  expect(event?.metadata.name).toMatch(/^node-1\.[0-9a-f]{16}$/);
  expect(event?.message?.length).toBe(1024);
});

test('CLT49: events about two parts of an object are two', async () => {
  const about = claim();
  recorder.record(about, { ...waiting, fieldPath: 'spec.a' });
  recorder.record(about, { ...waiting, fieldPath: 'spec.b' });
  recorder.record(about, { ...waiting, fieldPath: 'spec.a' });
  await clock.advance(1000);
  const found = (await stored()).map(({ involvedObject, count }) => [involvedObject.fieldPath, count]);
  expect(found).toEqual([
    ['spec.a', 2],
    ['spec.b', 1],
  ]);
});
