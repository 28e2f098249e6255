// The watched directory of registration sockets, as an effect: real in agent/real.

export interface SocketEntry {
  readonly name: string;
  /** Changes when the socket is replaced. */
  readonly identity: string;
  /** The owner of the file. */
  readonly uid: number;
}

export interface SocketDirectory {
  /** Makes the directory (0700) when it is missing. */
  prepare(path: string): Promise<void>;
  /** The sockets in it now; names that begin with a dot are being installed and are left out. */
  list(path: string): Promise<readonly SocketEntry[]>;
  /** Calls back after changes; may miss one, so the caller looks again now and then. */
  watch(path: string, changed: () => void): Disposable;
}
