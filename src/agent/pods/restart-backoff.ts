// When a container that ended may start again: at once the first time, then 10 s doubling to 5 min after its end; a
// container that ran for 10 min starts afresh. Kept in memory, as the kubelet does: a new agent begins again.

const FIRST_MS = 10_000;
const MAX_MS = 300_000;
const RESET_MS = 2 * MAX_MS;

interface Delay {
  readonly delayMs: number;
  /** When the end happened that this delay was set for. */
  readonly since: number;
}

export class RestartBackoff {
  readonly #delays = new Map<string, Delay>();

  /** The delay after the end at `endedAt`; 0: at once. */
  delayMs(container: string, endedAt: number): number {
    const delay = this.#delays.get(container);
    if (delay === undefined || endedAt - delay.since > RESET_MS) return 0;
    return delay.delayMs;
  }

  /** A restart has been made after the end at `endedAt`: the next one waits longer. */
  restarted(container: string, endedAt: number): void {
    const present = this.delayMs(container, endedAt);
    this.#delays.set(container, {
      delayMs: present === 0 ? FIRST_MS : Math.min(MAX_MS, present * 2),
      since: endedAt,
    });
  }
}
