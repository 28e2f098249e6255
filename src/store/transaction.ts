// Deciding a compare-and-write transaction against a view of the keys. Pure: the engines share it, so that they cannot
// differ in what a transaction means.
import { assert } from '#base/assert.ts';
import type { ChangeBatch, ChangeEvent, Compare, KeyValue, Revision, Write } from './store.ts';

export interface Transaction {
  readonly compare: readonly Compare[];
  readonly writes: readonly Write[];
}

export type Decision =
  | { readonly kind: 'write'; readonly batch: ChangeBatch }
  /** Every compare held and nothing changes: no write was asked for, or only deletes of absent keys. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'conflict'; readonly current: ReadonlyMap<string, KeyValue | undefined> };

/** What `transaction` does at `revision`, given what each key holds. */
export function decideTransaction(
  transaction: Transaction,
  revision: Revision,
  get: (key: string) => KeyValue | undefined,
): Decision {
  const holds = ({ key, modRevision }: Compare) => (get(key)?.modRevision ?? 0) === modRevision;
  if (!transaction.compare.every(holds)) {
    return { kind: 'conflict', current: new Map(transaction.compare.map(({ key }) => [key, get(key)])) };
  }
  const keys = new Set(transaction.writes.map((write) => write.key));
  assert(keys.size === transaction.writes.length, 'a transaction writes each key at most once');
  const events = transaction.writes.flatMap((write) => changeOf(write, revision, get(write.key)));
  return events.length === 0 ? { kind: 'nothing' } : { kind: 'write', batch: { revision, events } };
}

function changeOf(write: Write, revision: Revision, previous: KeyValue | undefined): readonly ChangeEvent[] {
  if (write.kind === 'put') return [{ kind: 'put', entry: putEntry(write, revision, previous), previous }];
  if (previous === undefined) return [];
  return [{ kind: 'delete', entry: { ...previous, modRevision: revision }, previous }];
}

function putEntry(
  write: { readonly key: string; readonly value: Uint8Array },
  revision: Revision,
  previous: KeyValue | undefined,
): KeyValue {
  return {
    key: write.key,
    value: write.value,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    version: (previous?.version ?? 0) + 1,
  };
}
