// Keeps the processes of one node running: starts each, starts it again when it ends unasked, stops it when told.
import { type Clock, sleep, type Timer } from '#base/clock.ts';
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
  /** SIGTERM is followed by SIGKILL after this long. */
  readonly stopWithinMs: number;
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

/** Runs one process until `signal` aborts, then stops it. Never rejects: a process that cannot start is tried again. */
export async function supervise(deps: SupervisorDeps, spec: Supervised, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  let failures = 0;
  while (!signal.aborted) {
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
  const killAfter = killTimer(deps, spec, daemon, signal);
  const exit = await daemon.exited;
  killAfter.cancel();
  signal.removeEventListener('abort', stop);
  if (!signal.aborted) {
    deps.log.warn('a process ended unasked', {
      process: spec.name,
      exitCode: exit.exitCode,
      signal: exit.signal,
    });
  }
}

/** Sends SIGKILL when the process has not ended within its time after the signal. */
function killTimer(deps: SupervisorDeps, spec: Supervised, daemon: Daemon, signal: AbortSignal): Timer {
  let timer: Timer | undefined;
  const arm = (): void => {
    timer = deps.clock.after(spec.stopWithinMs, 'deadline', () => daemon.signal('SIGKILL'));
  };
  signal.addEventListener('abort', arm, { once: true });
  return {
    cancel: () => {
      signal.removeEventListener('abort', arm);
      timer?.cancel();
    },
  };
}
