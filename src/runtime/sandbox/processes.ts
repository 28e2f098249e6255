// What the sandbox needs of the kernel: processes in namespaces, named pipes, terminals, log files. Real in
// real/processes.ts. Everything that starts runs without capabilities; a process is named by id and start time, so a
// reused process id is never mistaken for the one we started.
import type { MountStep } from './mount-plan.ts';

/** A process of this boot. `startTime` is field 22 of /proc/<pid>/stat. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: UserIdentity;
}

/** Names of a container's pipes; see SPEC.md, "How a container ends", for what travels on each. */
export interface PipePaths {
  readonly out: string;
  readonly err: string;
  readonly life: string;
  readonly control: string;
  /** Undefined: the container's stdin is /dev/null. */
  readonly input: string | undefined;
}

export interface ContainerLaunch {
  /** Holds the IPC and UTS namespaces that the container joins. */
  readonly pod: ProcessIdentity;
  readonly steps: readonly MountStep[];
  /** The user's command, environment and identity. */
  readonly command: Command;
  /** The command line of init for a terminal's name, empty without one. */
  readonly initArguments: (tty: string) => readonly string[];
  /** What init evaluates to set the environment. */
  readonly environmentScript: string;
  readonly pipes: PipePaths;
  readonly tty: boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Bytes that arrive, in order; ends when every writer has gone. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  close(): void;
}

export interface Terminal {
  readonly output: ByteSource;
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): void;
  close(): void;
}

export interface ExitStatus {
  readonly exitCode: number;
}

/** A command running inside a container. With a terminal, `stderr` is undefined and `stdout` is the terminal's. */
export interface RunningCommand {
  readonly stdout: ByteSource;
  readonly stderr: ByteSource | undefined;
  /** Undefined when stdin was not asked for. */
  readonly stdin: { write(bytes: Uint8Array): Promise<void>; end(): void } | undefined;
  /** Undefined without a terminal. */
  readonly resize: ((size: TerminalSize) => void) | undefined;
  readonly exited: Promise<ExitStatus>;
  /** SIGKILL to its process group. */
  kill(): void;
}

export interface StartedContainer {
  readonly init: ProcessIdentity;
  readonly terminal: Terminal | undefined;
}

export type Ending =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly exitCode: number | undefined };

/** A file that only grows. */
export interface LogFile {
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface Processes {
  /** A process that holds IPC, UTS and PID namespaces of its own, with the given host name. */
  startPod(request: { readonly hostname: string; readonly command: Command }): Promise<ProcessIdentity>;
  /** Builds the container's mount namespace and starts its init. Rejects with a sentence that says what failed. */
  startContainer(request: ContainerLaunch): Promise<StartedContainer>;
  /** Runs a command in the namespaces of a container's init, as unprivileged as the container. */
  exec(
    init: ProcessIdentity,
    command: Command,
    streams: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<RunningCommand>;
  /** Takes back the terminal of a container that was started by an earlier sandbox process. */
  adoptTerminal(init: ProcessIdentity): Terminal | undefined;
  isAlive(process: ProcessIdentity): boolean;
  /** False when the process has gone. */
  signal(process: ProcessIdentity, signal: string): boolean;
  /** The user's command: the oldest child of a container's init. */
  mainOf(init: ProcessIdentity): ProcessIdentity | undefined;
  /** Processes whose command line holds `marker` followed by `id`: starts that were never recorded. */
  findMarked(marker: string, id: string): readonly ProcessIdentity[];
  /**
   * Waits until the process has ended. The exit code is there when it was a child of ours; undefined otherwise.
   * `running`: it still runs after `timeoutMs`.
   */
  waitEnd(process: ProcessIdentity, timeoutMs: number): Promise<Ending>;
  /** Milliseconds since boot, the clock a container's init stamps its end with. */
  uptimeMs(): number;
  makePipe(path: string): void;
  /** Opens for reading without waiting for a writer. */
  readPipe(path: string): ByteSource;
  /** Writes to a pipe that somebody holds open; false when nobody does. */
  writePipe(path: string, bytes: Uint8Array): Promise<boolean>;
  openLog(path: string): Promise<LogFile>;
  /** Uid, gid and home of a user by name or number in the machine's passwd; undefined when not there. */
  lookUpUser(
    nameOrUid: string,
  ): { readonly uid: number; readonly gid: number; readonly home: string } | undefined;
  /** Resolves symlinks in the machine's own view. Undefined when it does not exist. */
  resolvePath(path: string): string | undefined;
  [Symbol.asyncDispose](): Promise<void>;
}
