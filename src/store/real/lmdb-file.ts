// The lmdb environment under the store: reads everything at start, writes groups of batches, forgets old changes. Knows
// nothing of watches or comparisons.
//
// Async `transaction` runs in lmdb's own thread order and resolves once synced (`overlappingSync: false`). It keeps the
// event loop free: a synchronous commit would block it for the whole disk sync.
import { type Database, open, type RootDatabase } from 'lmdb';
import { Mvcc } from '../mvcc.ts';
import {
  decodeChange,
  decodeChangeKey,
  decodeHead,
  decodeMeta,
  encodeChange,
  encodeChangeKey,
  encodeHead,
  encodeKey,
  encodeMeta,
  FORMAT,
  type Meta,
} from '../record-format.ts';
import { batchesOf, type LoggedChange } from '../redo.ts';
import type { ChangeBatch, KeyValue, Revision } from '../store.ts';

type Table = Database<Buffer, Buffer>;

const EMPTY: Meta = { format: FORMAT, revision: 1, compactedTo: 1 };
const META_KEY = Buffer.from('meta');
/** Address space, not memory or disk: the file grows with what is in it. */
const MAP_BYTES = 16 * 1024 ** 3;
/** Keeps each transaction modest: one that deletes a whole history would hold up every commit behind it. */
const FORGET_AT_ONCE = 1000;

export class StoreFormatError extends Error {
  override readonly name = 'StoreFormatError';
  constructor(path: string, format: number) {
    super(`Opening the store "${path}": its format is ${format}: this Holdfast reads format ${FORMAT}`);
  }
}

export class LmdbFile {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #meta: Table;
  readonly #head: Table;
  readonly #changes: Table;
  readonly #path: string;
  /** The newest meta record; a commit and a compaction each change a field of it. */
  #stored: Meta = EMPTY;

  constructor(path: string) {
    this.#path = path;
    const tables = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const;
    this.#root = open({ path, ...tables, overlappingSync: false, mapSize: MAP_BYTES, maxDbs: 4 });
    this.#meta = this.#root.openDB({ name: 'meta', ...tables });
    this.#head = this.#root.openDB({ name: 'head', ...tables });
    this.#changes = this.#root.openDB({ name: 'changes', ...tables });
  }

  /** Everything that was synced. */
  load(): Mvcc {
    const meta = this.#readMeta();
    return Mvcc.restore({
      ...meta,
      head: this.#readHead(),
      batches: (head) => batchesOf(this.#readLog(), head),
    });
  }

  /** Ranges of binary values hand over a buffer of its own for each, so the entries may keep them. */
  *#readHead(): Generator<KeyValue> {
    for (const { key, value } of this.#head.getRange({})) yield decodeHead(key.toString('utf8'), value);
  }

  #readLog(): readonly LoggedChange[] {
    const log: LoggedChange[] = [];
    for (const { key, value } of this.#changes.getRange({
      start: encodeChangeKey(this.#stored.compactedTo, 0),
    })) {
      log.push({ revision: decodeChangeKey(key), ...decodeChange(value) });
    }
    return log;
  }

  /** Resolves once all batches are synced, together or not at all. */
  async write(batches: readonly ChangeBatch[]): Promise<void> {
    const revision = batches.at(-1)?.revision;
    if (revision === undefined) return;
    await this.#transaction(() => {
      for (const batch of batches) this.#writeBatch(batch);
      this.#writeMeta({ ...this.#stored, revision });
    });
  }

  /** Forgets the changes before `compactedTo`. The mark comes first, so that a crash leaves only garbage behind it. */
  async forgetBefore(compactedTo: Revision): Promise<void> {
    await this.#transaction(() => this.#writeMeta({ ...this.#stored, compactedTo }));
    let isMore = true;
    while (isMore) isMore = await this.#transaction(() => this.#forgetSome(compactedTo));
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async #transaction<R>(act: () => R): Promise<R> {
    try {
      return await this.#root.transaction(act);
    } catch (error) {
      throw await causeOf(error);
    }
  }

  #writeBatch(batch: ChangeBatch): void {
    batch.events.forEach((event, index) => {
      const key = encodeKey(event.entry.key);
      if (event.kind === 'put') this.#head.putSync(key, encodeHead(event.entry));
      else this.#head.removeSync(key);
      this.#changes.putSync(encodeChangeKey(batch.revision, index), encodeChange(event));
    });
  }

  #forgetSome(before: Revision): boolean {
    const range = { end: encodeChangeKey(before, 0), limit: FORGET_AT_ONCE };
    const keys = [...this.#changes.getKeys(range)].map((key) => Buffer.from(key));
    for (const key of keys) this.#changes.removeSync(key);
    return keys.length === FORGET_AT_ONCE;
  }

  #writeMeta(meta: Meta): void {
    this.#stored = meta;
    this.#meta.putSync(META_KEY, encodeMeta(meta));
  }

  #readMeta(): Meta {
    const bytes = this.#meta.getBinary(META_KEY);
    const meta = bytes === undefined ? EMPTY : decodeMeta(bytes);
    if (meta.format !== FORMAT) throw new StoreFormatError(this.#path, meta.format);
    this.#stored = meta;
    return meta;
  }
}

/** lmdb rejects with a general message and hands over the system's own error in a promise beside it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
