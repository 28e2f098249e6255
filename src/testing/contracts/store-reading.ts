// The few words in which the store's contract is written: writes, dumps, and watches that keep what they got.
import {
  type ChangeBatch,
  type ChangeEvent,
  type KeyValue,
  prefixEnd,
  type Store,
  type WatchQuery,
  type Write,
} from '#store/store.ts';

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const textOf = (entry: KeyValue | undefined): string | undefined =>
  entry && Buffer.from(entry.value).toString();
export const put = (key: string, value = 'x'): Write => ({ kind: 'put', key, value: bytes(value) });
export const remove = (key: string): Write => ({ kind: 'delete', key });

/** Commits without a condition and gives the revision. */
export async function write(store: Store, ...writes: readonly Write[]): Promise<number> {
  const result = await store.commit({ compare: [], writes });
  if (result.kind !== 'committed') throw new Error('a transaction without compares cannot conflict');
  return result.revision;
}

/** What a range holds, as `key=value`. */
export async function dump(store: Store, query: Partial<Parameters<Store['range']>[0]> = {}) {
  const result = await store.range({ start: '/', end: prefixEnd('/'), ...query });
  if (result.kind !== 'range') return result;
  return result.items.map((entry) => `${entry.key}=${textOf(entry)}`);
}

/** A watch that keeps what it got. */
export function collect(store: Store, query: Partial<WatchQuery> = {}) {
  const batches: ChangeBatch[] = [];
  const ends: unknown[] = [];
  const stop = store.watch(
    { start: '/', end: '0', after: store.revision, ...query },
    { onBatch: (batch) => batches.push(batch), onEnd: (reason) => ends.push(reason) },
  );
  return { batches, ends, stop, revisions: () => batches.map(({ revision }) => revision) };
}

/** `put /a=2 (was 1)` */
export function describeChange({ kind, entry, previous }: ChangeEvent): string {
  return `${kind} ${entry.key}=${textOf(entry)} (was ${textOf(previous)})`;
}
