// The current objects of one kind, sorted by key, with their last changes and their watchers.
import { sortedTree } from '#store/sorted-tree.ts';
import type { Revision } from '#store/store.ts';
import { CacheEvent } from './cache-event.ts';
import { EventRing } from './event-ring.ts';
import type { ObjectSelector } from './object-selector.ts';
import type { StoredObject } from './stored-object.ts';
import { Watcher } from './watcher.ts';
import { WatcherIndex } from './watcher-index.ts';

export interface CacheLimits {
  /** Changes kept per kind. */
  readonly history: number;
  /** Items a watcher may be behind before it is cut off. */
  readonly backlog: number;
  /** Watchers of one kind. */
  readonly watchers: number;
}

export class KindCache {
  readonly #objects = sortedTree<string, StoredObject>(compareText);
  readonly #ring: EventRing;
  readonly #watchers = new WatcherIndex();
  readonly #limits: CacheLimits;
  #changes = 0;

  constructor(since: Revision, limits: CacheLimits) {
    this.#ring = new EventRing(since, limits.history);
    this.#limits = limits;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Rises with every change: two equal readings mean that nothing has changed in between. */
  get changes(): number {
    return this.#changes;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Objects with start <= key < end, in key order. */
  *range(start: string, end: string): Iterable<StoredObject> {
    for (const [key, stored] of this.#objects.entries(start)) {
      if (key >= end) return;
      yield stored;
    }
  }

  /** Puts an object as found at the start, without an event. */
  load(stored: StoredObject): void {
    this.#changes += 1;
    this.#objects.set(stored.key, stored);
  }

  apply(revision: Revision, key: string, current: StoredObject | undefined): void {
    const previous = this.#objects.get(key);
    if (current === undefined) this.#objects.delete(key);
    else this.#objects.set(key, current);
    if (current === undefined && previous === undefined) return;
    this.#changes += 1;
    const event = new CacheEvent(revision, current, previous);
    this.#ring.add(event);
    this.#watchers.offer(event);
  }

  /** The oldest revision a watch can begin after. */
  get oldest(): Revision {
    return this.#ring.oldest;
  }

  /**
   * Starts a watcher with the changes after `after` already queued; `after` undefined: from now on. 'too-old': they are
   * gone. 'too-many': no further watcher fits. End it with `stop`.
   */
  watch(
    selector: ObjectSelector,
    options: { readonly bookmarks: boolean; readonly after: Revision | undefined },
  ): Watcher | 'too-old' | 'too-many' {
    if (this.#watchers.size >= this.#limits.watchers) return 'too-many';
    const missed = options.after === undefined ? [] : this.#ring.after(options.after);
    if (missed === undefined) return 'too-old';
    const capacity = this.#limits.backlog + missed.length;
    const watcher = new Watcher(selector, { bookmarks: options.bookmarks, capacity });
    for (const event of missed) watcher.offer(event);
    this.#watchers.add(watcher);
    return watcher;
  }

  stop(watcher: Watcher): void {
    watcher.close();
    this.#watchers.remove(watcher);
  }

  watchers(): Iterable<Watcher> {
    return this.#watchers.all();
  }
}

/** Keys are ASCII, where UTF-16 order is byte order. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
