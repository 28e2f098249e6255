// A private containerd for tests, with an image made on the spot from the machine's own programs. Says why when the
// machine cannot run one.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { realGrpc } from '#transport/real/grpc.ts';
import { type CriRuntime, connectRuntime } from '../cri-client.ts';
import { mountTable, type RuntimeUnderTest } from '../sandbox/real/sandbox.fixture.ts';

export const TEST_IMAGE = 'docker.io/library/holdfast-test:1';
const PROGRAMS = ['sh', 'cat', 'sleep', 'ls', 'touch', 'id', 'seq'];
const TOOLS = ['containerd', 'ctr', 'runc', 'tar', 'ldd'];
const CALL = { timeoutMs: 20_000 };

/** Why no containerd can be tested here; undefined when it can be tried. */
export function containerdMissing(): string | undefined {
  const missing = TOOLS.filter((tool) => which(tool) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

export class ContainerdUnderTest implements RuntimeUnderTest {
  readonly directory = mkdtempSync(join(tmpdir(), 'hf-cd-'));
  readonly logDirectory = join(this.directory, 'log');
  readonly mountsBefore = mountTable();
  readonly cri: CriRuntime = connectRuntime(realGrpc(), `unix://${this.directory}/cd.sock`);
  #process: ChildProcess | undefined;
  #log = '';

  async start(): Promise<void> {
    mkdirSync(this.logDirectory);
    writeFileSync(join(this.directory, 'config.toml'), this.#config());
    const child = spawn('containerd', ['-c', join(this.directory, 'config.toml')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#log = `${this.#log}${chunk.toString()}`.slice(-20_000);
    });
    this.#process = child;
    await this.#answer();
    const archive = makeImage(this.directory);
    this.#ctr('images', 'import', archive);
  }

  async removeEverything(): Promise<void> {
    const { items } = await this.cri.runtime.listPodSandbox({}, CALL);
    for (const { id } of items) await this.cri.runtime.removePodSandbox({ podSandboxId: id }, CALL);
    await this.cri[Symbol.asyncDispose]();
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.directory, { recursive: true });
  }

  get log(): string {
    return this.#log;
  }

  async #answer(): Promise<void> {
    for (let i = 0; i < 200; i++) {
      try {
        await this.cri.runtime.version({}, CALL);
        return;
      } catch {
        await delay(50);
      }
    }
    throw new Error(`containerd does not answer: ${this.#log}`);
  }

  #ctr(...args: readonly string[]): void {
    execFileSync('ctr', ['-a', join(this.directory, 'cd.sock'), '-n', 'k8s.io', ...args], { stdio: 'pipe' });
  }

  #config(): string {
    return `version = 2
root = "${this.directory}/root"
state = "${this.directory}/state"
[grpc]
  address = "${this.directory}/cd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${TEST_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`;
  }
}

/** A docker archive of one layer that holds a few programs of the machine and their libraries. */
function makeImage(directory: string): string {
  const root = join(directory, 'image-root');
  for (const name of PROGRAMS) {
    const program = which(name);
    if (program === undefined) throw new Error(`the machine has no "${name}"`);
    place(root, program, `/bin/${name}`);
    for (const library of librariesOf(program)) place(root, library, library);
  }
  const layer = join(directory, 'layer.tar');
  execFileSync('tar', ['-C', root, '-cf', layer, '.']);
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Cmd: ['/bin/sleep', 'infinity'], Env: ['PATH=/bin'] },
    rootfs: {
      type: 'layers',
      diff_ids: [`sha256:${createHash('sha256').update(readFileSync(layer)).digest('hex')}`],
    },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [TEST_IMAGE], Layers: ['layer.tar'] }];
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(directory, 'image.tar');
  execFileSync('tar', ['-C', directory, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  rmSync(root, { recursive: true });
  return archive;
}

function place(root: string, source: string, target: string): void {
  mkdirSync(join(root, dirname(target)), { recursive: true });
  cpSync(realpathSync(source), join(root, target));
}

function librariesOf(program: string): readonly string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...text.matchAll(/(\/[^\s()]+)/g)].map((match) => match[1] ?? '');
}

function which(name: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'which', name], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
