// One `holdfast up` on a throw-away data directory, as the benchmarks and end-to-end tests start it.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '#base/real/clock.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { connectServer } from '#client/https-transport.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { realHttp } from '#transport/real/http.ts';

const POLL_MS = 2;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `look` finds something. Throws after `withinMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  withinMs = 30_000,
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await pause(POLL_MS);
  }
}

/** In the path of every data directory that this process makes, and of no other's. */
export const DATA_MARKER = `/hf-e2e-${process.pid}-`;

export function newDataDirectory(): string {
  return mkdtempSync(join(tmpdir(), DATA_MARKER));
}

/** Removes it; everything below must be unmounted. */
export async function removeDataDirectory(dataDir: string): Promise<void> {
  await realOwnedTrees.remove(dataDir, 'test');
}

export interface RunningHoldfast {
  readonly dataDir: string;
  readonly api: ApiClient;
  readonly kubeconfig: string;
  /** From the start of the process to the first answer of /readyz, in milliseconds. */
  readonly readyMs: number;
  /** performance.now() at the start of the process. */
  readonly startedAt: number;
  readonly child: ChildProcess;
  /** What it has printed on standard error. */
  readonly errors: () => string;
  /** Sends SIGTERM (or another signal) and waits for the end; the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `holdfast up` and waits until its API is ready. */
export async function startHoldfast(
  dataDir: string,
  args: readonly string[] = [],
  /** A program and arguments that exec what follows. */
  wrapper: readonly string[] = [],
): Promise<RunningHoldfast> {
  const runDir = `/run/holdfast/${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
  // One that was killed left its own.
  rmSync(`${runDir}/ready`, { force: true });
  const startedAt = performance.now();
  const up = [process.execPath, 'dist/holdfast.mjs', 'up', '--data-dir', dataDir, '--port', '0', ...args];
  const [program = '', ...rest] = [...wrapper, ...up];
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await until('the API server', () => {
    if (child.exitCode !== null) throw new Error(`holdfast up ended with ${child.exitCode}: ${errors}`);
    return existsSync(`${runDir}/ready`) ? true : undefined;
  });
  const kubeconfig = join(dataDir, 'kubeconfig');
  const config = await parseKubeconfig(readFileSync(kubeconfig, 'utf8'), {
    path: kubeconfig,
    readFile: () => Promise.resolve(undefined),
  });
  const server = connectServer(realHttp(), config, realClock());
  const ready = await server.send({
    method: 'GET',
    path: '/readyz',
    headers: {},
    user: undefined,
    signal: AbortSignal.timeout(10_000),
  });
  if (ready.status !== 200) throw new Error(`/readyz answered ${ready.status}`);
  const readyMs = performance.now() - startedAt;
  return {
    dataDir,
    api: createApiClient(server.send),
    kubeconfig,
    readyMs,
    startedAt,
    child,
    errors: () => errors,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
      await server[Symbol.asyncDispose]();
      return child.exitCode;
    },
  };
}

/** Proportional set size of every process that names `dataDir`, in MiB, by its bundle's name. */
export function memoryByProcess(dataDir: string): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const bundle = command.find((arg) => /\/dist\/[\w-]+\.mjs$|^dist\/[\w-]+\.mjs$/.test(arg));
      if (bundle === undefined || !command.some((arg) => arg.includes(dataDir))) continue;
      const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
      const name = bundle.replace(/^.*\//, '').replace('.mjs', '');
      sizes[name] = (sizes[name] ?? 0) + Number(pss?.[1] ?? 0) / 1024;
    } catch {
      // It ended while we looked.
    }
  }
  return sizes;
}
