// The real processes of the sandbox. Each start is made by a namespace thread (namespace-thread.ts); one such thread
// is always kept ready, because making a thread takes longer than building a container.
import { closeSync, readFileSync, realpathSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { assert } from '#base/assert.ts';
import { codeOf } from '#base/errors.ts';
import type {
  Command,
  ContainerLaunch,
  ProcessIdentity,
  Processes,
  RunningCommand,
  StartedContainer,
  Terminal,
} from '../processes.ts';
import {
  holdPipe,
  openLog,
  openMaster,
  readDescriptor,
  readPipe,
  writeDescriptor,
  writePipe,
} from './byte-streams.ts';
import { closeAllOnExec, makeFifo, makePipe, openPidFd, takeDescriptor } from './libc.ts';
import { findMarked, isAlive, oldestChild, signalProcess, statOf, waitEnd } from './process-table.ts';
import { lookUpUser } from './passwd.ts';
import {
  KILL,
  NAMESPACE_THREAD,
  TTY_PLACE,
  type ThreadReply,
  type ThreadRequest,
} from './thread-protocol.ts';

// Where a container's init holds its terminal's master; see startContainer in namespace-thread.ts.
const MASTER_IN_INIT = 5;

export interface RealProcessesOptions {
  /** The module that a namespace thread starts with; it calls serveNamespaceThread when isNamespaceThread(). */
  readonly threadEntry: string | URL;
}

/** The processes of this machine. */
export function realProcesses(options: RealProcessesOptions): Processes {
  closeAllOnExec();
  const threads = new SpareThreads(options.threadEntry);
  return {
    startPod: ({ hostname, command }) =>
      threads.use(async (thread) => (await startOne(thread, { kind: 'pod', hostname, command })).process),
    startContainer: (launch) => threads.use((thread) => startContainer(thread, launch)),
    exec: (init, command, streams) => threads.use((thread) => exec(thread, init, command, streams)),
    adoptTerminal,
    isAlive,
    signal: signalProcess,
    mainOf: oldestChild,
    findMarked,
    waitEnd,
    uptimeMs: () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000,
    makePipe: makeFifo,
    readPipe,
    writePipe,
    openLog,
    lookUpUser,
    resolvePath,
    [Symbol.asyncDispose]: () => threads.stop(),
  };
}

/** A thread that serves one request; `replies` ends when the thread does. */
class NamespaceThread {
  readonly #worker: Worker;
  readonly #waiting: ((reply: ThreadReply) => void)[] = [];
  readonly #arrived: ThreadReply[] = [];

  constructor(entry: string | URL) {
    this.#worker = new Worker(entry, {
      workerData: NAMESPACE_THREAD,
      execArgv: [],
      // Descriptors that it opens are the sandbox's, and outlive it.
      trackUnmanagedFds: false,
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: ThreadReply) => {
      if (reply.kind !== 'ready') this.#deliver(reply);
    });
    this.#worker.on('error', (error) => this.#deliver({ kind: 'failed', message: error.message }));
    this.#worker.on('exit', () => {
      // Whoever still waits learns it; nobody waits after the last reply.
      if (this.#waiting.length > 0) this.#deliver({ kind: 'failed', message: 'the namespace thread ended' });
    });
  }

  send(request: ThreadRequest): void {
    this.#worker.ref();
    this.#worker.postMessage(request);
  }

  /** Ends the command that the thread runs, if it still does. */
  kill(): void {
    this.#worker.postMessage(KILL);
  }

  next(): Promise<ThreadReply> {
    const reply = this.#arrived.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #deliver(reply: ThreadReply): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(reply);
    else waiting(reply);
  }
}

// A pod's process and its first container are started one right after the other.
const SPARE_THREADS = 2;

/** Keeps threads ready; new ones are made once a start is over, so that they do not compete with it. */
class SpareThreads {
  readonly #entry: string | URL;
  readonly #spare: NamespaceThread[] = [];
  #isStopped = false;

  constructor(entry: string | URL) {
    this.#entry = entry;
    this.#refill();
  }

  async use<T>(work: (thread: NamespaceThread) => Promise<T>): Promise<T> {
    try {
      return await work(this.#spare.shift() ?? new NamespaceThread(this.#entry));
    } finally {
      this.#refill();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#spare.splice(0).map((thread) => thread.stop()));
  }

  #refill(): void {
    while (!this.#isStopped && this.#spare.length < SPARE_THREADS) {
      this.#spare.push(new NamespaceThread(this.#entry));
    }
  }
}

interface Started {
  readonly process: ProcessIdentity;
  readonly terminal: number | undefined;
}

async function askThread(
  thread: NamespaceThread,
  request: ThreadRequest,
): Promise<{ readonly pid: number; readonly terminal: number | undefined }> {
  thread.send(request);
  const reply = await thread.next();
  if (reply.kind === 'failed') throw new Error(reply.message);
  assert(reply.kind === 'started', 'a namespace thread answers a request with started or failed');
  return reply;
}

async function startOne(thread: NamespaceThread, request: ThreadRequest): Promise<Started> {
  const reply = await askThread(thread, request);
  // It cannot have been reaped by anyone else, so /proc still knows it, even when it has ended.
  const stat = statOf(reply.pid);
  if (stat === undefined) throw new Error(`process ${reply.pid} ended before it could be recorded`);
  return { process: { pid: stat.pid, startTime: stat.startTime }, terminal: reply.terminal };
}

async function startContainer(thread: NamespaceThread, launch: ContainerLaunch): Promise<StartedContainer> {
  const { out, err, life, control, input } = launch.pipes;
  const podFd = pidFdOf(launch.pod);
  const descriptors = {
    out: holdPipe(out),
    err: holdPipe(err),
    life: holdPipe(life),
    control: holdPipe(control),
    input: input === undefined ? undefined : holdPipe(input),
  };
  try {
    const { steps, command, environmentScript, tty } = launch;
    const started = await startOne(thread, {
      kind: 'container',
      podFd,
      steps,
      command,
      initArguments: launch.initArguments(tty ? TTY_PLACE : ''),
      environmentScript,
      tty,
      descriptors,
    });
    const terminal = started.terminal === undefined ? undefined : openMaster(started.terminal);
    return { init: started.process, terminal };
  } finally {
    for (const fd of [podFd, ...Object.values(descriptors)]) if (fd !== undefined) closeSync(fd);
  }
}

async function exec(
  thread: NamespaceThread,
  init: ProcessIdentity,
  command: Command,
  streams: { readonly stdin: boolean; readonly tty: boolean },
): Promise<RunningCommand> {
  const initFd = pidFdOf(init);
  const [outRead, outWrite] = makePipe();
  const [errRead, errWrite] = makePipe();
  const [inRead, inWrite] = makePipe();
  const descriptors = { out: outWrite, err: errWrite, input: streams.stdin ? inRead : undefined };
  let terminal: number | undefined;
  try {
    const request: ThreadRequest = { kind: 'exec', initFd, command, tty: streams.tty, descriptors };
    terminal = (await askThread(thread, request)).terminal;
  } catch (error) {
    for (const fd of [outRead, errRead, inWrite]) closeSync(fd);
    throw error;
  } finally {
    for (const fd of [initFd, outWrite, errWrite, inRead]) closeSync(fd);
  }
  const exited = exitOf(thread);
  // The thread knows whether the command still runs; here its process id could be another's by now.
  const kill = (): void => thread.kill();
  if (terminal !== undefined) {
    for (const fd of [outRead, errRead, inWrite]) closeSync(fd);
    return onTerminal(openMaster(terminal), { exited, kill, stdin: streams.stdin });
  }
  const stdin = streams.stdin ? writeDescriptor(inWrite) : undefined;
  if (!streams.stdin) closeSync(inWrite);
  return {
    stdout: readDescriptor(outRead),
    stderr: readDescriptor(errRead),
    stdin,
    resize: undefined,
    exited,
    kill,
  };
}

function onTerminal(
  terminal: Terminal,
  running: Pick<RunningCommand, 'exited' | 'kill'> & { readonly stdin: boolean },
): RunningCommand {
  const END_OF_INPUT = Uint8Array.of(4);
  const stdin = {
    write: (bytes: Uint8Array) => terminal.write(bytes),
    end: () => void terminal.write(END_OF_INPUT),
  };
  return {
    stdout: terminal.output,
    stderr: undefined,
    stdin: running.stdin ? stdin : undefined,
    resize: (size) => terminal.resize(size),
    exited: running.exited,
    kill: running.kill,
  };
}

async function exitOf(thread: NamespaceThread): Promise<{ exitCode: number }> {
  const reply = await thread.next();
  return { exitCode: reply.kind === 'exited' ? reply.exitCode : 137 };
}

function adoptTerminal(init: ProcessIdentity): Terminal | undefined {
  try {
    const initFd = pidFdOf(init);
    try {
      return openMaster(takeDescriptor(initFd, MASTER_IN_INIT));
    } finally {
      closeSync(initFd);
    }
  } catch {
    // Gone meanwhile: the exit road reports it.
    return undefined;
  }
}

/** A descriptor of exactly this process: the start time is compared after the descriptor pins the number. */
function pidFdOf(target: ProcessIdentity): number {
  const fd = openPidFd(target.pid);
  if (isAlive(target)) return fd;
  closeSync(fd);
  throw new Error(`process ${target.pid} has ended`);
}

function resolvePath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
