// One container from its start to its end: reads its pipes, keeps its log, hears how it ended. The same road serves
// a container that this process started and one that it found running (SPEC.md, "How a container ends").
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { type ContainerLog, openContainerLog } from './container-log.ts';
import type {
  ByteSource,
  ContainerLaunch,
  PipePaths,
  ProcessIdentity,
  Processes,
  Terminal,
} from './processes.ts';

export interface RunDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
}

/** How a container ended. `lost`: nobody saw the exit code. */
export type RunEnd =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly finishedAtMs: number }
  | { readonly kind: 'killed'; readonly finishedAtMs: number }
  | { readonly kind: 'lost'; readonly finishedAtMs: number };

// Init is past everything that takes time when we wait for it; more means that the kernel holds it (a hung mount).
const END_WAIT_MS = 10_000;
const MAX_LIFE_LINE = 200;

interface Parts {
  readonly init: ProcessIdentity;
  readonly pipes: PipePaths;
  readonly life: ByteSource;
  readonly outputs: readonly { readonly stream: 'stdout' | 'stderr'; readonly source: ByteSource }[];
  readonly terminal: Terminal | undefined;
  readonly output: ContainerLog;
}

export class ContainerRun {
  readonly #deps: RunDeps;
  readonly #parts: Parts;
  #isKilled = false;
  readonly #began: Promise<void>;
  #begin: () => void = () => undefined;
  /** Resolves when the container has ended and its log is complete. Never rejects. */
  readonly ended: Promise<RunEnd>;

  private constructor(deps: RunDeps, parts: Parts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#began = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.ended = this.#follow();
  }

  static async start(deps: RunDeps, launch: ContainerLaunch, logPath: string): Promise<ContainerRun> {
    const { pipes } = launch;
    const output = await openContainerLog(deps, logPath);
    // Readers first: what is written before we look must find one.
    const life = deps.processes.readPipe(pipes.life);
    const sources = launch.tty ? [] : openOutputs(deps.processes, pipes);
    try {
      const { init, terminal } = await deps.processes.startContainer(launch);
      const outputs = terminal === undefined ? sources : terminalOutput(terminal);
      const run = new ContainerRun(deps, { init, pipes, life, outputs, terminal, output });
      // Not before the command's process is there to be signalled.
      await run.#began;
      return run;
    } catch (error) {
      for (const source of [life, ...sources.map((each) => each.source)]) source.close();
      await output.close();
      throw error;
    }
  }

  /** Takes up a container that an earlier sandbox process started. */
  static async adopt(
    deps: RunDeps,
    found: { readonly init: ProcessIdentity; readonly pipes: PipePaths; readonly tty: boolean },
    logPath: string,
  ): Promise<ContainerRun> {
    const { init, pipes } = found;
    const terminal = found.tty ? deps.processes.adoptTerminal(init) : undefined;
    const life = deps.processes.readPipe(pipes.life);
    const plain = found.tty ? [] : openOutputs(deps.processes, pipes);
    const outputs = terminal === undefined ? plain : terminalOutput(terminal);
    const output = await openContainerLog(deps, logPath).catch((error: unknown) => {
      deps.log.error('container log cannot be opened', { path: logPath, error: messageOf(error) });
      return openContainerLog(deps, '');
    });
    // A pipe without a writer never ends by itself: what init held is lost when init has gone.
    if (!deps.processes.isAlive(init))
      for (const source of [life, ...outputs.map((o) => o.source)]) source.close();
    return new ContainerRun(deps, { init, pipes, life, outputs, terminal, output });
  }

  get init(): ProcessIdentity {
    return this.#parts.init;
  }

  get output(): ContainerLog {
    return this.#parts.output;
  }

  get terminal(): Terminal | undefined {
    return this.#parts.terminal;
  }

  /** Signals the user's command, not what holds it. */
  signal(signal: string): void {
    const main = this.#deps.processes.mainOf(this.init);
    if (main !== undefined) this.#deps.processes.signal(main, signal);
  }

  /** Ends every process of the container: the kernel does so when the first of its namespace dies. */
  kill(): void {
    this.#isKilled = true;
    this.#deps.processes.signal(this.init, 'SIGKILL');
  }

  async #follow(): Promise<RunEnd> {
    const { outputs, output } = this.#parts;
    const pumps = outputs.map(({ stream, source }) => this.#pump(stream, source));
    const end = await this.#awaitEnd();
    await Promise.all(pumps);
    await output.close().catch(() => undefined);
    this.#parts.terminal?.close();
    return end;
  }

  async #pump(stream: 'stdout' | 'stderr', source: ByteSource): Promise<void> {
    try {
      await this.#parts.output.pump(stream, source);
    } catch (error) {
      this.#deps.log.error('container output lost', { stream, error: messageOf(error) });
    }
  }

  async #awaitEnd(): Promise<RunEnd> {
    const { processes, clock, log } = this.#deps;
    const said = await this.#readLife();
    if (said !== undefined) {
      await processes.writePipe(this.#parts.pipes.control, Buffer.from('release\n'));
    } else {
      // Without init nothing guards what is left, so nothing may be left.
      processes.signal(this.init, 'SIGKILL');
    }
    const gone = await processes.waitEnd(this.init, END_WAIT_MS);
    if (gone.kind === 'running') log.error('container does not end', { pid: this.init.pid });
    const finishedAtMs = clock.now();
    if (said !== undefined) {
      return { kind: 'exited', exitCode: said.exitCode, finishedAtMs: finishedAtMs - said.agoMs };
    }
    if (this.#isKilled) return { kind: 'killed', finishedAtMs };
    const exitCode = gone.kind === 'ended' ? gone.exitCode : undefined;
    return exitCode === undefined
      ? { kind: 'lost', finishedAtMs }
      : { kind: 'exited', exitCode, finishedAtMs };
  }

  async #readLife(): Promise<{ readonly exitCode: number; readonly agoMs: number } | undefined> {
    const { life } = this.#parts;
    let text = '';
    try {
      for await (const chunk of life) {
        text = `${text}${Buffer.from(chunk).toString()}`.slice(0, MAX_LIFE_LINE);
        if (text.includes('running\n')) this.#begin();
        const match = /^exited (\d{1,3}) (\d+(?:\.\d+)?)\n/m.exec(text);
        if (match === null) continue;
        const agoMs = this.#deps.processes.uptimeMs() - Number(match[2]) * 1000;
        return { exitCode: Number(match[1]), agoMs: Math.max(0, agoMs) };
      }
    } catch (error) {
      this.#deps.log.error('container life pipe failed', { error: messageOf(error) });
    } finally {
      this.#begin();
      life.close();
    }
    return undefined;
  }
}

function openOutputs(
  processes: Processes,
  pipes: PipePaths,
): readonly { readonly stream: 'stdout' | 'stderr'; readonly source: ByteSource }[] {
  return [
    { stream: 'stdout', source: processes.readPipe(pipes.out) },
    { stream: 'stderr', source: processes.readPipe(pipes.err) },
  ];
}

function terminalOutput(
  terminal: Terminal,
): readonly { readonly stream: 'stdout'; readonly source: ByteSource }[] {
  return [{ stream: 'stdout', source: terminal.output }];
}
