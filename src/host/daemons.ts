// Starting the long-running processes of one machine: each in a session of its own (a Ctrl-C on the terminal reaches
// only the foreground process), its output in a file, watched until it exits.

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
  /** Lets this process end while the daemon runs on. */
  release(): void;
}

export interface Daemons {
  /** Starts `program` by argument array. Output is appended to `logFile`. Rejects when it cannot be started. */
  start(program: string, args: readonly string[], options: { readonly logFile: string }): Promise<Daemon>;
}
