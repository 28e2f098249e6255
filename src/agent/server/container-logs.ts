// Reads a container's log as kubectl asks for it: the tail, since a time, with timestamps, at most so many bytes, and
// followed until the container has ended. Memory is bounded by one chunk and one line.
import { type Clock, sleep } from '#base/clock.ts';
import { type LogLine, parseLogLine, renderLogLine } from './cri-log.ts';
import type { LogFiles } from './log-files.ts';

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Epoch milliseconds. */
  readonly sinceTime: number | undefined;
  readonly limitBytes: number | undefined;
}

export interface LogDeps {
  readonly clock: Clock;
  readonly logs: LogFiles;
  /** False: the container has ended, so the file will not grow. */
  readonly isRunning: () => Promise<boolean>;
}

const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;
/** A line without end is given out in parts, so that it cannot fill the memory. */
const MAX_LINE_BYTES = 1 << 20;
/** The file is watched; this finds what the watch missed and the end of the container. */
const LOOK_AGAIN_MS = 1000;

/** Where the last `lines` lines begin. */
export async function tailOffset(logs: LogFiles, path: string, lines: number): Promise<number> {
  const size = (await logs.size(path)) ?? 0;
  if (lines <= 0) return size;
  let found = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const chunk = await logs.read(path, start, end - start);
    for (let at = chunk.length - 1; at >= 0; at--) {
      const isLastByte = start + at === size - 1;
      if (chunk[at] === NEWLINE && !isLastByte && ++found === lines) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** The log as rendered lines. Ends when the container has, when the limit is reached, or when `signal` aborts. */
export async function* readLog(
  deps: LogDeps,
  path: string,
  request: { readonly options: LogOptions; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { options } = request;
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  for await (const line of lines(deps, path, request)) {
    if (options.sinceTime !== undefined && Date.parse(line.time) < options.sinceTime) continue;
    const rendered = renderLogLine(line, options);
    yield rendered.subarray(0, Math.min(left, rendered.length));
    left -= rendered.length;
    if (left <= 0) return;
  }
}

async function* lines(
  deps: LogDeps,
  path: string,
  request: { readonly options: LogOptions; readonly signal: AbortSignal },
): AsyncGenerator<LogLine> {
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of chunks(deps, path, request)) {
    let from = 0;
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      const line = parseLogLine(bytes.subarray(from, to));
      if (line !== undefined) yield line;
      from = to + 1;
    }
    rest = bytes.length - from > MAX_LINE_BYTES ? new Uint8Array() : bytes.subarray(from);
  }
}

async function* chunks(
  deps: LogDeps,
  path: string,
  { options, signal }: { readonly options: LogOptions; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { logs } = deps;
  let offset = options.tailLines === undefined ? 0 : await tailOffset(logs, path, options.tailLines);
  const growth = options.follow ? new Growth(deps, path, signal) : undefined;
  try {
    while (!signal.aborted) {
      // Asked before reading: what was written before the end is then read.
      const mayGrow = growth !== undefined && (await deps.isRunning());
      for (;;) {
        const chunk = await logs.read(path, offset, CHUNK_BYTES);
        if (chunk.length === 0) break;
        offset += chunk.length;
        yield chunk;
        if (signal.aborted) return;
      }
      if (growth === undefined || !mayGrow) return;
      await growth.wait();
    }
  } finally {
    growth?.[Symbol.dispose]();
  }
}

/** Waits until the file has perhaps grown. */
class Growth implements Disposable {
  readonly #deps: LogDeps;
  readonly #signal: AbortSignal;
  readonly #watch: Disposable;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  constructor(deps: LogDeps, path: string, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#watch = deps.logs.watch(path, () => {
      this.#hasChanged = true;
      this.#wake?.();
    });
  }

  async wait(): Promise<void> {
    if (!this.#hasChanged) {
      const over = new AbortController();
      const changed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const signal = AbortSignal.any([over.signal, this.#signal]);
      await Promise.race([changed, sleep(this.#deps.clock, LOOK_AGAIN_MS, 'periodic', signal)]);
      over.abort();
      this.#wake = undefined;
    }
    this.#hasChanged = false;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
