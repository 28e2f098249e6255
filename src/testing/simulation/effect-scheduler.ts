// The one seeded scheduler of a simulation: every effect waits here until it is chosen, and nothing else is
// asynchronous (law 7). A crash closes a gate: what was pending behind it, and whatever is asked of it later, never
// settles again.
//
//   ready: [commit A] [CreateVolume] [user deletes claim]   the seed picks one, it happens, its promise settles,
//   microtasks run out, and so on; when nothing is ready the clock moves to its next timer; when only periodic
//   timers are left the world is quiescent.
import { sha256Hex } from '#base/sha256.ts';
import type { Random } from '#base/random.ts';
import { nextTurn } from '../real/turn.ts';
import type { VirtualClock } from '../virtual-clock.ts';

interface Pending {
  readonly gate: Gate;
  readonly name: string;
  readonly perform: () => Promise<void>;
  readonly settle: () => void;
}

/** When to kill: before or after the `effect`-th effect of the run (from 1), counted over killable gates. */
export interface KillPoint {
  readonly effect: number;
  readonly side: 'before' | 'after';
}

export class Gate {
  readonly isKillable: boolean;
  #open = true;
  readonly #closing: (() => void)[] = [];
  readonly #scheduler: EffectScheduler;

  constructor(scheduler: EffectScheduler, isKillable: boolean) {
    this.#scheduler = scheduler;
    this.isKillable = isKillable;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  close(): void {
    this.#open = false;
    for (const tell of this.#closing.splice(0)) tell();
  }

  /** Calls `tell` once when the gate closes. */
  onClose(tell: () => void): void {
    this.#closing.push(tell);
  }

  /** An effect: performed when the scheduler chooses it. `name` goes into the trace. */
  effect<T>(name: string, perform: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let settle = (): void => undefined;
      this.#scheduler.add({
        gate: this,
        name,
        perform: async () => {
          try {
            const value = await perform();
            settle = () => resolve(value);
          } catch (error) {
            settle = () => reject(error);
          }
        },
        settle: () => settle(),
      });
    });
  }
}

// A kill beside these is a kill beside the effect before or after.
const UNINTERESTING = /\/(events|leases)\b/;

// More steps than any scenario needs: a world that takes more does not come to rest.
const MAX_STEPS = 50_000;

export class EffectScheduler {
  readonly #random: Random;
  readonly #clock: VirtualClock;
  readonly #trace: string[] = [];
  #pending: Pending[] = [];
  #killable = 0;
  /** Called when the kill point is reached with the gate of the process to end; starts its next incarnation. */
  onKill: ((gate: Gate) => void) | undefined;
  kill: KillPoint | undefined;

  constructor(random: Random, clock: VirtualClock) {
    this.#random = random;
    this.#clock = clock;
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  get traceHash(): string {
    return sha256Hex(this.#trace.join('\n'));
  }

  /** How many killable effects have happened: the kill points of this run. */
  get killableEffects(): number {
    return this.#killable;
  }

  gate(isKillable: boolean): Gate {
    return new Gate(this, isKillable);
  }

  add(pending: Pending): void {
    if (pending.gate.isOpen) this.#pending.push(pending);
  }

  /**
   * Runs until nothing is ready and only periodic timers are left, or until `limitMs` of virtual time have gone with
   * nothing but waiting left. Periodic timers run for at least `leastMs`, so that what only they see is seen. Throws when the world does not come to rest.
   */
  async settle(limitMs = Number.POSITIVE_INFINITY, leastMs = 0): Promise<void> {
    const until = this.#clock.elapsed() + limitMs;
    const notBefore = this.#clock.elapsed() + leastMs;
    for (let step = 0; step < MAX_STEPS; step++) {
      await nextTurn();
      this.#pending = this.#pending.filter((p) => p.gate.isOpen);
      if (this.#pending.length > 0) {
        await this.#one();
        continue;
      }
      const waits = this.#clock.pending.filter((timer) => timer.kind !== 'periodic');
      const isTooEarly = this.#clock.elapsed() < notBefore;
      const isOver =
        waits.length === 0 || this.#clock.elapsed() + Math.min(...waits.map((t) => t.inMs)) > until;
      if (isOver && !isTooEarly) return;
      this.#clock.fireNext();
    }
    throw new Error(
      `The world did not come to rest in ${MAX_STEPS} steps; the last: ${this.#trace.slice(-20).join(' | ')}`,
    );
  }

  async #one(): Promise<void> {
    const [chosen] = this.#pending.splice(Math.floor(this.#random.fraction() * this.#pending.length), 1);
    if (chosen === undefined) return;
    const counts = chosen.gate.isKillable && !UNINTERESTING.test(chosen.name);
    if (counts) this.#killable++;
    const isKillPoint = counts && this.kill?.effect === this.#killable;
    if (isKillPoint && this.kill?.side === 'before') {
      this.#crash(chosen.gate, `killed before ${chosen.name}`);
      return;
    }
    this.#trace.push(`${Math.round(this.#clock.elapsed())} ${chosen.name}`);
    await chosen.perform();
    if (isKillPoint) this.#crash(chosen.gate, `killed after ${chosen.name}`);
    else if (chosen.gate.isOpen) chosen.settle();
  }

  #crash(gate: Gate, what: string): void {
    this.#trace.push(what);
    this.kill = undefined;
    this.onKill?.(gate);
  }
}
