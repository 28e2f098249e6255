// When a process is told to stop: Ctrl-C, SIGTERM, or (for a daemon) the end of its supervisor.

/** Aborts on SIGINT or SIGTERM. A second Ctrl-C ends the process at once. */
export function untilStopped(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted && signal === 'SIGINT') process.exit(130);
      stop.abort();
    });
  }
  return stop.signal;
}

/** As untilStopped, and also when the lifeline (standard input, a pipe from the supervisor) closes. */
export function untilAbandoned(): AbortSignal {
  const abandoned = new AbortController();
  process.stdin.on('end', () => abandoned.abort());
  process.stdin.on('error', () => abandoned.abort());
  process.stdin.resume();
  return AbortSignal.any([untilStopped(), abandoned.signal]);
}
