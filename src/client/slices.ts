// Work on many small things, cut into slices: each takes its turn of the event loop and works for a while.
import type { Clock, TurnKind } from '#base/clock.ts';

export class Slices {
  readonly #clock: Clock;
  readonly #kind: TurnKind;
  readonly #sliceMs: number;
  #end = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, kind: TurnKind, sliceMs: number) {
    this.#clock = clock;
    this.#kind = kind;
    this.#sliceMs = sliceMs;
  }

  /** Undefined while this slice has time left; else resolves when the next one begins. */
  next(): Promise<void> | undefined {
    if (this.#clock.elapsed() < this.#end) return undefined;
    const turn = this.#clock.turn(this.#kind);
    if (turn === undefined) this.#begin();
    return turn?.then(() => this.#begin());
  }

  #begin(): void {
    this.#end = this.#clock.elapsed() + this.#sliceMs;
  }
}
