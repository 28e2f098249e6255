// The embedded engine. A transaction is decided at once against what is there and what is on its way to the disk, then
// written with others in one group; it becomes visible and is acknowledged only once synced.
//
//   commit ─ decide against (visible + pending) ─▶ pending ─ group sync ─▶ visible ─▶ watchers, then the answer
//
// 1. Revisions are given in the order of the decisions, and groups are written in that order, one at a time.
// 2. Nothing that is not synced is ever shown: a conflict with a pending write is answered after that write is synced.
// 3. A failed write leaves the outcome unknown: every waiting commit rejects and the process must stop and read the
//    file again, since after a failed sync the kernel's pages and the disk differ (fsync is never tried twice).
import { assert } from '#base/assert.ts';
import { MAX_KEY_BYTES } from '../record-format.ts';
import type { Mvcc } from '../mvcc.ts';
import type {
  ChangeBatch,
  CommitResult,
  KeyValue,
  RangeQuery,
  RangeResult,
  Revision,
  Store,
  WatchQuery,
  WatchSink,
} from '../store.ts';
import { decideTransaction, type Transaction } from '../transaction.ts';
import { Watchers } from '../watchers.ts';
import { LmdbFile } from './lmdb-file.ts';

export interface LmdbOptions {
  /** The lock on the directory, as proof that no other process has the store open. Let go of when the store closes. */
  readonly held: Disposable;
  /** A write failed: the process must stop. Called once. */
  readonly onFailure: (error: StoreFailedError) => void;
}

/** A write to the disk failed. What was being written is perhaps there, perhaps not. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError';
  constructor(path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `Writing to the store "${path}" failed: ${why}: the process stops, and reads the disk anew when started`,
      {
        cause,
      },
    );
  }
}

/** Opens the store in the directory `path`, which is made when it is not there, and reads all of it. */
export async function openLmdbStore(path: string, options: LmdbOptions): Promise<Store> {
  const file = new LmdbFile(path);
  return new LmdbStore(file, file.load(), { ...options, path });
}

/** Few enough that a group is on disk soon, many enough that one sync serves everybody who waits. */
const GROUP_SIZE = 256;

/** A batch on its way to the disk, or, without one, somebody who waits for those before. */
interface Pending {
  readonly batch: ChangeBatch | undefined;
  readonly resolve: (revision: Revision) => void;
  readonly reject: (error: unknown) => void;
}

class LmdbStore implements Store {
  readonly #file: LmdbFile;
  readonly #state: Mvcc;
  readonly #watchers: Watchers;
  readonly #options: LmdbOptions & { readonly path: string };
  /** What pending batches leave behind, by key. */
  readonly #pendingHead = new Map<
    string,
    { readonly entry: KeyValue | undefined; readonly revision: Revision }
  >();
  readonly #queue: Pending[] = [];
  #given: Revision;
  #writing: Promise<void> | undefined;
  #compacting: Promise<void> = Promise.resolve();
  #failure: StoreFailedError | undefined;
  #closed = false;

  constructor(file: LmdbFile, state: Mvcc, options: LmdbOptions & { readonly path: string }) {
    this.#file = file;
    this.#state = state;
    this.#watchers = new Watchers(state);
    this.#options = options;
    this.#given = state.revision;
  }

  get revision(): Revision {
    return this.#state.revision;
  }

  get compactedTo(): Revision {
    return this.#state.compactedTo;
  }

  async range(query: RangeQuery): Promise<RangeResult> {
    this.#assertUsable();
    return this.#state.range(query);
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    this.#assertUsable();
    for (const { key } of transaction.writes) assertKeyFits(key);
    const decision = decideTransaction(transaction, this.#given + 1, (key) => this.#get(key));
    if (decision.kind === 'write')
      return { kind: 'committed', revision: await this.#enqueue(decision.batch) };
    // Decided on what is not yet synced: not a word about it before it is.
    if (transaction.compare.some(({ key }) => this.#pendingHead.has(key))) await this.#enqueue(undefined);
    this.#assertUsable();
    return decision.kind === 'conflict' ? decision : { kind: 'committed', revision: this.revision };
  }

  watch(query: WatchQuery, sink: WatchSink): () => void {
    this.#assertUsable();
    return this.#watchers.add(query, sink);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertUsable();
    const compacting = this.#compacting.then(() => this.#compact(revision));
    this.#compacting = compacting.catch(() => undefined);
    await compacting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.#writing, this.#compacting]);
    this.#watchers.close();
    await this.#file.close();
    this.#options.held[Symbol.dispose]();
  }

  #get(key: string): KeyValue | undefined {
    const pending = this.#pendingHead.get(key);
    return pending === undefined ? this.#state.get(key) : pending.entry;
  }

  /** Resolves once the batch, or everything before the call, is visible. */
  #enqueue(batch: ChangeBatch | undefined): Promise<Revision> {
    if (batch !== undefined) this.#remember(batch);
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  #remember(batch: ChangeBatch): void {
    this.#given = batch.revision;
    for (const { kind, entry } of batch.events) {
      this.#pendingHead.set(entry.key, {
        entry: kind === 'put' ? entry : undefined,
        revision: batch.revision,
      });
    }
  }

  /** Resolves when nothing is pending any more. Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      const group = this.#queue.splice(0, GROUP_SIZE);
      try {
        await this.#file.write(group.flatMap(({ batch }) => batch ?? []));
      } catch (error) {
        this.#fail(error, group);
        return;
      }
      for (const { batch, resolve } of group) {
        if (batch !== undefined) this.#publish(batch);
        resolve(this.revision);
      }
    }
    // In the same turn as the last look into the queue: what comes later starts a new round.
    this.#writing = undefined;
  }

  #publish(batch: ChangeBatch): void {
    this.#state.apply(batch);
    for (const { entry } of batch.events) {
      if (this.#pendingHead.get(entry.key)?.revision === batch.revision) this.#pendingHead.delete(entry.key);
    }
    this.#watchers.publish(batch);
  }

  async #compact(revision: Revision): Promise<void> {
    assert(revision <= this.revision, 'history can be compacted only up to the newest revision');
    if (revision <= this.compactedTo) return;
    this.#state.compact(revision);
    try {
      await this.#file.forgetBefore(revision);
    } catch (error) {
      this.#fail(error, []);
      throw this.#failure;
    }
  }

  #fail(cause: unknown, group: readonly Pending[]): void {
    if (this.#failure !== undefined) return;
    this.#failure = new StoreFailedError(this.#options.path, cause);
    for (const { reject } of [...group, ...this.#queue.splice(0)]) reject(this.#failure);
    this.#options.onFailure(this.#failure);
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    assert(!this.#closed, 'a closed store is not used');
  }
}

function assertKeyFits(key: string): void {
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  throw new RangeError(`Writing the key "${key.slice(0, 60)}…": it is longer than ${MAX_KEY_BYTES} bytes`);
}
