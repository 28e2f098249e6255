// Holds the event loop at most 2 ms a turn (law 8): passes that finish without waiting would otherwise run one after
// the other in microtasks, and nothing else in the process would get a turn.
import type { Clock, Timer } from '#base/clock.ts';

const TURN_MS = 2;

export class TurnBudget {
  readonly #clock: Clock;
  readonly #onNextTurn: () => void;
  #turn: { readonly startedAt: number; readonly timer: Timer; isSpent: boolean } | undefined;

  /** `onNextTurn` is called at the start of the turn after one whose budget was spent. */
  constructor(clock: Clock, onNextTurn: () => void) {
    this.#clock = clock;
    this.#onNextTurn = onNextTurn;
  }

  /** True while this turn has time left. The first call of a turn starts its clock. */
  mayStart(): boolean {
    const turn = this.#turn;
    if (turn === undefined) {
      const timer = this.#clock.after(0, 'deadline', () => this.#end());
      this.#turn = { startedAt: this.#clock.elapsed(), timer, isSpent: false };
      return true;
    }
    if (this.#clock.elapsed() - turn.startedAt < TURN_MS) return true;
    turn.isSpent = true;
    return false;
  }

  cancel(): void {
    this.#turn?.timer.cancel();
    this.#turn = undefined;
  }

  #end(): void {
    const wasSpent = this.#turn?.isSpent === true;
    this.#turn = undefined;
    if (wasSpent) this.#onNextTurn();
  }
}
