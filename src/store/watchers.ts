// The watches on one store: first what happened after the requested revision, then every batch as it becomes visible,
// in order, without gaps and without repeats. A sink that writes to the store while it is called changes no order.
import type { Mvcc } from './mvcc.ts';
import type { ChangeBatch, Revision, WatchQuery, WatchSink } from './store.ts';
import { orderForm } from './key-order.ts';

interface Watcher {
  readonly after: Revision;
  /** Order forms. */
  readonly start: string;
  readonly end: string;
  readonly sink: WatchSink;
  /** Everything up to here has been delivered, or did not concern this watcher. */
  delivered: Revision;
  started: boolean;
}

export class Watchers {
  readonly #state: Mvcc;
  readonly #watchers = new Set<Watcher>();
  readonly #pending: ChangeBatch[] = [];
  #publishing = false;
  #closed = false;

  constructor(state: Mvcc) {
    this.#state = state;
  }

  /** The first call into the sink comes after this returned, so that it can use the returned function. */
  add(query: WatchQuery, sink: WatchSink): () => void {
    const watcher: Watcher = {
      after: query.after,
      start: orderForm(query.start),
      end: orderForm(query.end),
      sink,
      delivered: query.after,
      started: false,
    };
    this.#watchers.add(watcher);
    queueMicrotask(() => this.#start(watcher));
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Hands a batch that the state already shows to every watcher it concerns. */
  publish(batch: ChangeBatch): void {
    this.#pending.push(batch);
    if (this.#publishing) return;
    this.#publishing = true;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      for (const watcher of Array.from(this.#watchers)) {
        if (watcher.started) this.#deliver(watcher, next);
      }
    }
    this.#publishing = false;
  }

  close(): void {
    this.#closed = true;
    for (const watcher of Array.from(this.#watchers)) this.#end(watcher, { kind: 'closed' });
  }

  #start(watcher: Watcher): void {
    if (!this.#watchers.has(watcher)) return;
    if (this.#closed) {
      this.#end(watcher, { kind: 'closed' });
    } else if (watcher.after < this.#state.oldestResume) {
      this.#end(watcher, { kind: 'compacted', oldest: this.#state.compactedTo });
    } else {
      this.#replay(watcher);
    }
  }

  /** Delivers the past. Sinks may write meanwhile, so it ends only when nothing is left, and live delivery begins. */
  #replay(watcher: Watcher): void {
    for (;;) {
      const batches = this.#state.batchesAfter(watcher.delivered);
      if (batches.length === 0) break;
      for (const batch of batches) this.#deliver(watcher, batch);
      if (!this.#watchers.has(watcher)) return;
    }
    watcher.started = true;
  }

  #deliver(watcher: Watcher, batch: ChangeBatch): void {
    if (batch.revision <= watcher.delivered || !this.#watchers.has(watcher)) return;
    watcher.delivered = batch.revision;
    const events = batch.events.filter(({ entry }) => {
      const form = orderForm(entry.key);
      return form >= watcher.start && form < watcher.end;
    });
    if (events.length > 0) guarded(() => watcher.sink.onBatch({ revision: batch.revision, events }));
  }

  #end(watcher: Watcher, reason: Parameters<WatchSink['onEnd']>[0]): void {
    if (this.#watchers.delete(watcher)) guarded(() => watcher.sink.onEnd(reason));
  }
}

/** A sink that throws broke its contract: that stops the process, but not the delivery to the other watchers. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
