// Exit codes that mean something (the sysexits numbers where they fit).

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Something is missing on this machine: root, a program, a kernel feature. */
  unavailable: 69,
  /** Another process holds what is needed. */
  inUse: 75,
  interrupted: 130,
} as const;

/** A command that cannot go on: one message that says what was being done, what is wrong and what would be right. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
