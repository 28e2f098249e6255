// The trusted thread: one thread serves one request, moves itself into namespaces, drops every privilege and starts
// one process, which inherits all of it. Then the thread ends, so nothing it became can touch a later request.
// Direct system calls only: between the first mount and the last nothing is executed. Rules SBX10 to SBX24.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  chownSync,
  closeSync,
  constants as fsConstants,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { assert, assertNever } from '#base/assert.ts';
import { codeOf, messageOf } from '#base/errors.ts';
import type { MountStep } from '../mount-plan.ts';
import type { Command } from '../processes.ts';
import * as libc from './libc.ts';
import {
  KILL,
  NAMESPACE_THREAD,
  TTY_PLACE,
  type ThreadReply,
  type ThreadRequest,
} from './thread-protocol.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** True in a thread that was started to serve one request; its entry module then calls serveNamespaceThread. */
export function isNamespaceThread(): boolean {
  return parentPort !== null && workerData === NAMESPACE_THREAD;
}

/** Serves one request and ends the thread. */
export function serveNamespaceThread(): void {
  const port = parentPort;
  assert(port !== null, 'serveNamespaceThread runs in a worker thread');
  port.once('message', (request: ThreadRequest) => {
    const reply = (message: ThreadReply): void => port.postMessage(message);
    try {
      serve(request, reply);
    } catch (error) {
      fail(error, reply);
    }
  });
  port.postMessage({ kind: 'ready' } satisfies ThreadReply);
}

function serve(request: ThreadRequest, reply: (message: ThreadReply) => void): void {
  switch (request.kind) {
    case 'pod':
      return startPod(request, reply);
    case 'container':
      return startContainer(request, reply);
    case 'exec':
      return startExec(request, reply);
    default:
      assertNever(request);
  }
}

type Reply = (message: ThreadReply) => void;
type PodRequest = Extract<ThreadRequest, { kind: 'pod' }>;
type ContainerRequest = Extract<ThreadRequest, { kind: 'container' }>;
type ExecRequest = Extract<ThreadRequest, { kind: 'exec' }>;

function startPod(request: PodRequest, reply: Reply): void {
  libc.unshare(libc.CLONE.fs | libc.CLONE.uts | libc.CLONE.ipc | libc.CLONE.pid);
  libc.setHostname(request.hostname);
  libc.dropPrivileges(request.command.user);
  leaveRunning(request.command, ['ignore', 'ignore', 'ignore'], undefined, reply);
}

function startContainer(request: ContainerRequest, reply: Reply): void {
  libc.setns(request.podFd, libc.CLONE.ipc | libc.CLONE.uts);
  libc.unshare(libc.CLONE.fs | libc.CLONE.pid);
  const trees = new Map<number, number>();
  let started: StartedInit | undefined;
  try {
    for (const step of request.steps) {
      if (step.kind === 'start-init') started = startInit(request);
      else carryOut(step, trees);
    }
    for (const tree of trees.values()) closeSync(tree);
    assert(started !== undefined, 'a plan starts init');
    libc.dropPrivileges(request.command.user);
    requireDirectory(request.command.workingDir);
    requireProgram(request.command.argv[0] ?? '', request.command);
    writeSync(request.descriptors.control, 'go\n');
    reply({ kind: 'started', pid: started.child.pid ?? 0, terminal: started.terminal });
    process.exit(0);
  } catch (error) {
    if (started === undefined) throw error;
    // Its end is awaited, so that neither a zombie nor a mount is left when the caller hears of the failure.
    started.child.once('exit', () => fail(error, reply));
    started.child.kill('SIGKILL');
  }
}

interface StartedInit {
  readonly child: ChildProcess;
  readonly terminal: number | undefined;
}

/** Starts init and waits until it has mounted /proc and given up every privilege. */
function startInit(request: ContainerRequest): StartedInit {
  const { out, err, life, control, input } = request.descriptors;
  const terminal = request.tty ? libc.openTerminal() : undefined;
  const { uid, gid } = request.command.user;
  // So that the command may open /dev/stdout and its terminal by name.
  for (const fd of [out, err, input]) if (fd !== undefined) fchownSync(fd, uid, gid);
  if (terminal !== undefined) chownSync(terminal.path, uid, gid);
  const [saidRead, saidWrite] = libc.makePipe();
  const [envRead, envWrite] = libc.makePipe();
  const standard: Stdio = request.tty ? ['ignore', 'ignore', 'ignore'] : [input ?? 'ignore', out, err];
  // Init holds the master too: the terminal stays when the sandbox process goes, and can be taken back from there.
  const stdio = [...standard, life, control, terminal?.master ?? 'ignore', saidWrite, envRead] as const;
  const argv = request.initArguments.map((word) => (word === TTY_PLACE ? (terminal?.path ?? '') : word));
  const child = start({ ...request.command, argv, env: {}, workingDir: '/' }, stdio);
  closeSync(saidWrite);
  closeSync(envRead);
  try {
    if (child.pid === undefined) throw new Error(`cannot start "${argv[0]}" for the container's init`);
    const said = Buffer.alloc(512);
    const text = said.toString('utf8', 0, readSync(saidRead, said)).trim();
    if (text !== 'ready') throw new Error(`the container's init did not start: ${text}`);
    writeSync(envWrite, request.environmentScript);
  } catch (error) {
    child.once('error', () => undefined);
    child.kill('SIGKILL');
    throw error;
  } finally {
    closeSync(saidRead);
    closeSync(envWrite);
  }
  return { child, terminal: terminal?.master };
}

function startExec(request: ExecRequest, reply: Reply): void {
  libc.unshare(libc.CLONE.fs);
  const all = libc.CLONE.mount | libc.CLONE.pid | libc.CLONE.ipc | libc.CLONE.uts;
  libc.setns(request.initFd, all);
  libc.dropPrivileges(request.command.user);
  requireProgram(request.command.argv[0] ?? '', request.command);
  const { out, err, input } = request.descriptors;
  const terminal = request.tty ? libc.openTerminal() : undefined;
  const child =
    terminal === undefined
      ? start(request.command, [input ?? 'ignore', out, err])
      : start(onTerminal(request.command, terminal.path), ['ignore', 'ignore', 'ignore']);
  child.once('error', (error) => fail(error, reply));
  child.once('spawn', () => reply({ kind: 'started', pid: child.pid ?? 0, terminal: terminal?.master }));
  parentPort?.on('message', (message: unknown) => {
    if (message === KILL) killGroup(child);
  });
  child.once('exit', (code, signal) => {
    reply({ kind: 'exited', exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
    process.exit(0);
  });
}

// The command leads a process group of its own; while it has not been reaped its number is nobody else's.
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Starts the process and ends this thread; the process stays, a child of the sandbox process. */
function leaveRunning(command: Command, stdio: Stdio, terminal: number | undefined, reply: Reply): void {
  const child = start(command, stdio);
  child.once('error', (error) => fail(error, reply));
  child.once('spawn', () => {
    reply({ kind: 'started', pid: child.pid ?? 0, terminal });
    process.exit(0);
  });
}

function fail(error: unknown, reply: Reply): void {
  reply({ kind: 'failed', message: messageOf(error) });
  process.exit(0);
}

type Stdio = readonly ('ignore' | number)[];

function start(command: Command, stdio: Stdio): ChildProcess {
  const [program, ...args] = command.argv;
  assert(program !== undefined, 'a command has a program');
  return spawn(program, args, {
    stdio: [...stdio],
    env: { PATH: DEFAULT_PATH, ...command.env },
    cwd: command.workingDir,
    // A session of its own: no signal of the sandbox's terminal reaches it, and it may take a terminal of its own.
    detached: true,
  });
}

// A session leader that opens a terminal takes it as its controlling terminal; a shell opens it by name.
function onTerminal(command: Command, path: string): Command {
  const script = 'tty=$1; shift; exec "$@" <>"$tty" >&0 2>&0';
  return { ...command, argv: ['/bin/sh', '-c', script, 'holdfast-terminal', path, ...command.argv] };
}

function requireDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new Error(`working directory "${path}" is not a directory in the container`);
}

function requireProgram(program: string, command: Command): void {
  const folders = (command.env['PATH'] ?? DEFAULT_PATH).split(':');
  const candidates = program.includes('/') ? [program] : folders.map((folder) => `${folder}/${program}`);
  if (candidates.some((path) => isExecutable(resolve(command.workingDir, path)))) return;
  const where = program.includes('/') ? 'is not an executable file' : 'is not an executable file in $PATH';
  throw new Error(`command "${program}" ${where} of the container (the machine's own root file system)`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, fsConstants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const FLAG_BITS = { ro: libc.MS.ro, nosuid: libc.MS.nosuid, nodev: libc.MS.nodev, noexec: libc.MS.noexec };
const SAFE_BITS = libc.MS.nosuid | libc.MS.nodev | libc.MS.noexec;

function carryOut(step: Exclude<MountStep, { kind: 'start-init' }>, trees: Map<number, number>): void {
  switch (step.kind) {
    case 'new-namespace':
      libc.unshare(libc.CLONE.fs | libc.CLONE.mount);
      return libc.mount('', '/', '', libc.MS.recursive | libc.MS.slave, '');
    case 'take-tree':
      return takeTree(step, trees);
    case 'attach-tree':
      return attachTree(step, trees);
    case 'mount': {
      const flags = step.flags.reduce((bits, flag) => bits | FLAG_BITS[flag], 0);
      return libc.mount('holdfast', step.target, step.fsType, flags, step.options);
    }
    case 'make-directory':
      return makeDirectory(step.path, step.mode);
    case 'make-file':
      return writeFileSync(step.path, step.content, { mode: 0o644, flag: 'wx' });
    case 'make-symlink':
      return symlinkSync(step.to, step.path);
    case 'enter':
      return libc.changeDirectory(step.path);
    case 'bind':
      return libc.mount(step.source, step.target, '', libc.MS.bind, '');
    case 'mask':
      return mask(step.path);
    case 'protect':
      return protect(step.path);
    case 'pivot':
      libc.pivotRoot('.', step.putOld);
      return libc.changeDirectory('/');
    case 'detach':
      libc.detachMount(step.path);
      return rmdirSync(step.path);
    case 'read-only-root':
      return libc.mount(
        '',
        '/',
        '',
        libc.MS.bind | libc.MS.remount | libc.MS.ro | libc.MS.nosuid | libc.MS.nodev,
        '',
      );
    default:
      assertNever(step);
  }
}

function takeTree(step: Extract<MountStep, { kind: 'take-tree' }>, trees: Map<number, number>): void {
  const tree = libc.openTree(step.source);
  trees.set(step.slot, tree);
  libc.setTreeAttributes(tree, step);
}

function attachTree(step: Extract<MountStep, { kind: 'attach-tree' }>, trees: Map<number, number>): void {
  const tree = trees.get(step.slot);
  assert(tree !== undefined, 'a tree is taken before it is attached');
  if (fstatSync(tree).isDirectory()) {
    makeDirectory(step.target, 0o755);
  } else if (statSync(step.target, { throwIfNoEntry: false }) === undefined) {
    makeDirectory(dirname(step.target), 0o755);
    writeFileSync(step.target, '', { mode: 0o644, flag: 'wx' });
  }
  libc.attachTree(tree, step.target);
}

// Relative paths are single new names below the directory that was entered; absolute ones may lack parents.
function makeDirectory(path: string, mode: number): void {
  const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isThere) mkdirSync(path, { mode, recursive: path.startsWith('/') });
}

function mask(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return;
  if (found.isDirectory()) {
    libc.mount('holdfast', path, 'tmpfs', libc.MS.ro | SAFE_BITS, 'size=4k,mode=0555');
  } else {
    libc.mount('/dev/null', path, '', libc.MS.bind, '');
  }
}

function protect(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  libc.mount(path, path, '', libc.MS.bind | libc.MS.recursive, '');
  libc.mount('', path, '', libc.MS.bind | libc.MS.remount | libc.MS.ro | SAFE_BITS, '');
}
