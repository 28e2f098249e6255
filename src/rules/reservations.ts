// What a loop has just given to somebody and whose write the cache does not show yet: a volume to a claim, a place to a
// node. Choosing and reserving happen in one synchronous step, so two passes in flight never choose the same thing. It
// only avoids useless conflicts: the write itself is conditional, so a lost reservation costs a retry and nothing else.

interface Reservation {
  readonly holder: string;
  /** The revision of the write, once it is known; the cache takes over from there. */
  readonly revision: number | undefined;
}

export class Reservations {
  readonly #byName = new Map<string, Reservation>();

  /** Holds `name` for the holder while its write is under way. */
  reserve(name: string, holder: string): void {
    this.#byName.set(name, { holder, revision: undefined });
  }

  /** The write succeeded: hold until a cache at `cacheRevision >= revision` shows it. */
  confirm(name: string, holder: string, revision: number): void {
    this.#byName.set(name, { holder, revision });
  }

  release(name: string): void {
    this.#byName.delete(name);
  }

  /** True when another one holds it and a cache at `cacheRevision` does not show that yet. */
  isHeldByOther(name: string, holder: string, cacheRevision: number): boolean {
    const held = this.#byName.get(name);
    if (held === undefined) return false;
    if (held.revision !== undefined && cacheRevision >= held.revision) {
      this.#byName.delete(name);
      return false;
    }
    return held.holder !== holder;
  }
}
