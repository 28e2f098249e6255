// Remembers when something was first seen in its present state, by the monotonic clock: when a node last spoke, and
// since when a node is missing. Bounded by the objects there are: what is gone is forgotten.
// Rule NLC4 is carried out here too.
export class Observations {
  readonly #seen = new Map<string, { readonly state: string; readonly at: number }>();

  /** How long `key` has been in `state`, now being `now`; 0 when it has just come to it. */
  ageOf(key: string, state: string, now: number): number {
    const seen = this.#seen.get(key);
    if (seen?.state === state) return now - seen.at;
    this.#seen.set(key, { state, at: now });
    return 0;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
