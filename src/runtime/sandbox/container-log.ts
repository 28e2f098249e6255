// A container's log file and whoever is attached: every byte the container writes passes here once, in order.
// A log file that cannot be written costs its lines, never the container. Rules SBX50 to SBX54.
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { type LogFramer, type LogStream, logFramer, logTime } from './log-frames.ts';
import type { ByteSource, LogFile, Processes } from './processes.ts';

export type OutputListener = (stream: LogStream, chunk: Uint8Array) => Promise<void>;

export interface ContainerLog {
  /** Logs a stream until it ends. */
  pump(stream: LogStream, source: ByteSource): Promise<void>;
  /** Opens the file by name again: whoever rotates logs has renamed it. */
  reopen(): Promise<void>;
  /** Hears every chunk from now on, and holds the container back while it is busy. */
  listen(listener: OutputListener): Disposable;
  close(): Promise<void>;
}

interface LogDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Pick<Processes, 'openLog'>;
}

/** Opens the log at `path`; an empty path keeps none. */
export async function openContainerLog(deps: LogDeps, path: string): Promise<ContainerLog> {
  const opened = new OpenLog(deps, path);
  await opened.reopen();
  return opened;
}

class OpenLog implements ContainerLog {
  readonly #deps: LogDeps;
  readonly #path: string;
  readonly #listeners = new Set<OutputListener>();
  #file: LogFile | undefined;
  // One write at a time, so that pieces of two streams never mix within a line.
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: LogDeps, path: string) {
    this.#deps = deps;
    this.#path = path;
  }

  async pump(stream: LogStream, source: ByteSource): Promise<void> {
    const framer = logFramer(stream);
    for await (const chunk of source) await this.#take(stream, framer, chunk);
    await this.#append(framer.end(logTime(this.#deps.clock.now())));
  }

  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const next = this.#path === '' ? undefined : await this.#deps.processes.openLog(this.#path);
      await this.#file?.close();
      this.#file = next;
    });
  }

  listen(listener: OutputListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#file?.close();
      this.#file = undefined;
    });
  }

  async #take(stream: LogStream, framer: LogFramer, chunk: Uint8Array): Promise<void> {
    await this.#append(framer.push(chunk, logTime(this.#deps.clock.now())));
    for (const listener of this.#listeners) await listener(stream, chunk);
  }

  #append(lines: Uint8Array): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    return this.#inTurn(async () => {
      try {
        await this.#file?.append(lines);
      } catch (error) {
        this.#deps.log.warn('container log lines lost', { path: this.#path, error: messageOf(error) });
      }
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}
