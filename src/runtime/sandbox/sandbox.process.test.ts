// Processes of the sandbox over time: stopping, restarts of the sandbox itself, exec and attach streams, leaks.
import { readFileSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebSocketConnection } from '#transport/http.ts';
import { realHttp } from '#transport/real/http.ts';
import type { ContainerEventResponse } from '../generated/cri.ts';
import {
  CALL,
  createContainer,
  exitOf,
  logOf,
  mountTable,
  processesWith,
  runPod,
  SandboxUnderTest,
  startShell,
  statusOf,
  until,
} from './real/sandbox.fixture.ts';

const sandbox = new SandboxUnderTest();
let pod = '';
const ids: string[] = [];

beforeAll(async () => {
  await sandbox.start();
  pod = await runPod(sandbox);
  ids.push(pod);
});

afterAll(async () => {
  const parent = sandbox.pid;
  const { containers } = await sandbox.cri.runtime.listContainers({}, CALL);
  ids.push(...containers.map((container) => container.id));
  const { items } = await sandbox.cri.runtime.listPodSandbox({}, CALL);
  for (const { id } of items) await sandbox.cri.runtime.removePodSandbox({ podSandboxId: id }, CALL);
  expect(processesWith(ids, parent), 'SBX27: nothing runs or waits to be reaped').toEqual([]);
  await sandbox.removeEverything();
  expect(mountTable()).toEqual(sandbox.mountsBefore);
});

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

describe('stopping', () => {
  it('SBX25: a command without a handler ends on SIGTERM at once', async () => {
    const containerId = await startShell(sandbox, pod, 'while :; do sleep 0.1; done');
    const stop = (): Promise<unknown> =>
      sandbox.cri.runtime.stopContainer({ containerId, timeout: '20' }, CALL);
    expect(await elapsed(stop)).toBeLessThan(3000);
    expect(await statusOf(sandbox, containerId)).toMatchObject({ exitCode: 143 });
  });

  it('SBX25: a command that ignores SIGTERM is killed after the grace time, with all its children', async () => {
    const containerId = await startShell(
      sandbox,
      pod,
      `trap '' TERM; (sleep 1000 &); while :; do sleep 0.1; done`,
    );
    const stop = (): Promise<unknown> =>
      sandbox.cri.runtime.stopContainer({ containerId, timeout: '1' }, CALL);
    expect(await elapsed(stop)).toBeGreaterThan(900);
    expect(await statusOf(sandbox, containerId)).toMatchObject({ exitCode: 137 });
    expect(processesWith([containerId], sandbox.pid)).toEqual([]);
  });

  it('SBX25: the handler of the command may finish its work', async () => {
    const containerId = await startShell(
      sandbox,
      pod,
      `trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done`,
    );
    await until(async () => (await logOf(sandbox, containerId)) || undefined);
    await sandbox.cri.runtime.stopContainer({ containerId, timeout: '20' }, CALL);
    expect(await statusOf(sandbox, containerId)).toMatchObject({ exitCode: 7 });
    expect(await logOf(sandbox, containerId)).toBe('up\nbye');
  });

  it('SBX24: a container that is killed from outside ends with 137', async () => {
    const containerId = await startShell(sandbox, pod, 'sleep 1000');
    const { info } = await sandbox.cri.runtime.containerStatus({ containerId, verbose: true }, CALL);
    process.kill(Number(info['pid']), 'SIGKILL');
    expect(await exitOf(sandbox, containerId)).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  it('SBX26: stopping and removing a pod ends its containers and can be said twice', async () => {
    const other = await runPod(sandbox);
    ids.push(other);
    const containerId = await startShell(sandbox, other, 'sleep 1000');
    for (let i = 0; i < 2; i++) await sandbox.cri.runtime.stopPodSandbox({ podSandboxId: other }, CALL);
    const { status } = await sandbox.cri.runtime.podSandboxStatus({ podSandboxId: other }, CALL);
    expect(status?.state).toBe('SANDBOX_NOTREADY');
    expect((await statusOf(sandbox, containerId)).state).toBe('CONTAINER_EXITED');
    for (let i = 0; i < 2; i++) await sandbox.cri.runtime.removePodSandbox({ podSandboxId: other }, CALL);
    await expect(statusOf(sandbox, containerId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(processesWith([other, containerId], sandbox.pid)).toEqual([]);
  });
});

describe('restarts of the sandbox process', () => {
  it('SBX41: containers outlive kill -9 and are taken up, log and exit code included', async () => {
    const script = 'i=0; while [ $i -lt 120 ]; do i=$((i+1)); echo line $i; sleep 0.05; done; exit 5';
    const containerId = await startShell(sandbox, pod, script);
    const unseen = await startShell(sandbox, pod, 'sleep 0.3; echo last words; exit 9');
    const before = await sandbox.cri.runtime.containerStatus({ containerId, verbose: true }, CALL);
    await sandbox.end('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 700));
    await sandbox.start();
    const after = await sandbox.cri.runtime.containerStatus({ containerId, verbose: true }, CALL);
    expect(after.status?.state).toBe('CONTAINER_RUNNING');
    expect(after.info['pid']).toBe(before.info['pid']);
    expect(await exitOf(sandbox, unseen)).toMatchObject({ exitCode: 9, reason: 'Error' });
    expect(await logOf(sandbox, unseen)).toBe('last words');
    expect(await exitOf(sandbox, containerId)).toMatchObject({ exitCode: 5 });
    const lines = (await logOf(sandbox, containerId)).split('\n');
    // A line that the killed process had read and not yet written is the most that can be missing.
    expect(lines.length).toBeGreaterThanOrEqual(119);
    expect(lines.at(-1)).toBe('line 120');
  });

  it('SBX42: a container whose init went unseen says that its exit code is lost', async () => {
    const containerId = await startShell(sandbox, pod, 'sleep 1000');
    const { info } = await sandbox.cri.runtime.containerStatus({ containerId, verbose: true }, CALL);
    await sandbox.end('SIGKILL');
    process.kill(Number(info['pid']), 'SIGKILL');
    await sandbox.start();
    const status = await exitOf(sandbox, containerId);
    expect(status).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' });
    expect(status.message).toContain('exit code lost');
  });

  it('SBX40: a container that was only created can be started by the next process', async () => {
    const containerId = await createContainer(sandbox, pod, { command: ['sh', '-c', 'exit 4'] });
    await sandbox.end('SIGTERM');
    await sandbox.start();
    await sandbox.cri.runtime.startContainer({ containerId }, CALL);
    expect(await exitOf(sandbox, containerId)).toMatchObject({ exitCode: 4 });
  });

  it('SBX41: a terminal is taken up too', async () => {
    const containerId = await startShell(sandbox, pod, 'while :; do echo beat; sleep 0.1; done', {
      tty: true,
    });
    await sandbox.end('SIGKILL');
    await sandbox.start();
    const lines = (await logOf(sandbox, containerId)).length;
    await until(async () => (await logOf(sandbox, containerId)).length > lines || undefined);
    await sandbox.cri.runtime.removeContainer({ containerId }, CALL);
  });

  it('SBX43: a second sandbox on the same state is refused', async () => {
    const second = new SandboxUnderTest();
    Object.assign(second, { stateDirectory: sandbox.stateDirectory });
    await expect(second.start()).rejects.toThrow('another sandbox process has it open');
    await second.discard();
  });
});

describe('logs', () => {
  it('SBX54: a reopened log loses no line', async () => {
    const script = 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.02; done';
    const containerId = await startShell(sandbox, pod, script);
    const { logPath } = await statusOf(sandbox, containerId);
    await until(async () => (await logOf(sandbox, containerId)) || undefined);
    renameSync(logPath, `${logPath}.1`);
    await sandbox.cri.runtime.reopenContainerLog({ containerId }, CALL);
    await exitOf(sandbox, containerId);
    const lines = `${readFileSync(`${logPath}.1`, 'utf8')}${readFileSync(logPath, 'utf8')}`
      .trim()
      .split('\n');
    expect(lines.map((line) => line.split(' ')[3])).toEqual(
      Array.from({ length: 60 }, (_, i) => String(i + 1)),
    );
  });
});

describe('exec', () => {
  let containerId = '';
  beforeAll(async () => {
    containerId = await startShell(sandbox, pod, 'sleep 1000');
  });

  const open = async (url: string): Promise<Stream> => {
    const { origin, pathname } = new URL(url);
    const client = realHttp().client(origin);
    return new Stream(
      await client.openWebSocket(pathname, ['v5.channel.k8s.io'], AbortSignal.timeout(10_000)),
    );
  };
  const exec = async (cmd: readonly string[], wanted: { tty?: boolean } = {}): Promise<Stream> => {
    const streams = { stdin: true, stdout: true, stderr: wanted.tty !== true, tty: wanted.tty === true };
    return open((await sandbox.cri.runtime.exec({ containerId, cmd, ...streams }, CALL)).url);
  };

  it('SBX65: collects both streams and the exit code', async () => {
    const cmd = ['sh', '-c', 'echo out; echo err >&2; exit 6'];
    const answer = await sandbox.cri.runtime.execSync({ containerId, cmd, timeout: '10' }, CALL);
    expect(Buffer.from(answer.stdout).toString()).toBe('out\n');
    expect(Buffer.from(answer.stderr).toString()).toBe('err\n');
    expect(answer.exitCode).toBe(6);
  });

  it('SBX66: kills a command past its timeout', async () => {
    const request = { containerId, cmd: ['sleep', '987'], timeout: '1' };
    await expect(sandbox.cri.runtime.execSync(request, CALL)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(processesWith(['sleep 987'], sandbox.pid)).toEqual([]);
  });

  it('SBX61: streams stdin and stdout, and closing stdin ends the command', async () => {
    const stream = await exec(['sh', '-c', 'cat; echo done >&2']);
    await stream.send(0, 'hello');
    await stream.until(1, 'hello');
    await stream.sendBytes(Uint8Array.of(255, 0));
    expect(await stream.status()).toMatchObject({ status: 'Success' });
    expect(stream.text(2)).toBe('done\n');
  });

  it('SBX62: reports the exit code', async () => {
    const stream = await exec(['sh', '-c', 'exit 42']);
    expect(await stream.status()).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '42' }] },
    });
  });

  it('SBX62: reports a command that is not there', async () => {
    const stream = await exec(['no-such-program']);
    expect(await stream.status()).toMatchObject({ reason: 'InternalError' });
  });

  it('SBX63: has a controlling terminal that is resized', async () => {
    const stream = await exec(['sh'], { tty: true });
    await stream.send(4, '{"Width":101,"Height":37}');
    await stream.send(0, 'tty; stty size; echo ok > /dev/tty\n');
    await stream.until(1, '37 101');
    await stream.until(1, '/dev/pts/');
    await stream.send(4, '{"Width":66,"Height":22}');
    await stream.send(0, 'stty size\n');
    await stream.until(1, '22 66');
    await stream.send(0, 'exit 3\n');
    expect(await stream.status()).toMatchObject({ details: { causes: [{ message: '3' }] } });
  });

  it('SBX63: control-C reaches the command in the terminal', async () => {
    const stream = await exec(['sh', '-c', 'echo up; exec sleep 876'], { tty: true });
    await stream.until(1, 'up');
    await stream.send(0, '\x03');
    expect(await stream.status()).toMatchObject({ details: { causes: [{ message: '130' }] } });
  });

  it('SBX64: a client that goes ends its command', async () => {
    const stream = await exec(['sleep', '765']);
    await until(() => processesWith(['sleep 765'], 0).length > 0 || undefined);
    stream.socket.close();
    await until(() => processesWith(['sleep 765'], 0).length === 0 || undefined);
  });

  it('SBX67: an address works once', async () => {
    const { url } = await sandbox.cri.runtime.exec({ containerId, cmd: ['true'], stdout: true }, CALL);
    expect(await (await open(url)).status()).toMatchObject({ status: 'Success' });
    await expect(open(url)).rejects.toThrow('404');
  });

  it('SBX68: attach shows output and feeds stdin', async () => {
    const attached = await startShell(sandbox, pod, 'while read -r line; do echo "got $line"; done', {
      stdin: true,
    });
    const { url } = await sandbox.cri.runtime.attach(
      { containerId: attached, stdin: true, stdout: true },
      CALL,
    );
    const stream = await open(url);
    await stream.send(0, 'one\n');
    await stream.until(1, 'got one');
    stream.socket.close();
    expect((await statusOf(sandbox, attached)).state).toBe('CONTAINER_RUNNING');
    await sandbox.cri.runtime.removeContainer({ containerId: attached }, CALL);
  });

  it('SBX69: events tell of start, end and removal', async () => {
    const stop = new AbortController();
    const seen: ContainerEventResponse[] = [];
    const reading = (async () => {
      for await (const event of sandbox.cri.containerEvents(stop.signal)) seen.push(event);
    })().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const short = await startShell(sandbox, pod, 'true');
    await exitOf(sandbox, short);
    await sandbox.cri.runtime.removeContainer({ containerId: short }, CALL);
    const types = (): string[] =>
      seen.filter((event) => event.containerId === short).map((event) => event.containerEventType);
    await until(() => types().includes('CONTAINER_DELETED_EVENT') || undefined);
    stop.abort();
    await reading;
    expect(types()).toEqual([
      'CONTAINER_CREATED_EVENT',
      'CONTAINER_STARTED_EVENT',
      'CONTAINER_STOPPED_EVENT',
      'CONTAINER_DELETED_EVENT',
    ]);
  });
});

describe('when all is removed', () => {
  it('SBX27: nothing runs or waits to be reaped', async () => {
    const own = await runPod(sandbox);
    const containerId = await startShell(sandbox, own, '(sleep 1000 &); sleep 1000 & sleep 1000');
    expect(processesWith([own, containerId], sandbox.pid).length).toBeGreaterThan(1);
    await sandbox.cri.runtime.removePodSandbox({ podSandboxId: own }, CALL);
    expect(processesWith([own, containerId], sandbox.pid)).toEqual([]);
  });
});

/** A client of the remote command protocol. */
class Stream {
  readonly socket: WebSocketConnection;
  readonly #texts = new Map<number, string>();
  readonly #ended: Promise<void>;

  constructor(socket: WebSocketConnection) {
    this.socket = socket;
    this.#ended = this.#read();
  }

  send(channel: number, text: string): Promise<void> {
    return this.sendBytes(Buffer.concat([Uint8Array.of(channel), Buffer.from(text)]));
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.socket.send(bytes);
  }

  text(channel: number): string {
    return this.#texts.get(channel) ?? '';
  }

  async until(channel: number, wanted: string): Promise<void> {
    await until(() => this.text(channel).includes(wanted) || undefined);
  }

  async status(): Promise<unknown> {
    await this.#ended;
    return JSON.parse(this.text(3));
  }

  async #read(): Promise<void> {
    for await (const frame of this.socket.frames) {
      const channel = frame[0] ?? -1;
      this.#texts.set(channel, this.text(channel) + Buffer.from(frame.subarray(1)).toString());
    }
  }
}
