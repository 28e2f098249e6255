// The engine that keeps everything in memory: for tests, simulation and throw-away servers.
import { assert } from '#base/assert.ts';
import { Mvcc } from './mvcc.ts';
import type {
  CommitResult,
  RangeQuery,
  RangeResult,
  Revision,
  Store,
  WatchQuery,
  WatchSink,
} from './store.ts';
import { decideTransaction, type Transaction } from './transaction.ts';
import { Watchers } from './watchers.ts';

/** An empty store that lives as long as the process. */
export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly #state = new Mvcc();
  readonly #watchers = new Watchers(this.#state);
  #closed = false;

  get revision(): Revision {
    return this.#state.revision;
  }

  get compactedTo(): Revision {
    return this.#state.compactedTo;
  }

  async range(query: RangeQuery): Promise<RangeResult> {
    this.#assertOpen();
    return this.#state.range(query);
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    this.#assertOpen();
    const decision = decideTransaction(transaction, this.revision + 1, (key) => this.#state.get(key));
    if (decision.kind === 'conflict') return decision;
    if (decision.kind === 'write') {
      this.#state.apply(decision.batch);
      this.#watchers.publish(decision.batch);
      return { kind: 'committed', revision: decision.batch.revision };
    }
    return { kind: 'committed', revision: this.revision };
  }

  watch(query: WatchQuery, sink: WatchSink): () => void {
    this.#assertOpen();
    return this.#watchers.add(query, sink);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    this.#state.compact(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watchers.close();
  }

  #assertOpen(): void {
    assert(!this.#closed, 'a closed store is not used');
  }
}
