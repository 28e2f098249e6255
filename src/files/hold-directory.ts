// One Holdfast at a time on one data directory: the lock, and the message for the second one.
import type { Files } from './files.ts';

export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  readonly path: string;
  /** The process that holds it; undefined when it has not yet written its number. */
  readonly holder: number | undefined;

  constructor(path: string, holder: number | undefined) {
    const who = holder === undefined ? 'another process' : `process ${holder}`;
    super(
      `Opening the directory "${path}": ${who} holds its lock: stop that process, or name another directory`,
    );
    this.path = path;
    this.holder = holder;
  }
}

/** Makes `path` if it is not there and holds it until disposed. Rejects with DirectoryInUseError when another has it. */
export async function holdDirectory(files: Files, path: string): Promise<Disposable> {
  await files.makeDirectory(path);
  const lockPath = `${path}/lock`;
  const held = await files.lock(lockPath);
  if (held !== undefined) return held;
  const text = Buffer.from((await files.read(lockPath)) ?? []).toString('utf8');
  const holder = Number.parseInt(text, 10);
  throw new DirectoryInUseError(path, Number.isSafeInteger(holder) ? holder : undefined);
}
