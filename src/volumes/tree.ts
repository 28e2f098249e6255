// The small file-system steps that volume types need below their own directories, as an effect: real in
// volumes/real, in memory in tests. No method follows a symbolic link in the last component.

export type EntryKind = 'directory' | 'file' | 'symlink' | 'socket' | 'block' | 'character' | 'fifo';

export interface Tree {
  /** What stands at `path` (lstat); undefined when nothing does. */
  kind(path: string): Promise<EntryKind | undefined>;
  /** Permission bits of a directory or file. */
  mode(path: string): Promise<number>;
  /** Makes the directory and its parents (0750); the last gets exactly `mode`, whatever the umask. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Creates a new file with exactly `mode`; fails when something is there. */
  createFile(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** Undefined when absent. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  symlink(target: string, path: string): Promise<void>;
  /** Undefined when `path` is absent or no symbolic link. */
  readLink(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Names in a directory; empty when it is absent. */
  list(path: string): Promise<readonly string[]>;
  /** unlink(2); absent is fine. */
  unlink(path: string): Promise<void>;
  /** rmdir(2); absent is fine. */
  removeDirectory(path: string): Promise<void>;
  /**
   * Gives everything below `path` to `gid` with group read and write (and setgid on directories): a descriptor walk
   * that never follows a link and never leaves the mount it began on. `OnRootMismatch`: nothing when the root fits.
   */
  giveToGroup(
    path: string,
    options: { readonly gid: number; readonly changePolicy: 'Always' | 'OnRootMismatch' },
  ): Promise<void>;
}

/** Removes a tree that Holdfast itself owns (host/remove-owned-tree, law 5). */
export type RemoveOwnedTree = (path: string) => Promise<void>;
