// What every engine of the store must do: transactions, ranges and compaction here, watches and the reference model in
// the files beside it.
import { afterEach, describe, expect, test } from 'vitest';
import type { CommitResult, Store } from '#store/store.ts';
import { dump, put, remove, textOf, write } from './store-reading.ts';
import { storeModelContract } from './store-model.ts';
import { storeWatchContract } from './store-watch.ts';

export interface StoreContract {
  readonly name: string;
  /** An empty store. */
  readonly open: () => Promise<Store>;
  /** Runs of the reference model; fewer for engines that sync to a disk. */
  readonly modelRuns: number;
}

export function storeContract(contract: StoreContract): void {
  const opened: Store[] = [];
  const open = async () => {
    const store = await contract.open();
    opened.push(store);
    return store;
  };
  afterEach(async () => {
    for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
  });
  describe(`${contract.name}: transactions`, () => transactions(open));
  describe(`${contract.name}: ranges`, () => ranges(open));
  describe(`${contract.name}: compaction`, () => compaction(open));
  describe(`${contract.name}: watches`, () => storeWatchContract(open));
  describe(`${contract.name}: reference model`, () => storeModelContract(open, contract.modelRuns));
}

type Open = () => Promise<Store>;

function transactions(open: Open): void {
  test('STO1: revisions begin at 1 and rise by one with each transaction that writes', async () => {
    const store = await open();
    expect([store.revision, store.compactedTo]).toEqual([1, 1]);
    expect(await write(store, put('/a'), put('/b'))).toBe(2);
    expect(await write(store, remove('/a'))).toBe(3);
    const result = await store.range({ start: '/b' });
    expect(result).toMatchObject({ kind: 'range', revision: 3, items: [{ key: '/b', modRevision: 2 }] });
  });

  test('STO2: a transaction that changes nothing leaves the revision alone', async () => {
    const store = await open();
    expect(await write(store)).toBe(1);
    expect(await write(store, remove('/absent'))).toBe(1);
    expect(store.revision).toBe(1);
  });

  test('STO3: createRevision stays, version rises, and a deleted key begins anew', async () => {
    const store = await open();
    await write(store, put('/a', '1'));
    await write(store, put('/a', '2'));
    const versionsOf = async () => {
      const result = await store.range({ start: '/a' });
      const [entry] = result.kind === 'range' ? result.items : [];
      return [entry?.createRevision, entry?.modRevision, entry?.version];
    };
    expect(await versionsOf()).toEqual([2, 3, 2]);
    await write(store, remove('/a'));
    await write(store, put('/a', '3'));
    expect(await versionsOf()).toEqual([5, 5, 1]);
  });

  test('STO3: concurrent puts of one key each raise its version by one', async () => {
    const store = await open();
    const writers = Array.from({ length: 3 }, async (_, writer) => {
      for (let i = 0; i < 20; i++) await write(store, put('/a', `${writer}`));
    });
    await Promise.all(writers);
    const result = await store.range({ start: '/a' });
    expect(result).toMatchObject({ items: [{ createRevision: 2, modRevision: 61, version: 60 }] });
  });

  test('STO4: a failed compare writes nothing and says what the keys hold', async () => {
    const store = await open();
    await write(store, put('/a', '1'));
    const compare = [
      { key: '/a', modRevision: 2 },
      { key: '/b', modRevision: 7 },
    ];
    const refused = await store.commit({ compare, writes: [put('/a', '2'), put('/c')] });
    expect(refused.kind).toBe('conflict');
    if (refused.kind === 'conflict') {
      expect(textOf(refused.current.get('/a'))).toBe('1');
      expect(refused.current.has('/b') && refused.current.get('/b')).toBeUndefined();
    }
    expect([store.revision, await dump(store)]).toEqual([2, ['/a=1']]);
    const created = await store.commit({ compare: [{ key: '/b', modRevision: 0 }], writes: [put('/b')] });
    expect(created).toEqual({ kind: 'committed', revision: 3 });
    const again = await store.commit({ compare: [{ key: '/b', modRevision: 0 }], writes: [put('/b')] });
    expect(again.kind).toBe('conflict');
  });

  test('STO5: of many concurrent transactions on one revision exactly one commits', async () => {
    const store = await open();
    for (let round = 0, revision = 0; round < 10; round++) {
      const compare = [{ key: '/counter', modRevision: revision }];
      const attempts = Array.from({ length: 20 }, (_, i) =>
        store.commit({ compare, writes: [put('/counter', String(i))] }),
      );
      const committed: CommitResult[] = (await Promise.all(attempts)).filter(
        ({ kind }) => kind === 'committed',
      );
      expect(committed.length).toBe(1);
      revision = store.revision;
    }
  });

  test('STO5: concurrent increments are never lost', async () => {
    const store = await open();
    const increment = async (): Promise<void> => {
      for (;;) {
        const result = await store.range({ start: '/counter' });
        const entry = result.kind === 'range' ? result.items[0] : undefined;
        const writes = [put('/counter', String(Number(textOf(entry) ?? 0) + 1))];
        const compare = [{ key: '/counter', modRevision: entry?.modRevision ?? 0 }];
        if ((await store.commit({ compare, writes })).kind === 'committed') return;
      }
    };
    await Promise.all(Array.from({ length: 25 }, increment));
    expect(await dump(store)).toEqual(['/counter=25']);
  });

  test('STO6: a read after an acknowledged write sees it', async () => {
    const store = await open();
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const revision = await write(store, put(`/k${i}`, String(i)));
        expect(store.revision).toBeGreaterThanOrEqual(revision);
        expect(await dump(store, { start: `/k${i}`, end: `/k${i}\0` })).toEqual([`/k${i}=${i}`]);
      }),
    );
  });

  test('STO7: a transaction that writes a key twice is refused without an effect', async () => {
    const store = await open();
    await expect(store.commit({ compare: [], writes: [put('/a'), remove('/a')] })).rejects.toThrow(
      /at most once/,
    );
    expect(store.revision).toBe(1);
  });
}

function ranges(open: Open): void {
  test('STO8: keys sort by their UTF-8 bytes, start is inside and end is not', async () => {
    const store = await open();
    // U+10000 sorts after U+FFFD in UTF-8 and before it in UTF-16.
    const keys = ['/a', '/a/b', '/a0', '/b', '/é', '/\ufffd', '/\u{10000}'];
    for (const key of keys.toReversed()) await write(store, put(key));
    const all = await store.range({ start: '/', end: '0' });
    expect(all.kind === 'range' && all.items.map(({ key }) => key)).toEqual(keys);
    expect(await dump(store, { start: '/a', end: '/b' })).toEqual(['/a=x', '/a/b=x', '/a0=x']);
    const one = await store.range({ start: '/a' });
    expect(one.kind === 'range' && one.items.map(({ key }) => key)).toEqual(['/a']);
  });

  test('STO9: pages at one revision join to the whole, whatever is written meanwhile', async () => {
    const store = await open();
    for (let i = 0; i < 10; i++) await write(store, put(`/k${i}`));
    const revision = store.revision;
    const pages: string[] = [];
    let start = '/';
    for (;;) {
      const page = await store.range({ start, end: '0', limit: 4, revision });
      if (page.kind !== 'range') throw new Error(page.kind);
      pages.push(...page.items.map(({ key }) => key));
      expect(page.remaining).toBe(10 - pages.length);
      if (page.remaining === 0) break;
      start = `${page.items.at(-1)?.key}\0`;
      await write(store, remove(`/k${pages.length}`), put(`/k${pages.length}x`));
    }
    expect(pages).toEqual(Array.from({ length: 10 }, (_, i) => `/k${i}`));
  });

  test('STO10: an old revision shows exactly what was there', async () => {
    const store = await open();
    const states: unknown[] = [await dump(store)];
    for (const writes of [
      [put('/a', '1')],
      [put('/b', '1'), put('/a', '2')],
      [remove('/a')],
      [put('/a', '3'), remove('/b')],
      [remove('/a')],
    ]) {
      await write(store, ...writes);
      states.push(await dump(store));
    }
    for (const [index, state] of states.entries())
      expect(await dump(store, { revision: index + 1 })).toEqual(state);
  });

  test('STO11: a future revision is not answered with an older state', async () => {
    const store = await open();
    await write(store, put('/a'));
    expect(await dump(store, { revision: 3 })).toEqual({ kind: 'future', newest: 2 });
  });
}

function compaction(open: Open): void {
  test('STO25: what is older says compacted, and the compaction revision itself is readable', async () => {
    const store = await open();
    for (const value of ['1', '2', '3', '4']) await write(store, put('/a', value));
    await store.compact(4);
    expect(store.compactedTo).toBe(4);
    expect(await dump(store, { revision: 3 })).toEqual({ kind: 'compacted', oldest: 4 });
    expect(await dump(store, { revision: 4 })).toEqual(['/a=3']);
    expect(await dump(store)).toEqual(['/a=4']);
  });

  test('STO26: compacting on a delete keeps the absence of the key and the rest of the state', async () => {
    const store = await open();
    await write(store, put('/a', '1'));
    await write(store, put('/b', '1'));
    const deleted = await write(store, remove('/a'));
    await store.compact(deleted);
    expect(await dump(store, { revision: deleted })).toEqual(['/b=1']);
    await write(store, put('/a', '2'));
    expect(await dump(store, { revision: deleted })).toEqual(['/b=1']);
    await store.compact(deleted + 1);
    expect(await dump(store)).toEqual(['/a=2', '/b=1']);
  });

  test('STO27: compaction leaves the newest state and revision alone, and writing goes on', async () => {
    const store = await open();
    for (const value of ['1', '2', '3']) await write(store, put('/a', value));
    await store.compact(store.revision);
    expect([store.revision, await dump(store)]).toEqual([4, ['/a=3']]);
    expect(await write(store, put('/a', '4'))).toBe(5);
    const result = await store.range({ start: '/a' });
    expect(result).toMatchObject({ items: [{ createRevision: 2, modRevision: 5, version: 4 }] });
  });

  test('STO28: compacting twice or backwards is fine, beyond the newest revision it is refused', async () => {
    const store = await open();
    for (const value of ['1', '2', '3']) await write(store, put('/a', value));
    await store.compact(3);
    await store.compact(3);
    await store.compact(2);
    expect(store.compactedTo).toBe(3);
    await expect(store.compact(9)).rejects.toThrow(/up to the newest revision/);
    expect(store.compactedTo).toBe(3);
  });
}
