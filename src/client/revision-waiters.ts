// Those who wait for an informer to show a revision, in the order of their revisions: an event looks at the ones it
// wakes and at no others, however many wait.

interface Waiter {
  readonly revision: number;
  /** Undefined once it no longer waits. */
  reached: (() => void) | undefined;
}

/** How many may be left behind by their owners before they are swept out. */
const SWEEP_AT = 1024;

export class RevisionWaiters {
  /** By revision. Writes are waited for in about the order of their revisions, so most go to the end. */
  #waiting: Waiter[] = [];
  #next = 0;
  #left = 0;

  /** Calls `reached` once, when `reach` is told of `revision` or a later one; the returned function stops waiting. */
  add(revision: number, reached: () => void): () => void {
    const waiter: Waiter = { revision, reached };
    let at = this.#waiting.length;
    while (at > this.#next && (this.#waiting[at - 1]?.revision ?? 0) > revision) at--;
    if (at === this.#waiting.length) this.#waiting.push(waiter);
    else this.#waiting.splice(at, 0, waiter);
    return () => {
      if (waiter.reached === undefined) return;
      waiter.reached = undefined;
      this.#left += 1;
      if (this.#left > SWEEP_AT) this.#sweep();
    };
  }

  reach(revision: number): void {
    for (let first = this.#waiting[this.#next]; first !== undefined; first = this.#waiting[this.#next]) {
      if (first.revision > revision) return;
      this.#next += 1;
      const { reached } = first;
      first.reached = undefined;
      if (reached === undefined) this.#left -= 1;
      else reached();
    }
    this.#waiting = [];
    this.#next = 0;
  }

  #sweep(): void {
    this.#waiting = this.#waiting.slice(this.#next).filter(({ reached }) => reached !== undefined);
    this.#next = 0;
    this.#left = 0;
  }
}
