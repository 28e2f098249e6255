// The multi-version state that every engine holds in memory: for each key what it holds now and its changes since the
// last compaction, and the log of changes by revision. Applying is synchronous; engines decide when (lmdb: once synced).
//
// Example, after put a=1 (rev 2), put a=2 (rev 3), delete a (rev 4), compacted to 3:
//   slot a: current undefined, changes [rev 4: delete (previous 2)]; the log keeps revision 3 for watches after 2
// At revision 3 the first later change says `previous` 2. At revision 4 none is later: what is there now, nothing.
import { assert } from '#base/assert.ts';
import { compareOrderForms, orderForm } from './key-order.ts';
import { type SortedTree, sortedTree } from './sorted-tree.ts';
import type { ChangeBatch, ChangeEvent, KeyValue, RangeQuery, RangeResult, Revision } from './store.ts';

interface Slot {
  current: KeyValue | undefined;
  /** Oldest first. Those up to the compaction revision are not needed: nobody may read what was before them. */
  changes: ChangeEvent[];
}

/** What a restart hands over: everything that an earlier process had. */
export interface MvccSnapshot {
  readonly revision: Revision;
  readonly compactedTo: Revision;
  readonly head: Iterable<KeyValue>;
  /** In revision order, from `compactedTo` on, given what each key holds. */
  batches(head: (key: string) => KeyValue | undefined): readonly ChangeBatch[];
}

export class Mvcc {
  #revision: Revision = 1;
  #compactedTo: Revision = 1;
  #batches: ChangeBatch[] = [];
  /** By the order form of the key. */
  readonly #slots: SortedTree<string, Slot> = sortedTree(compareOrderForms);

  get revision(): Revision {
    return this.#revision;
  }

  get compactedTo(): Revision {
    return this.#compactedTo;
  }

  static restore(snapshot: MvccSnapshot): Mvcc {
    const state = new Mvcc();
    state.#revision = snapshot.revision;
    state.#compactedTo = snapshot.compactedTo;
    for (const entry of snapshot.head)
      state.#slots.set(orderForm(entry.key), { current: entry, changes: [] });
    state.#batches = [...snapshot.batches((key) => state.get(key))];
    for (const batch of state.#batches) {
      for (const event of batch.events) state.#slot(event.entry.key).changes.push(event);
    }
    return state;
  }

  get(key: string): KeyValue | undefined {
    return this.#slots.get(orderForm(key))?.current;
  }

  apply(batch: ChangeBatch): void {
    assert(batch.revision > this.#revision, 'a new revision must be above every earlier one');
    for (const event of batch.events) {
      const slot = this.#slot(event.entry.key);
      slot.changes.push(event);
      slot.current = event.kind === 'put' ? event.entry : undefined;
    }
    this.#batches.push(batch);
    this.#revision = batch.revision;
  }

  range(query: RangeQuery): RangeResult {
    const at = query.revision ?? this.#revision;
    if (at > this.#revision) return { kind: 'future', newest: this.#revision };
    if (at < this.#compactedTo) return { kind: 'compacted', oldest: this.#compactedTo };
    if (query.end === undefined) {
      const slot = this.#slots.get(orderForm(query.start));
      const entry = slot && valueAt(slot, at);
      return { kind: 'range', revision: at, items: entry ? [entry] : [], remaining: 0 };
    }
    return this.#scan({ ...query, end: query.end, at });
  }

  #scan(query: { readonly start: string; readonly end: string; readonly limit?: number; at: Revision }) {
    const { start, end, at } = query;
    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    const items: KeyValue[] = [];
    let remaining = 0;
    this.#slots.forRange(orderForm(start), orderForm(end), false, (_key, slot) => {
      const entry = valueAt(slot, at);
      if (entry === undefined) return;
      if (items.length < limit) items.push(entry);
      else remaining++;
    });
    return { kind: 'range' as const, revision: at, items, remaining };
  }

  /** The oldest `after` from which a watch still gets everything: changes at the compaction revision are kept. */
  get oldestResume(): Revision {
    return this.#compactedTo - 1;
  }

  /** Every batch after `after`, oldest first. */
  batchesAfter(after: Revision): readonly ChangeBatch[] {
    return this.#batches.slice(firstAbove(this.#batches, after));
  }

  /** Forgets changes before `revision`. The revision itself stays readable, and the deletions made in it. */
  compact(revision: Revision): void {
    assert(revision <= this.#revision, 'history can be compacted only up to the newest revision');
    if (revision <= this.#compactedTo) return;
    const kept = firstAbove(this.#batches, revision - 1);
    const touched = new Set<string>();
    for (const batch of this.#batches.slice(0, kept)) {
      for (const event of batch.events) touched.add(event.entry.key);
    }
    for (const key of touched) this.#forget(key, revision);
    this.#batches = this.#batches.slice(kept);
    this.#compactedTo = revision;
  }

  #forget(key: string, compactedTo: Revision): void {
    const slot = this.#slot(key);
    slot.changes = slot.changes.filter((event) => event.entry.modRevision > compactedTo);
    if (slot.current === undefined && slot.changes.length === 0) this.#slots.delete(orderForm(key));
  }

  #slot(key: string): Slot {
    const form = orderForm(key);
    const found = this.#slots.get(form);
    if (found !== undefined) return found;
    const made: Slot = { current: undefined, changes: [] };
    this.#slots.set(form, made);
    return made;
  }
}

function valueAt(slot: Slot, at: Revision): KeyValue | undefined {
  const newest = slot.changes.at(-1);
  if (newest === undefined || newest.entry.modRevision <= at) return slot.current;
  return slot.changes.find((event) => event.entry.modRevision > at)?.previous;
}

/** The index of the first batch whose revision is above `revision`. */
function firstAbove(batches: readonly ChangeBatch[], revision: Revision): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const batch = batches[middle];
    if (batch !== undefined && batch.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
