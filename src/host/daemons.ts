// Starting the long-running processes of one machine: each in a session of its own (a Ctrl-C on the terminal reaches
// only the foreground process), its output in a file, watched until it exits. Its standard input is a lifeline: a pipe
// that closes when this process ends in whatever way, so that no daemon outlives a killed supervisor by accident.

export interface DaemonExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface Daemon {
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<DaemonExit>;
  /** Sends a signal; a process that has ended ignores it. */
  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): void;
}

export interface Daemons {
  /** Starts `program` by argument array. Output is appended to `logFile`. Rejects when it cannot be started. */
  start(program: string, args: readonly string[], options: { readonly logFile: string }): Promise<Daemon>;
}
