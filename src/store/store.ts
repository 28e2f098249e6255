// The store: etcd's model behind one interface. One global revision; a key has its create and mod revision and a
// version; compare-and-write transactions; ranges and watches at and from a revision; compaction. Engines (memory,
// lmdb, later etcd) pass the one suite in testing/contracts/store.

/** A global revision. Strictly increases with every committed transaction that writes, for ever (I-31). */
export type Revision = number;

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 at creation, plus one a change. */
  readonly version: number;
}

export interface RangeQuery {
  /** Inclusive. Keys sort by their UTF-8 bytes. */
  readonly start: string;
  /** Exclusive; absent: the single key `start`. */
  readonly end?: string;
  /** At most this many; absent: all. */
  readonly limit?: number;
  /** As of this revision; absent: the newest. */
  readonly revision?: Revision;
}

export type RangeResult =
  | {
      readonly kind: 'range';
      readonly revision: Revision;
      readonly items: readonly KeyValue[];
      /** Keys in the range beyond `limit`. */
      readonly remaining: number;
    }
  | { readonly kind: 'compacted'; readonly oldest: Revision }
  | { readonly kind: 'future'; readonly newest: Revision };

/** Holds when the key's mod revision is exactly this; 0 means that the key does not exist. */
export interface Compare {
  readonly key: string;
  readonly modRevision: Revision;
}

export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

export type CommitResult =
  /** Every compare held; all writes share `revision`. Resolves only once synced (a crash cannot undo it). */
  | { readonly kind: 'committed'; readonly revision: Revision }
  /** A compare failed: nothing was written. `current` is what the compared keys hold now. */
  | { readonly kind: 'conflict'; readonly current: ReadonlyMap<string, KeyValue | undefined> };

export interface ChangeEvent {
  readonly kind: 'put' | 'delete';
  /** For a delete: the key, the last value and the revision of the deletion as modRevision. */
  readonly entry: KeyValue;
  readonly previous: KeyValue | undefined;
}

/** All changes of one revision, in one piece (I-32, atomic). */
export interface ChangeBatch {
  readonly revision: Revision;
  readonly events: readonly ChangeEvent[];
}

export interface WatchQuery {
  readonly start: string;
  readonly end: string;
  /** Deliver everything after this revision. */
  readonly after: Revision;
}

export interface WatchSink {
  /** Called in revision order without gaps. Must not throw and must not block. */
  onBatch(batch: ChangeBatch): void;
  /** The watch has ended: `compacted` when history after the requested revision is gone. */
  onEnd(
    reason: { readonly kind: 'compacted'; readonly oldest: Revision } | { readonly kind: 'closed' },
  ): void;
}

export interface Store extends AsyncDisposable {
  /** The newest committed revision. 1 on an empty store. */
  readonly revision: Revision;
  /** The oldest revision that can still be read. */
  readonly compactedTo: Revision;
  range(query: RangeQuery): Promise<RangeResult>;
  commit(transaction: {
    readonly compare: readonly Compare[];
    readonly writes: readonly Write[];
  }): Promise<CommitResult>;
  /** Starts a watch; the returned function ends it (no further calls into the sink). */
  watch(query: WatchQuery, sink: WatchSink): () => void;
  /** Forgets history before `revision`. */
  compact(revision: Revision): Promise<void>;
}

/** The end of the range of all keys that begin with `prefix`. `prefixEnd('/pods/')` is `/pods0`. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
