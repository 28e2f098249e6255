// Shares the event loop between pieces of work: a piece that finishes without waiting would otherwise pull the next one
// behind it in microtasks, and timers, sockets and everybody else in the process would wait until all of them are done.
//
//   take() ──▶ a batch runs, with every microtask it leads to ──▶ time left? ──▶ a batch of those who wait
//                                                                     └─ no: timers and sockets, then a new turn
//
// 1. The next batch begins when the microtasks of the one before have run out. Its size is what the pieces before it
//    took: as many as fit into a turn. Alike pieces side by side run through the same code at the same time, which the
//    processor's caches like: one at a time costs a third more.
// 2. News goes before work, since work done on old news is done twice. But a batch without work is followed by one that
//    begins with it, so that a flood of news stops nobody. Of a kind: first come, first served.
// 3. A turn begins batches for at most TURN_MS.
import { performance } from 'node:perf_hooks';
import type { TurnKind } from '../clock.ts';
import { Fifo } from '../fifo.ts';

/** Law 8 allows 2 ms a turn; the last batch may run over, and what arrives at sockets meanwhile comes on top. */
const TURN_MS = 1.5;

const MAX_BATCH = 32;
/** The weight of a batch's time beside that of all before it. */
const SMOOTHING = 0.1;

export class Turns {
  readonly #news = new Fifo<() => void>();
  readonly #work = new Fifo<() => void>();
  /** Pieces begun in the batch that runs; 0: none runs. */
  #begun = 0;
  #batchStartedAt = 0;
  #batchSize = 1;
  #pieceMs = TURN_MS;
  #turnStartedAt: number | undefined;
  /** The last batch had no work. */
  #isWorkDue = false;

  /** Undefined when the caller's piece may begin at once; else resolves when it may. */
  take(kind: TurnKind): Promise<void> | undefined {
    const isFree = this.#news.size + this.#work.size === 0;
    if (isFree && (this.#begun === 0 ? this.#beginBatch() : this.#begun < this.#batchSize)) {
      this.#begun += 1;
      return undefined;
    }
    return new Promise((resolve) => (kind === 'news' ? this.#news : this.#work).push(resolve));
  }

  /** False when the turn's time is up. */
  #beginBatch(): boolean {
    const now = performance.now();
    if (this.#turnStartedAt === undefined) {
      this.#turnStartedAt = now;
      setImmediate(this.#endTurn);
    }
    const leftMs = TURN_MS - (now - this.#turnStartedAt);
    if (leftMs <= 0) return false;
    this.#batchStartedAt = now;
    this.#batchSize = Math.max(1, Math.min(MAX_BATCH, Math.floor(leftMs / this.#pieceMs)));
    // A tick queued from a microtask runs when no microtask is left; queued from elsewhere it would run before them.
    queueMicrotask(this.#queueEnd);
    return true;
  }

  readonly #queueEnd = (): void => process.nextTick(this.#endBatch);

  readonly #endBatch = (): void => {
    const tookMs = (performance.now() - this.#batchStartedAt) / Math.max(1, this.#begun);
    this.#pieceMs += (tookMs - this.#pieceMs) * SMOOTHING;
    this.#begun = 0;
    this.#beginNext();
  };

  readonly #endTurn = (): void => {
    this.#turnStartedAt = undefined;
    if (this.#begun === 0) this.#beginNext();
  };

  #beginNext(): void {
    if (this.#news.size + this.#work.size === 0 || !this.#beginBatch()) return;
    const isWorkFirst = this.#isWorkDue && this.#work.size > 0;
    let hasWork = false;
    for (; this.#begun < this.#batchSize; this.#begun += 1) {
      const isWork = this.#news.size === 0 || (isWorkFirst && this.#begun === 0);
      const begin = (isWork ? this.#work : this.#news).shift();
      if (begin === undefined) break;
      hasWork ||= isWork;
      begin();
    }
    this.#isWorkDue = !hasWork;
  }
}
