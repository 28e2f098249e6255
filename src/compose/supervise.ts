// Keeps the processes of one node running: starts each, starts it again when it ends unasked, stops them in order.
// The sandbox outlives its supervisor while containers run; one that still answers on its socket is taken up again.
import type { Clock } from '#base/clock.ts';
import { sleep } from '#base/clock.ts';
import { backoffMs } from '#base/backoff.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { Daemon, Daemons } from '#host/daemons.ts';

export interface Supervised {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** True while somebody else's process of this kind serves: then none is started. */
  isServed?(): Promise<boolean>;
  /** SIGTERM is followed by SIGKILL after this long. */
  readonly stopWithinMs: number;
  /** True: it may refuse to stop (it holds containers) and is left running instead of being killed. */
  readonly mayStay: boolean;
}

export interface SupervisorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly daemons: Daemons;
}

const RESTART = { firstMs: 200, maxMs: 10_000 };
// How long a process must have run for its next end to count as the first again.
const HEALTHY_MS = 30_000;
const SERVED_CHECK_MS = 1_000;

/** Runs one process until `signal` aborts, then stops it. Never rejects: a process that cannot start is tried again. */
export async function supervise(deps: SupervisorDeps, spec: Supervised, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  let failures = 0;
  while (!signal.aborted) {
    if ((await spec.isServed?.()) === true) {
      await sleep(clock, SERVED_CHECK_MS, 'periodic', signal);
      continue;
    }
    const startedAt = clock.elapsed();
    try {
      const daemon = await deps.daemons.start(spec.program, spec.args, { logFile: spec.logFile });
      await runUntil(deps, spec, daemon, signal);
    } catch (error) {
      log.error('cannot start a process', { process: spec.name, error: messageOf(error) });
    }
    if (signal.aborted) return;
    failures = clock.elapsed() - startedAt > HEALTHY_MS ? 1 : failures + 1;
    await sleep(clock, backoffMs(failures, RESTART, deps.random), 'backoff', signal);
  }
}

async function runUntil(
  deps: SupervisorDeps,
  spec: Supervised,
  daemon: Daemon,
  signal: AbortSignal,
): Promise<void> {
  const stop = (): void => daemon.signal('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const exit = await Promise.race([daemon.exited, letGo(deps, spec, daemon, signal)]);
  signal.removeEventListener('abort', stop);
  if (exit !== undefined && !signal.aborted) {
    deps.log.warn('a process ended unasked', {
      process: spec.name,
      exitCode: exit.exitCode,
      signal: exit.signal,
    });
  }
}

/** Resolves with undefined when a stopping process has used up its time: then it was killed, or is left running. */
function letGo(
  deps: SupervisorDeps,
  spec: Supervised,
  daemon: Daemon,
  signal: AbortSignal,
): Promise<undefined> {
  return new Promise((resolve) => {
    const arm = (): void => {
      deps.clock.after(spec.stopWithinMs, 'periodic', () => {
        if (!spec.mayStay) daemon.signal('SIGKILL');
        resolve(undefined);
      });
    };
    if (signal.aborted) arm();
    else signal.addEventListener('abort', arm, { once: true });
  });
}
