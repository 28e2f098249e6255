// The engine against a reference that is too simple to be wrong: a copy of everything at each revision.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store, Write } from '#store/store.ts';
import { nextTurn } from '../real/turn.ts';
import { bytes, collect, describeChange, dump } from './store-reading.ts';

type State = ReadonlyMap<string, { readonly value: string; readonly modRevision: number }>;

/** The state and the changes of each revision, from 1 on. */
class Model {
  readonly #states: State[] = [new Map()];
  readonly #changes: string[][] = [[]];
  compactedTo = 1;

  get revision(): number {
    return this.#states.length;
  }

  at(revision: number): State {
    return this.#states[revision - 1] ?? new Map();
  }

  dump(revision: number): readonly string[] {
    return [...this.at(revision)].map(([key, { value }]) => `${key}=${value}`).sort();
  }

  changesAfter(after: number): readonly string[] {
    return this.#changes.slice(Math.max(0, after)).flat();
  }

  commit(compare: readonly { key: string; modRevision: number }[], writes: readonly Write[]): boolean {
    const old = this.at(this.revision);
    if (compare.some(({ key, modRevision }) => (old.get(key)?.modRevision ?? 0) !== modRevision))
      return false;
    const next = new Map(old);
    const changes: string[] = [];
    for (const write of writes) {
      const was = old.get(write.key)?.value;
      const value = write.kind === 'put' ? Buffer.from(write.value).toString() : was;
      if (write.kind === 'put') next.set(write.key, { value: value ?? '', modRevision: this.revision + 1 });
      else if (!next.delete(write.key)) continue;
      changes.push(`${this.revision + 1} ${write.kind} ${write.key}=${value} (was ${was})`);
    }
    if (changes.length === 0) return true;
    this.#states.push(next);
    this.#changes.push(changes);
    return true;
  }
}

const key = fc.constantFrom('/a', '/b', '/c/d', '/é');
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      value: fc.nat(99).map((n) => bytes(`${n}`)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
);
const writes = fc.uniqueArray(write, { selector: (one) => one.key, maxLength: 3 });
/** `age` back from the newest revision; below 0 is the future. */
const age = fc.integer({ min: -2, max: 8 });
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      writes,
      compare: fc.array(key, { maxLength: 2 }),
      isStale: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('range' as const), age }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watch' as const), age }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), age: fc.nat(6) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

export function storeModelContract(open: () => Promise<Store>, runs: number): void {
  test('STO29: equals the reference model, whatever the order of what is done', async () => {
    const property = fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const store = await open();
      await runAgainstModel(store, actions);
      await store[Symbol.asyncDispose]();
    });
    await fc.assert(property, { numRuns: runs });
  });
}

async function runAgainstModel(store: Store, actions: readonly Action[]): Promise<void> {
  const model = new Model();
  const watches: { readonly after: number; readonly watch: ReturnType<typeof collect> }[] = [];
  for (const one of actions) {
    const revision = model.revision - ('age' in one ? one.age : 0);
    if (one.kind === 'commit') await commit(store, model, one);
    else if (one.kind === 'range') await range(store, model, revision);
    else if (one.kind === 'compact' && revision >= 1) {
      await store.compact(revision);
      model.compactedTo = Math.max(model.compactedTo, revision);
      expect(store.compactedTo).toBe(model.compactedTo);
    } else if (one.kind === 'watch') {
      const watch = collect(store, { after: revision });
      await nextTurn();
      if (revision >= model.compactedTo - 1) watches.push({ after: revision, watch });
      else expect(watch.ends).toEqual([{ kind: 'compacted', oldest: model.compactedTo }]);
    }
  }
  await nextTurn();
  for (const { after, watch } of watches) {
    const seen = watch.batches.flatMap((batch) =>
      batch.events.map((e) => `${batch.revision} ${describeChange(e)}`),
    );
    expect(seen).toEqual(model.changesAfter(after));
  }
}

async function commit(store: Store, model: Model, one: Extract<Action, { kind: 'commit' }>): Promise<void> {
  const compare = one.compare.map((name) => ({
    key: name,
    modRevision: one.isStale ? 999 : (model.at(model.revision).get(name)?.modRevision ?? 0),
  }));
  const held = model.commit(compare, one.writes);
  const result = await store.commit({ compare, writes: one.writes });
  expect(result.kind).toBe(held ? 'committed' : 'conflict');
  expect(store.revision).toBe(model.revision);
}

async function range(store: Store, model: Model, revision: number): Promise<void> {
  const found = await dump(store, { revision });
  if (revision > model.revision) expect(found).toEqual({ kind: 'future', newest: model.revision });
  else if (revision < model.compactedTo)
    expect(found).toEqual({ kind: 'compacted', oldest: model.compactedTo });
  else expect(found).toEqual(model.dump(revision));
}
