// One watch: a bounded queue between the cache, which never waits, and a reader who may be slow. A reader who falls
// too far behind is cut off and watches again from where it was; nobody else notices, and nothing is skipped (law 8).
import type { Revision } from '#store/store.ts';
import type { CacheEvent, EventType } from './cache-event.ts';
import type { ObjectSelector } from './object-selector.ts';

export type WatchItem =
  | { readonly kind: 'event'; readonly type: EventType; readonly event: CacheEvent }
  | { readonly kind: 'bookmark'; readonly revision: Revision };

export class Watcher {
  readonly selector: ObjectSelector;
  readonly bookmarks: boolean;
  readonly #capacity: number;
  #queue: WatchItem[] = [];
  #next = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(selector: ObjectSelector, options: { readonly bookmarks: boolean; readonly capacity: number }) {
    this.selector = selector;
    this.bookmarks = options.bookmarks;
    this.#capacity = options.capacity;
  }

  get closed(): boolean {
    return this.#closed;
  }

  offer(event: CacheEvent): void {
    const type = event.seenBy(this.selector.matches);
    if (type !== undefined) this.#push({ kind: 'event', type, event });
  }

  bookmark(revision: Revision): void {
    // A reader with a backlog learns its revision from the events themselves.
    if (this.bookmarks && this.#next === this.#queue.length) this.#push({ kind: 'bookmark', revision });
  }

  /** Ends the stream; what is queued is still delivered unless the reader was too slow. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The next item; undefined once closed and empty. One reader at a time. */
  async next(): Promise<WatchItem | undefined> {
    for (;;) {
      const item = this.#queue[this.#next];
      if (item !== undefined) {
        this.#next += 1;
        if (this.#next === this.#queue.length) this.#clear();
        return item;
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #push(item: WatchItem): void {
    if (this.#closed) return;
    if (this.#queue.length - this.#next >= this.#capacity) {
      this.#clear();
      this.close();
      return;
    }
    this.#queue.push(item);
    this.#wake?.();
  }

  #clear(): void {
    this.#queue = [];
    this.#next = 0;
  }
}
