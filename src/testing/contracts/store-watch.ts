// What every engine owes its watchers: etcd's predicates, and the cases where etcd once broke them.
import { expect, test } from 'vitest';
import type { Store } from '#store/store.ts';
import { nextTurn } from '../real/turn.ts';
import { collect, describeChange, put, remove, write } from './store-reading.ts';

type Open = () => Promise<Store>;

export function storeWatchContract(open: Open): void {
  predicates(open);
  contents(open);
  edges(open);
}

function predicates(open: Open): void {
  test('STO12: STO13: STO14: many writers: every change arrives once, in order, without a gap', async () => {
    const store = await open();
    const early = collect(store, { after: 1 });
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 10; i++) await write(store, put(`/w${writer}`, String(i)));
    });
    await nextTurn();
    const late = collect(store, { after: 1 });
    await Promise.all(writers);
    await nextTurn();
    const expected = Array.from({ length: 80 }, (_, i) => i + 2);
    expect(early.revisions()).toEqual(expected);
    expect(late.revisions()).toEqual(expected);
  });

  test('STO15: the changes of a transaction arrive in one batch, in the order of its writes', async () => {
    const store = await open();
    await write(store, put('/gone', '1'));
    const watch = collect(store);
    await write(store, put('/b'), remove('/gone'), put('/a'));
    await nextTurn();
    expect(
      watch.batches.map(({ events }) => events.map(({ kind, entry }) => `${kind} ${entry.key}`)),
    ).toEqual([['put /b', 'delete /gone', 'put /a']]);
  });

  test('STO16: a watch from any revision delivers exactly what came after it', async () => {
    const store = await open();
    for (let i = 0; i < 6; i++) await write(store, put('/a', String(i)));
    const watches = Array.from({ length: 7 }, (_, i) => collect(store, { after: i + 1 }));
    await write(store, put('/a', 'last'));
    await nextTurn();
    for (const [index, watch] of watches.entries()) {
      expect(watch.revisions()).toEqual(Array.from({ length: 7 - index }, (_, i) => index + 2 + i));
    }
  });
}

function contents(open: Open): void {
  test('STO17: STO19: changes carry what was there before, and a delete its last value', async () => {
    const store = await open();
    const past = collect(store);
    await write(store, put('/a', '1'));
    await write(store, put('/a', '2'));
    await write(store, remove('/a'));
    await write(store, put('/a', '3'));
    await nextTurn();
    const replayed = collect(store, { after: 1 });
    await nextTurn();
    const expected = [
      'put /a=1 (was undefined)',
      'put /a=2 (was 1)',
      'delete /a=2 (was 2)',
      'put /a=3 (was undefined)',
    ];
    for (const watch of [past, replayed]) {
      const events = watch.batches.flatMap((batch) => batch.events);
      expect(events.map(describeChange)).toEqual(expected);
      expect(events.map(({ entry }) => entry.modRevision)).toEqual([2, 3, 4, 5]);
    }
  });

  test('STO18: a put that creates is told apart from one that changes', async () => {
    const store = await open();
    const watch = collect(store);
    await write(store, put('/a', '1'));
    await write(store, put('/a', '2'));
    await nextTurn();
    const isCreate = watch.batches.flatMap(({ events }) =>
      events.map(({ entry }) => [entry.createRevision === entry.modRevision, entry.version === 1]),
    );
    expect(isCreate).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  test('STO21: only changes within the watched range arrive', async () => {
    const store = await open();
    const watch = collect(store, { start: '/b', end: '/c', after: 1 });
    await write(store, put('/a'), put('/b'), put('/c'));
    await write(store, put('/a'));
    await write(store, put('/bb'));
    await nextTurn();
    const seen = watch.batches.map(({ revision, events }) => [
      revision,
      ...events.map(({ entry }) => entry.key),
    ]);
    expect(seen).toEqual([
      [2, '/b'],
      [4, '/bb'],
    ]);
  });
}

function edges(open: Open): void {
  test('STO20: a watch of a future revision delivers nothing until it is passed', async () => {
    const store = await open();
    await write(store, put('/a', '1'));
    const watch = collect(store, { after: 4 });
    for (const value of ['2', '3', '4', '5']) await write(store, put('/a', value));
    await nextTurn();
    expect(watch.revisions()).toEqual([5, 6]);
  });

  test('STO22: an ended watch is silent, and closing says so once', async () => {
    const store = await open();
    const stopped = collect(store);
    const stoppedAtOnce = collect(store, { after: 1 });
    stoppedAtOnce.stop();
    const kept = collect(store);
    await write(store, put('/a', '1'));
    stopped.stop();
    await write(store, put('/a', '2'));
    await store[Symbol.asyncDispose]();
    await nextTurn();
    expect([stopped.revisions(), stoppedAtOnce.revisions(), kept.revisions()]).toEqual([[2], [], [2, 3]]);
    expect([stopped.ends, kept.ends]).toEqual([[], [{ kind: 'closed' }]]);
  });

  test('STO23: a sink that writes changes no order for any watcher', async () => {
    const store = await open();
    const before = collect(store, { after: 1 });
    const writes: Promise<unknown>[] = [];
    store.watch(
      { start: '/', end: '0', after: 1 },
      {
        onBatch: ({ revision }) => {
          if (revision < 12) writes.push(write(store, put(`/echo${revision}`)));
        },
        onEnd: () => undefined,
      },
    );
    const after = collect(store, { after: 1 });
    await nextTurn();
    await write(store, put('/a'));
    for (let done = 0; done < writes.length; done++) await writes[done];
    await nextTurn();
    const late = collect(store, { after: 1 });
    await nextTurn();
    const expected = Array.from({ length: store.revision - 1 }, (_, i) => i + 2);
    for (const watch of [before, after, late]) expect(watch.revisions()).toEqual(expected);
  });

  test('STO23: a sink that writes while its past is replayed gets everything once', async () => {
    const store = await open();
    for (const value of ['1', '2', '3']) await write(store, put('/a', value));
    const seen: number[] = [];
    const writes: Promise<unknown>[] = [];
    const stop = store.watch(
      { start: '/', end: '0', after: 1 },
      {
        onBatch: ({ revision }) => {
          seen.push(revision);
          if (revision === 2) writes.push(write(store, put('/b')));
        },
        onEnd: () => undefined,
      },
    );
    expect(seen).toEqual([]);
    await nextTurn();
    await Promise.all(writes);
    await nextTurn();
    expect(seen).toEqual([2, 3, 4, 5]);
    stop();
  });

  test('STO24: what a watch delivers is already readable', async () => {
    const store = await open();
    const reads: Promise<unknown>[] = [];
    const ahead: number[] = [];
    store.watch(
      { start: '/', end: '0', after: 1 },
      {
        onBatch: ({ revision, events }) => {
          if (store.revision < revision) ahead.push(revision);
          for (const { entry } of events) {
            const read = store.range({ start: entry.key, revision });
            reads.push(
              read.then((result) => expect(result).toMatchObject({ kind: 'range', items: [entry] })),
            );
          }
        },
        onEnd: () => undefined,
      },
    );
    await Promise.all(Array.from({ length: 10 }, (_, i) => write(store, put(`/k${i}`))));
    await nextTurn();
    await Promise.all(reads);
    expect([reads.length, ahead]).toEqual([10, []]);
  });

  test('STO25: a watch of history that is gone ends and names the oldest revision', async () => {
    const store = await open();
    for (const value of ['1', '2', '3', '4']) await write(store, put('/a', value));
    const live = collect(store);
    await store.compact(4);
    const tooOld = collect(store, { after: 2 });
    const justKept = collect(store, { after: 3 });
    await write(store, put('/a', '5'));
    await nextTurn();
    expect([tooOld.revisions(), tooOld.ends]).toEqual([[], [{ kind: 'compacted', oldest: 4 }]]);
    expect([justKept.revisions(), justKept.ends]).toEqual([[4, 5, 6], []]);
    expect([live.revisions(), live.ends]).toEqual([[6], []]);
  });

  test('STO26: a delete at the compaction revision still reaches a watch that starts before it', async () => {
    const store = await open();
    await write(store, put('/a', '1'));
    const deleted = await write(store, remove('/a'));
    await store.compact(deleted);
    const watch = collect(store, { after: deleted - 1 });
    await nextTurn();
    expect(watch.batches.flatMap(({ events }) => events.map(describeChange))).toEqual([
      'delete /a=1 (was 1)',
    ]);
  });
}
