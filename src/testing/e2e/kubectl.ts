// Finds a kubectl that is new enough and runs it against a Holdfast.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const OLDEST_MINOR = 32;
// A kubectl that hangs is a failure of the test that ran it.
const DEADLINE_MS = 40_000;

export interface KubectlResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Path of the kubectl to use, or why there is none. */
export function findKubectl(): { readonly path: string } | { readonly missing: string } {
  const named = process.env['HOLDFAST_KUBECTL'];
  if (named !== undefined && named !== '') return { path: named };
  const built = resolve('.cache/kubectl');
  if (existsSync(built)) return { path: built };
  const { stdout, error } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const build = '"npm run test:interop" builds one, or name one with HOLDFAST_KUBECTL';
  if (error !== undefined) return { missing: `there is no kubectl: ${build}` };
  const minor = Number(/"minor": "(\d+)/.exec(stdout)?.[1] ?? 0);
  if (minor >= OLDEST_MINOR) return { path: 'kubectl' };
  return { missing: `kubectl 1.${minor} is too old, 1.${OLDEST_MINOR} is needed for exec: ${build}` };
}

export interface RunningKubectl {
  /** What has been printed so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly done: Promise<KubectlResult>;
  write(text: string): void;
  end(): void;
  kill(signal?: NodeJS.Signals): void;
}

export interface TerminalKubectl extends RunningKubectl {
  /** Gives the terminal another size, as a window does. */
  resize(rows: number, columns: number): void;
}

export interface Kubectl {
  /** Runs to the end. Never rejects: the caller looks at the code. */
  run(args: readonly string[], input?: string): Promise<KubectlResult>;
  /** Runs to the end and returns what it printed; throws with everything it said when its exit status is not 0. */
  ok(args: readonly string[], input?: string): Promise<string>;
  start(args: readonly string[]): RunningKubectl;
  /** Runs on a terminal of its own (util-linux script) of 24 rows and 80 columns, whose name is printed first. */
  startOnTerminal(args: readonly string[]): TerminalKubectl;
}

/** `path`: from findKubectl. */
export function kubectlFor(path: string, kubeconfig: string): Kubectl {
  const environment = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', KUBECONFIG: kubeconfig };
  const start = (program: string, args: readonly string[]): RunningKubectl => {
    const child = spawn(program, args, { stdio: 'pipe', env: environment });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
    const done = new Promise<KubectlResult>((resolved) =>
      child.once('close', (code) => resolved({ code, out: text(out), err: text(err) })),
    );
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    void done.then(() => clearTimeout(deadline));
    return {
      out: () => text(out),
      err: () => text(err),
      done,
      write: (line) => void child.stdin.write(line),
      end: () => void child.stdin.end(),
      kill: (signal) => void child.kill(signal),
    };
  };
  const run = (args: readonly string[], input = ''): Promise<KubectlResult> => {
    const running = start(path, args);
    running.write(input);
    running.end();
    return running.done;
  };
  return {
    run,
    async ok(args, input) {
      const { code, out, err } = await run(args, input);
      if (code === 0) return out;
      throw new Error(`kubectl ${args.join(' ')} ended with ${code}:\n${err}${out}`);
    },
    start: (args) => start(path, args),
    startOnTerminal(args) {
      const command = `tty; stty rows 24 cols 80; exec ${[path, ...args].map(quoted).join(' ')}`;
      const running = start('script', ['-qefc', command, '/dev/null']);
      return {
        ...running,
        resize(rows, columns) {
          const [tty = ''] = /\/dev\/pts\/\d+/.exec(running.out()) ?? [];
          spawnSync('stty', ['-F', tty, 'rows', String(rows), 'cols', String(columns)]);
        },
      };
    },
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
