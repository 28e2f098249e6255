// The last changes of one kind, so that a watch can begin a little in the past. Bounded: an older start is told that
// its revision is gone and lists again.
import type { Revision } from '#store/store.ts';
import type { CacheEvent } from './cache-event.ts';

export class EventRing {
  readonly #capacity: number;
  #events: CacheEvent[] = [];
  #forgottenUpTo: Revision;

  /** `since`: the state at this revision is known, everything after it will be added. */
  constructor(since: Revision, capacity: number) {
    this.#forgottenUpTo = since;
    this.#capacity = capacity;
  }

  /** The oldest revision after which every change is still here. */
  get oldest(): Revision {
    return this.#forgottenUpTo;
  }

  add(event: CacheEvent): void {
    this.#events.push(event);
    // Dropped in halves: an amortised constant cost, and never less than `capacity` events kept.
    if (this.#events.length < 2 * this.#capacity) return;
    this.#forgottenUpTo = this.#events[this.#events.length - this.#capacity - 1]?.revision ?? event.revision;
    this.#events = this.#events.slice(-this.#capacity);
  }

  /** The changes after `revision`, oldest first; undefined when some of them are gone. */
  after(revision: Revision): readonly CacheEvent[] | undefined {
    if (revision < this.#forgottenUpTo) return undefined;
    let first = this.#events.length;
    while (first > 0 && (this.#events[first - 1]?.revision ?? 0) > revision) first -= 1;
    return this.#events.slice(first);
  }
}
