import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import { persistentVolumes } from '#api/resources.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { type VirtualClock, virtualClock } from '#testing/virtual-clock.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import type { ApiClient, WatchEvent, WatchOptions } from './api-client.ts';
import { ApiError } from './api-error.ts';
import type { InformerSource } from './informer.ts';
import { createInformerSource } from './informer-source.ts';

type Volume = typeof persistentVolumes extends ResourceType<infer T> ? T : never;
type Event = WatchEvent<Volume>;

/** A watch of the client whose events the test gives one by one. */
interface OpenWatch {
  readonly query: WatchOptions;
  send(...events: readonly Event[]): Promise<void>;
  end(error?: unknown): Promise<void>;
}

let clock: VirtualClock;
let stop: AbortController;
let watches: OpenWatch[];
let source: InformerSource;
let running: Promise<void>;
let list: () => Promise<{ resourceVersion: string; items: readonly Stored<Volume>[] }>;

function openWatch(query: WatchOptions, signal: AbortSignal): AsyncIterable<Event> {
  const queue: Event[] = [];
  let isOver = false;
  let failure: unknown;
  let wake: () => void = () => undefined;
  const change = (act: () => void) => (act(), wake(), nextTurn());
  watches.push({
    query,
    send: (...events) => change(() => queue.push(...events)),
    end: (error) => change(() => ((isOver = true), (failure = error))),
  });
  signal.addEventListener('abort', () => void change(() => (isOver = true)));
  return (async function* () {
    for (;;) {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event;
      if (failure !== undefined) throw failure;
      if (isOver) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  })();
}

beforeEach(() => {
  clock = virtualClock();
  stop = new AbortController();
  watches = [];
  list = () => Promise.reject(new Error('no list is expected'));
  const api: ApiClient = {
    ...bound(scriptedApi()),
    // The tests ask for volumes alone.
    list: (() => list()) as unknown as ApiClient['list'],
    watch: ((_type: ResourceType, query: WatchOptions, signal: AbortSignal) =>
      openWatch(query, signal)) as unknown as ApiClient['watch'],
  };
  source = createInformerSource({ api, clock, random: seededRandom(1), log: silentLog });
  running = source.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await clock.advance(1);
  await running;
  expect(clock.pending).toEqual([]);
});

function bound(api: ApiClient): ApiClient {
  const { get, find, create, update, updateStatus, updateSubresource, patch, createSubresource, watch } = api;
  return {
    get,
    find,
    create,
    update,
    updateStatus,
    updateSubresource,
    patch,
    createSubresource,
    watch,
    delete: api.delete,
    list: api.list,
  };
}

const volume = (
  name: string,
  revision: number,
  more: { uid?: string; label?: string } = {},
): Stored<Volume> => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: {
    name,
    uid: more.uid ?? `uid-${name}`,
    resourceVersion: String(revision),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { label: more.label ?? 'x' },
  },
});
const added = (...args: Parameters<typeof volume>): Event => ({ type: 'ADDED', object: volume(...args) });
const modified = (...args: Parameters<typeof volume>): Event => ({
  type: 'MODIFIED',
  object: volume(...args),
});
const deleted = (...args: Parameters<typeof volume>): Event => ({ type: 'DELETED', object: volume(...args) });
const bookmark = (revision: number, initialEventsEnd = false): Event => ({
  type: 'BOOKMARK',
  resourceVersion: String(revision),
  initialEventsEnd,
});
const newest = (): OpenWatch => {
  const found = watches.at(-1);
  if (found === undefined) throw new Error('no watch is open');
  return found;
};

/** An informer with a list of what its subscriber heard. */
function follow() {
  const informer = source.informer(persistentVolumes, {
    label: ({ metadata }) => [metadata.labels?.['label'] ?? ''],
  });
  const heard: string[] = [];
  informer.subscribe(({ kind, object: { metadata } }) =>
    heard.push(`${kind} ${metadata.name}@${metadata.resourceVersion}`),
  );
  return { informer, heard };
}

async function synced(...events: readonly Event[]) {
  const followed = follow();
  await nextTurn();
  await newest().send(...events, bookmark(10, true));
  return followed;
}

describe('the first state', () => {
  test('CLT21: arrives in one piece', async () => {
    const { informer, heard } = follow();
    await nextTurn();
    expect(newest().query.sendInitialEvents).toBe(true);
    await newest().send(added('a', 3), added('b', 4));
    expect([informer.synced, heard]).toEqual([false, []]);
    await newest().send(bookmark(10, true));
    await source.whenAllSynced(stop.signal);
    expect([informer.synced, informer.revision, heard]).toEqual([true, 10, ['added a@3', 'added b@4']]);
  });

  test('CLT25: a server that refuses watch-lists is followed with list and watch', async () => {
    list = async () => ({ resourceVersion: '10', items: [volume('a', 3)] });
    const { heard, informer } = follow();
    await nextTurn();
    await newest().end(
      new ApiError({ status: 422, reason: 'Invalid', message: 'sendInitialEvents is forbidden' }),
    );
    expect([newest().query.resourceVersion, newest().query.sendInitialEvents]).toEqual(['10', undefined]);
    await newest().send(added('b', 11));
    expect([heard, informer.revision]).toEqual([['added a@3', 'added b@11'], 11]);
  });

  test('CLT25: a server that ignores watch-lists is found out', async () => {
    list = async () => ({ resourceVersion: '10', items: [] });
    const { informer } = follow();
    await nextTurn();
    await newest().send(added('a', 3));
    await clock.advance(60_000);
    expect([informer.synced, newest().query.resourceVersion]).toEqual([true, '10']);
  });
});

describe('changes', () => {
  test('CLT22: an object is never replaced by an older one', async () => {
    const { heard, informer } = await synced(added('a', 3));
    await newest().send(modified('a', 12), modified('a', 11), modified('a', 12), deleted('a', 9));
    expect([heard, informer.revision]).toEqual([['added a@3', 'updated a@12'], 12]);
  });

  test('CLT23: a changed UID is delivered as deleted and added', async () => {
    const { heard } = await synced(added('a', 3));
    await newest().send(modified('a', 12, { uid: 'other' }));
    expect(heard).toEqual(['added a@3', 'deleted a@3', 'added a@12']);
  });

  test('CLT27: objects are frozen and one watch serves every loop', async () => {
    const { informer } = await synced(added('a', 3));
    const second = source.informer(persistentVolumes);
    const object = informer.get('a');
    expect(second.get('a')).toBe(object);
    expect(watches.length).toBe(1);
    expect(Object.isFrozen(object?.metadata.labels)).toBe(true);
  });

  test('CLT28: CLT30: indexes are up to date when a subscriber hears, and a late one hears of everything', async () => {
    const { informer } = await synced(added('a', 3, { label: 'x' }), added('b', 4, { label: 'x' }));
    const seen: string[] = [];
    informer.subscribe(({ kind }) => {
      const names = (label: string) =>
        informer
          .byIndex('label', label)
          .map(({ metadata }) => metadata.name)
          .join('');
      seen.push(`${kind} x=${names('x')} y=${names('y')}`);
    });
    await newest().send(modified('a', 12, { label: 'y' }), deleted('a', 13, { label: 'z' }));
    expect(seen).toEqual(['added x=ab y=', 'added x=ab y=', 'updated x=b y=a', 'deleted x=b y=']);
    expect(() => informer.byIndex('none', '')).toThrow('has no index "none"');
  });

  test('CLT29: a subscriber that throws keeps nothing from the others', async () => {
    const { informer } = await synced(added('a', 3));
    informer.subscribe(() => {
      throw new Error('bad object');
    });
    const heard: string[] = [];
    informer.subscribe(({ kind, object }) => heard.push(`${kind} ${object.metadata.name}`));
    await newest().send(added('b', 11), added('c', 12));
    expect(heard).toEqual(['added a', 'added b', 'added c']);
  });

  test('CLT31: bookmarks move the revision, and who waits is called once', async () => {
    const { informer } = await synced();
    let calls = 0;
    informer.onRevision?.(15, () => calls++);
    const forget = informer.onRevision?.(15, () => (calls += 100));
    forget?.();
    await newest().send(bookmark(14));
    expect(calls).toBe(0);
    await newest().send(bookmark(16), bookmark(17));
    expect([calls, informer.revision]).toEqual([1, 17]);
  });
});

describe('interruptions', () => {
  test('CLT24: after a watch ended it goes on from its revision', async () => {
    const { heard } = await synced(added('a', 3));
    await newest().send(added('b', 12));
    await clock.advance(1000);
    await newest().end();
    expect([watches.length, newest().query.resourceVersion]).toEqual([2, '12']);
    await newest().send(deleted('b', 13));
    expect(heard.at(-1)).toBe('deleted b@13');
  });

  test('CLT24: after 410 the state is read again, and what is missing is delivered as deleted', async () => {
    const { heard, informer } = await synced(added('a', 3), added('b', 4));
    await newest().end(new ApiError({ status: 410, reason: 'Expired', message: 'too old' }));
    expect(newest().query.sendInitialEvents).toBe(true);
    await newest().send(added('b', 14), added('c', 15));
    expect([heard.length, informer.get('a') !== undefined]).toEqual([2, true]);
    await newest().send(bookmark(20, true));
    expect(heard.slice(2)).toEqual(['deleted a@3', 'updated b@14', 'added c@15']);
  });

  test('CLT22: a state older than the cache is not taken', async () => {
    const { heard, informer } = await synced(added('a', 3));
    await newest().end(new ApiError({ status: 410, reason: 'Expired', message: 'too old' }));
    await newest().send(bookmark(8, true));
    expect([heard, informer.revision]).toEqual([['added a@3'], 10]);
    await clock.advance(200);
    await newest().send(added('a', 3), bookmark(11, true));
    expect([heard, informer.revision]).toEqual([['added a@3'], 11]);
  });

  test('CLT26: failures and streams that end at once are tried again with growing pauses', async () => {
    follow();
    await nextTurn();
    const opened: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      opened.push(clock.elapsed());
      const before = watches.length;
      await newest().end(attempt % 2 === 0 ? new Error('reset') : undefined);
      while (watches.length === before) await clock.advance(10);
    }
    const pauses = opened.slice(1).map((at, i) => at - (opened[i] ?? 0));
    expect(pauses.every((pause, i) => pause > 1.5 * (pauses[i - 1] ?? 50))).toBe(true);
  });

  test('CLT26: a stream that is silently dead is given up', async () => {
    await synced(added('a', 3));
    await clock.advance(631_000);
    expect([watches.length, newest().query.resourceVersion]).toEqual([2, '10']);
  });
});

test('CLT21: waiting for the caches ends with the signal', async () => {
  const informer = source.informer(persistentVolumes);
  const giveUp = new AbortController();
  const waiting = informer.whenSynced(giveUp.signal);
  giveUp.abort();
  await waiting;
  const object: ApiObject | undefined = informer.get('a');
  expect([informer.synced, object]).toEqual([false, undefined]);
});
