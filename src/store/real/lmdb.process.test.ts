import { afterAll, describe, expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { holdDirectory } from '#files/hold-directory.ts';
import { realFiles } from '#files/real/files.ts';
import { storeContract } from '#testing/contracts/store.ts';
import { collect, describeChange, dump, put, remove, write } from '#testing/contracts/store-reading.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { encodeMeta, FORMAT } from '../record-format.ts';
import type { ChangeBatch } from '../store.ts';
import { openLmdbStore } from './lmdb.ts';

const root = await mkdtemp(join(tmpdir(), 'holdfast-lmdb-'));
let stores = 0;
const newPath = () => join(root, String(stores++));
afterAll(() => rm(root, { recursive: true }));

const held = { [Symbol.dispose]: () => undefined };
const onFailure = (error: Error): never => {
  throw error;
};
const open = (path: string) => openLmdbStore(path, { held, onFailure });

storeContract({ name: 'lmdb', open: () => open(newPath()), modelRuns: 25 });

describe('lmdb: restart', () => {
  test('STO31: STO32: the revision and the history that is kept are as before', async () => {
    const path = newPath();
    const first = await open(path);
    await write(first, put('/a', '1'), put('/b', '1'));
    await write(first, put('/a', '2'));
    await write(first, remove('/b'));
    await write(first, put('/b', '2'), remove('/a'));
    await first.compact(3);
    const states: unknown[] = [];
    for (let revision = 1; revision <= 5; revision++) states.push(await dump(first, { revision }));
    const events = (batches: readonly ChangeBatch[]) =>
      batches.flatMap((batch) => batch.events.map(describeChange));
    const watch = collect(first, { after: 2 });
    await nextTurn();
    await first[Symbol.asyncDispose]();

    const second = await open(path);
    expect([second.revision, second.compactedTo]).toEqual([5, 3]);
    for (const [index, state] of states.entries())
      expect(await dump(second, { revision: index + 1 })).toEqual(state);
    const replayed = collect(second, { after: 2 });
    await nextTurn();
    expect(events(replayed.batches)).toEqual(events(watch.batches));
    expect(replayed.batches.map(({ revision }) => revision)).toEqual([3, 4, 5]);
    await second[Symbol.asyncDispose]();
  });

  test('STO31: the revision does not fall when everything was deleted and compacted', async () => {
    const path = newPath();
    const first = await open(path);
    await write(first, put('/a'));
    await write(first, remove('/a'));
    await first.compact(first.revision);
    await first[Symbol.asyncDispose]();
    const second = await open(path);
    expect([second.revision, second.compactedTo]).toEqual([3, 3]);
    expect(await write(second, put('/a'))).toBe(4);
    await second[Symbol.asyncDispose]();
  });

  test('STO25: a long history is forgotten in pieces, also by the next process', async () => {
    const path = newPath();
    const first = await open(path);
    await Promise.all(Array.from({ length: 2500 }, (_, i) => write(first, put(`/k${i % 7}`, String(i)))));
    await first.compact(2400);
    await first[Symbol.asyncDispose]();
    const second = await open(path);
    expect(await dump(second, { revision: 2399 })).toEqual({ kind: 'compacted', oldest: 2400 });
    const watch = collect(second, { after: 2399 });
    await nextTurn();
    expect(watch.batches.length).toBe(102);
    await second[Symbol.asyncDispose]();
  });
});

describe('lmdb: durability', () => {
  test('STO33: nothing is visible before it is synced, not even in the answer to a conflict', async () => {
    const store = await open(newPath());
    await write(store, put('/a', '1'));
    const watch = collect(store, { after: 2 });
    const order: string[] = [];
    const first = write(store, put('/a', '2')).then(() => order.push('written'));
    const conflict = store
      .commit({ compare: [{ key: '/a', modRevision: 2 }], writes: [put('/a', '3')] })
      .then((result) => order.push(result.kind));
    expect([store.revision, await dump(store), watch.batches]).toEqual([2, ['/a=1'], []]);
    await Promise.all([first, conflict]);
    expect(order).toEqual(['written', 'conflict']);
    await store[Symbol.asyncDispose]();
  });

  test('STO7: a key that is too long is refused without an effect', async () => {
    const store = await open(newPath());
    await expect(write(store, put(`/${'k'.repeat(2000)}`))).rejects.toThrow(/longer than 1900 bytes/);
    expect(store.revision).toBe(1);
    await store[Symbol.asyncDispose]();
  });
});

describe('lmdb: opening and closing', () => {
  test('STO36: a store of another format is refused', async () => {
    const path = newPath();
    const tables = { encoding: 'binary', keyEncoding: 'binary' } as const;
    const raw = openLmdb<Buffer, Buffer>({ path, ...tables, maxDbs: 4 });
    const meta = { format: 99, revision: 1, compactedTo: 1 };
    await raw.openDB<Buffer, Buffer>({ name: 'meta', ...tables }).put(Buffer.from('meta'), encodeMeta(meta));
    await raw.close();
    await expect(open(path)).rejects.toThrow(`its format is 99: this Holdfast reads format ${FORMAT}`);
  });

  test('STO38: closing lets pending writes finish and then lets go of the directory', async () => {
    const path = newPath();
    const lock = await holdDirectory(realFiles(), path);
    const store = await openLmdbStore(path, { held: lock, onFailure });
    await expect(holdDirectory(realFiles(), path)).rejects.toThrow(/holds its lock/);
    const pending = write(store, put('/a'));
    await store[Symbol.asyncDispose]();
    expect(await pending).toBe(2);
    const again = await openLmdbStore(path, { held: await holdDirectory(realFiles(), path), onFailure });
    expect(await dump(again)).toEqual(['/a=x']);
    await again[Symbol.asyncDispose]();
  });
});
