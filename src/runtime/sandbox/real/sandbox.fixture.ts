// A sandbox process for tests, with everything it leaves observable: its directory, its pods and containers in /proc,
// the machine's mount table.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { realGrpc } from '#transport/real/grpc.ts';
import { type CriRuntime, connectRuntime, type Sparse } from '../../cri-client.ts';
import type { ContainerConfig, ContainerStatus } from '../../generated/cri.ts';

export const CALL = { timeoutMs: 20_000 };
const PROCESS = fileURLToPath(new URL('./sandbox-process.fixture.ts', import.meta.url));

/** A CRI runtime under test, whichever it is. */
export interface RuntimeUnderTest {
  readonly cri: CriRuntime;
  readonly logDirectory: string;
}

export class SandboxUnderTest implements RuntimeUnderTest {
  readonly directory = mkdtempSync(join(tmpdir(), 'hf-sandbox-'));
  readonly logDirectory = join(this.directory, 'log');
  readonly stateDirectory = join(this.directory, 'state');
  readonly hidden = join(this.directory, 'hidden');
  readonly endpoint = `unix://${this.directory}/cri.sock`;
  readonly mountsBefore = mountTable();
  cri: CriRuntime = connectRuntime(realGrpc(), this.endpoint);
  stderr = '';
  #process: ChildProcess | undefined;

  constructor() {
    mkdirSync(this.logDirectory);
    mkdirSync(this.hidden);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const options = {
      endpoint: this.endpoint,
      stateDirectory: this.stateDirectory,
      hiddenDirectories: [this.hidden],
      topLayerBytes: 8 * 1024 * 1024,
      hostIp: '127.0.0.1',
    };
    const child = spawn(process.execPath, [PROCESS, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#process = child;
    const state = await until(async () => {
      if (child.exitCode !== null) return 'ended';
      return (await this.cri.runtime.version({}, CALL)).runtimeName;
    });
    if (state === 'ended') throw new Error(`the sandbox ended: ${this.stderr}`);
  }

  /** Ends the process with `signal` and waits for it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async removeEverything(): Promise<void> {
    const { items } = await this.cri.runtime.listPodSandbox({}, CALL);
    for (const { id } of items) await this.cri.runtime.removePodSandbox({ podSandboxId: id }, CALL);
    await this.discard();
  }

  /** Ends the process and removes the directory; whatever runs is not touched. */
  async discard(): Promise<void> {
    await this.end('SIGTERM');
    await this.cri[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true });
  }
}

export async function runPod(under: RuntimeUnderTest, overrides: object = {}): Promise<string> {
  const config = {
    metadata: { name: 'pod', uid: 'uid-1', namespace: 'default', attempt: 0 },
    hostname: 'pod-host',
    logDirectory: under.logDirectory,
    linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } } },
    ...overrides,
  } as const;
  return (await under.cri.runtime.runPodSandbox({ config }, CALL)).podSandboxId;
}

export async function createContainer(
  under: RuntimeUnderTest,
  podSandboxId: string,
  config: Sparse<ContainerConfig>,
): Promise<string> {
  const whole = {
    metadata: { name: 'c', attempt: 0 },
    image: { image: 'docker.io/library/busybox:test' },
    logPath: `${Math.random().toString(36).slice(2)}.log`,
    ...config,
  };
  const sandboxConfig = {
    metadata: { name: 'pod', uid: 'uid-1', namespace: 'default', attempt: 0 },
    logDirectory: under.logDirectory,
  };
  const request = { podSandboxId, config: whole, sandboxConfig };
  return (await under.cri.runtime.createContainer(request, CALL)).containerId;
}

export async function startShell(
  under: RuntimeUnderTest,
  podSandboxId: string,
  script: string,
  config: Sparse<ContainerConfig> = {},
): Promise<string> {
  const command = ['sh', '-c', script];
  const containerId = await createContainer(under, podSandboxId, { command, ...config });
  await under.cri.runtime.startContainer({ containerId }, CALL);
  return containerId;
}

export async function statusOf(under: RuntimeUnderTest, containerId: string): Promise<ContainerStatus> {
  const { status } = await under.cri.runtime.containerStatus({ containerId }, CALL);
  if (status === null) throw new Error(`no status for container "${containerId}"`);
  return status;
}

/** Waits until the container has exited. */
export function exitOf(under: RuntimeUnderTest, containerId: string): Promise<ContainerStatus> {
  return until(async () => {
    const status = await statusOf(under, containerId);
    return status.state === 'CONTAINER_EXITED' ? status : undefined;
  });
}

/** The text of the container's log, as a log reader shows it. */
export async function logOf(under: RuntimeUnderTest, containerId: string): Promise<string> {
  const { logPath } = await statusOf(under, containerId);
  return readFileSync(logPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').slice(3).join(' '))
    .join('\n');
}

/** Runs a script to its end and gives back what it wrote. */
export async function outputOf(
  under: RuntimeUnderTest,
  podSandboxId: string,
  script: string,
  config: Sparse<ContainerConfig> = {},
): Promise<string> {
  const containerId = await startShell(under, podSandboxId, script, config);
  await exitOf(under, containerId);
  return logOf(under, containerId);
}

/** Polls until `look` gives something; what it throws meanwhile is shown when time is up. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  let last: unknown;
  for (let i = 0; i < 500; i++) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await delay(20);
  }
  throw new Error(`what was waited for did not happen: ${String(last)}`);
}

/** The machine's mounts that the sandbox could have made: others come and go while tests run. */
export function mountTable(): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return lines.filter(
    (line) => line.includes('/hf-sandbox-') || / - (overlay|tmpfs|proc|devpts) /.test(line),
  );
}

/** Processes, zombies included, whose command line holds one of the words; and zombie children of `parent`. */
export function processesWith(words: readonly string[], parent: number): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const isZombie = state === 'Z' && Number(parentPid) === parent;
      return isZombie || words.some((word) => command.includes(word)) ? [`${pid} ${state} ${command}`] : [];
    } catch {
      return [];
    }
  });
}
