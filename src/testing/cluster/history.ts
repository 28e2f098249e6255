// Everything that ever happened in a store, from its watch: each change with its revision, decoded when it is asked for.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { ChangeBatch, KeyValue, Revision, Store } from '#store/store.ts';

/** One change of one object. */
export interface Change {
  readonly revision: Revision;
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** After the change; of a delete: the last one. */
  readonly object: JsonObject;
  readonly previous: JsonObject | undefined;
}

export class History {
  readonly batches: ChangeBatch[] = [];
  ended: string | undefined;
  readonly #decoded = new WeakMap<KeyValue, JsonObject>();
  readonly #store: Store;

  /** Follows `store` from its very beginning. */
  constructor(store: Store) {
    this.#store = store;
    store.watch(
      { start: '/', end: '0', after: store.compactedTo },
      {
        onBatch: (batch) => {
          this.batches.push(batch);
        },
        onEnd: (reason) => {
          this.ended = reason.kind;
        },
      },
    );
  }

  get revision(): Revision {
    return this.#store.revision;
  }

  /** All changes in order. */
  get changes(): readonly Change[] {
    return this.after(0);
  }

  /** The changes after `revision`. */
  after(revision: Revision): readonly Change[] {
    return this.batches
      .filter((batch) => batch.revision > revision)
      .flatMap((batch) =>
        batch.events.map(({ kind, entry, previous }) => ({
          revision: batch.revision,
          kind,
          key: entry.key,
          object: this.#decode(entry),
          previous: previous === undefined ? undefined : this.#decode(previous),
        })),
      );
  }

  #decode(entry: KeyValue): JsonObject {
    const known = this.#decoded.get(entry);
    if (known !== undefined) return known;
    const value: unknown = JSON.parse(Buffer.from(entry.value).toString());
    const object = isJsonObject(value) ? value : {};
    this.#decoded.set(entry, object);
    return object;
  }
}
