// Small durable files. `write` survives a crash at any point: the old content or the new, never a mixture.

export interface Files {
  /** Undefined when the file does not exist. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Writes a temporary file, syncs it, renames it over `path`, syncs the folder. Mode default 0600. */
  write(path: string, bytes: Uint8Array, options?: { readonly mode?: number }): Promise<void>;
  /** unlink of a single known name, then syncs the folder; absent is fine. */
  remove(path: string): Promise<void>;
  /** rmdir of a single known, empty directory; absent is fine. */
  removeDirectory(path: string): Promise<void>;
  /** Makes the directory and its parents. Mode default 0700. */
  makeDirectory(path: string, options?: { readonly mode?: number }): Promise<void>;
  /** Names in a directory; empty when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  exists(path: string): Promise<boolean>;
  /**
   * Takes an exclusive lock (flock) held until disposed or the process ends; undefined when another process holds it.
   * The file holds the owner's process id for messages.
   */
  lock(path: string): Promise<Disposable | undefined>;
}
