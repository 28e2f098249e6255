// Reading container log files, as an effect: real in agent/real.

export interface LogFiles {
  /** Size in bytes; undefined when the file does not exist. */
  size(path: string): Promise<number | undefined>;
  /** At most `length` bytes from `offset`. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Calls back when the file grows; may miss a change. */
  watch(path: string, changed: () => void): Disposable;
}
