// Files in memory, for tests and simulation: the same rules for folders, names and locks as on disk.
import type { Files } from './files.ts';

export interface MemoryFiles extends Files {
  /** The mode a file was last written with. */
  modeOf(path: string): number | undefined;
}

/** An empty tree with nothing but `/`. */
export function memoryFiles(): MemoryFiles {
  return new TreeInMemory();
}

class TreeInMemory implements MemoryFiles {
  readonly #files = new Map<string, { readonly bytes: Uint8Array; readonly mode: number }>();
  readonly #folders = new Set<string>(['/']);
  readonly #locked = new Set<string>();

  modeOf(path: string): number | undefined {
    return this.#files.get(path)?.mode;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const found = this.#files.get(path);
    if (found === undefined && this.#folders.has(path)) throw failure('EISDIR', 'reading', path);
    return found && Uint8Array.from(found.bytes);
  }

  async write(path: string, bytes: Uint8Array, options: { readonly mode?: number } = {}): Promise<void> {
    this.#needFolder(path, 'writing');
    if (this.#folders.has(path)) throw failure('EISDIR', 'writing', path);
    this.#files.set(path, { bytes: Uint8Array.from(bytes), mode: options.mode ?? 0o600 });
  }

  async remove(path: string): Promise<void> {
    if (this.#folders.has(path)) throw failure('EISDIR', 'removing', path);
    this.#files.delete(path);
  }

  async removeDirectory(path: string): Promise<void> {
    if (this.#files.has(path)) throw failure('ENOTDIR', 'removing', path);
    if ((await this.list(path)).length > 0) throw failure('ENOTEMPTY', 'removing', path);
    this.#folders.delete(path);
  }

  async makeDirectory(path: string): Promise<void> {
    for (let folder = path; folder !== '/'; folder = parentOf(folder)) {
      if (this.#files.has(folder)) throw failure('ENOTDIR', 'making', folder);
      this.#folders.add(folder);
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const paths = [...this.#files.keys(), ...this.#folders].filter(
      (one) => one !== '/' && parentOf(one) === path,
    );
    return paths.map((one) => one.slice(one.lastIndexOf('/') + 1)).sort();
  }

  async exists(path: string): Promise<boolean> {
    return this.#files.has(path) || this.#folders.has(path);
  }

  async lock(path: string): Promise<Disposable | undefined> {
    if (this.#locked.has(path)) return undefined;
    await this.write(path, Buffer.from('1\n'));
    this.#locked.add(path);
    return { [Symbol.dispose]: () => void this.#locked.delete(path) };
  }

  #needFolder(path: string, doing: string): void {
    if (!this.#folders.has(parentOf(path))) throw failure('ENOENT', doing, path);
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function failure(code: string, doing: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${doing} "${path}"`), { code });
}
