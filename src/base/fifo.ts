// First in, first out, in constant time however many wait. An array's shift moves what stays, and a Set that is taken
// from at its front walks over what was taken: both cost the square of a long queue.

export class Fifo<T> {
  #items: T[] = [];
  #taken = 0;

  get size(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item, or undefined when there is none. */
  shift(): T | undefined {
    const item = this.#items[this.#taken];
    if (this.size === 0) return undefined;
    this.#taken += 1;
    // Half of it is gone: the rest moves once, so each item has moved at most as often as it has halved.
    if (this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}
