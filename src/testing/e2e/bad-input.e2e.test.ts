// What goes wrong because of what was given: each gets one clear message, and nothing is lost.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { findKubectl, type Kubectl, kubectlFor } from './kubectl.ts';
import { watchMachine } from './machine.ts';
import { claim, DISK_CLASS, writer } from './manifests.ts';

watchMachine();

const PROGRAM = ['dist/holdfast.mjs'];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line that must end by itself. */
function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

const holdfastCommand = (...args: string[]): Promise<Ended> => run(process.execPath, [...PROGRAM, ...args]);

describe('the command line', () => {
  const scratch = newDataDirectory();
  afterAll(() => removeDataDirectory(scratch));

  test('npx holdfast --help works from the checkout', async () => {
    const { code, out } = await run('npx', ['--no-install', 'holdfast', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: holdfast .*\n[^]* up [^]* demo /);
  });

  test.each([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['up', '--bogus'], /unknown option '--bogus'/],
    [['up', '--port', '70000'], /'--port <port>' argument '70000' is invalid\. a port is a whole number/],
    [['up', '--disk-capacity-bytes', 'much'], /argument 'much' is invalid\. /],
    [['up', '--node-name', 'Not_A_Name'], /"Not_A_Name".*lower case/],
  ])('%j is refused with one line', async (args, message) => {
    const { code, err } = await holdfastCommand(
      ...args,
      ...(args[0] === 'up' ? ['--data-dir', scratch] : []),
    );
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.each(['up', 'demo'])('%s without root says that it needs root', async (command) => {
    const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, ...PROGRAM];
    const { code, err } = await run('setpriv', [...asNobody, command]);
    expect(code).toBe(69);
    expect(err).toMatch(/^holdfast: Cannot .*: mounting .* needs root, .*: run it again with sudo\n$/);
  });

  test('a data directory whose sockets would have too long a path', async () => {
    const dataDir = `${scratch}/${'long'.repeat(30)}`;
    const { code, err } = await holdfastCommand('up', '--port', '0', '--data-dir', dataDir);
    expect(code).toBe(2);
    expect(err).toMatch(/^holdfast: Cannot use the socket path ".*107: choose a shorter --data-dir .*\n$/);
  });

  test('a data directory that is a file', async () => {
    const path = `${scratch}/file`;
    writeFileSync(path, 'mine');
    const { code, err } = await holdfastCommand('up', '--port', '0', '--data-dir', path);
    expect(code).toBe(2);
    expect(err).toMatch(/^holdfast: Cannot use the data directory ".*\/file": .*\n$/);
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

const found = findKubectl();
if ('missing' in found) process.stdout.write(`skipped: bad-input.e2e with kubectl: ${found.missing}\n`);

describe.skipIf('missing' in found)('one Holdfast with a small pool and without mkfs.xfs', () => {
  let holdfast: RunningHoldfast;
  let kubectl: Kubectl;
  const hidden = newDataDirectory();

  beforeAll(async () => {
    const small = ['--disk-capacity-bytes', String(300 * 1024 * 1024)];
    holdfast = await startHoldfast(newDataDirectory(), small, without('mkfs.xfs', hidden));
    kubectl = kubectlFor('path' in found ? found.path : '', holdfast.kubeconfig);
    await kubectl.ok(['apply', '-f', '-'], DISK_CLASS);
  });

  afterAll(async () => {
    await kubectl.ok(['delete', 'pods,pvc', '--all']);
    await until('the volumes to be gone', async () =>
      (await kubectl.ok(['get', 'pv', '-o', 'name'])) === '' ? true : undefined,
    );
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(holdfast.dataDir);
    await removeDataDirectory(hidden);
  });

  test('a second Holdfast on the same data directory', async () => {
    const { code, err } = await holdfastCommand('up', '--port', '0', '--data-dir', holdfast.dataDir);
    expect(code).toBe(75);
    expect(err).toMatch(/^holdfast: Cannot use the data directory ".*": process \d+ is using it: stop .*\n$/);
    expect(await kubectl.ok(['get', '--raw', '/readyz'])).toBe('ok');
  });

  test('a port that is taken', async () => {
    const port = /:(\d+)/.exec(
      await kubectl.ok(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}']),
    )?.[1];
    const dataDir = newDataDirectory();
    const { code, err } = await holdfastCommand('up', '--port', port ?? '', '--data-dir', dataDir);
    await removeDataDirectory(dataDir);
    expect([code, err]).toEqual([
      75,
      expect.stringMatching(new RegExp(`^holdfast: Cannot .*${port}.*in use.*\n$`)),
    ]);
  });

  const send = (path: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const server = /server: "?(https:[^"\n]+)/.exec(readFileSync(holdfast.kubeconfig, 'utf8'))?.[1] ?? '';
      request(`${server}${path}`, { rejectUnauthorized: false }, (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      })
        .on('error', reject)
        .end();
    });

  test('who is nobody sees health and version, and nothing else', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/version']) {
      expect([path, (await send(path)).status]).toEqual([path, 200]);
    }
    for (const path of ['/', '/api', '/apis', '/openapi/v3', '/api/v1/pods', '/nowhere', '/metrics']) {
      const { status, body } = await send(path);
      expect([path, status]).toEqual([path, 401]);
      expect(JSON.parse(body)).toMatchObject({
        kind: 'Status',
        reason: 'Unauthorized',
        message: 'Unauthorized',
      });
    }
  });

  test.each([
    ['malformed YAML', 'kind: [', /error parsing|error converting YAML/],
    ['a wrong type', claim('bad').replace('[ReadWriteOnce]', 'ReadWriteOnce'), /accessModes/],
    [
      'a name too long',
      claim('n'.repeat(254)),
      /metadata\.name: Invalid value: .*must be no more than 253 (characters|bytes)/,
    ],
    [
      'a zero size',
      claim('bad', { size: '0' }),
      /spec\.resources.*\[storage\]: Invalid value: "0": must be greater than zero/,
    ],
    [
      'a negative size',
      claim('bad', { size: '-1Gi' }),
      /spec\.resources.*\[storage\]: Invalid value: "-1Gi": must be greater than zero/,
    ],
    ['a size that is no quantity', claim('bad', { size: '1Gigabyte' }), /quantit/i],
    [
      'an unknown kind',
      'apiVersion: example.org/v1\nkind: Volume\nmetadata: { name: x }\n',
      /no matches for kind "Volume"/,
    ],
  ])('%s is refused, nothing is stored', async (_name, input, message) => {
    const { code, err } = await kubectl.run(['create', '-f', '-'], input);
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
    expect(await kubectl.ok(['get', 'pvc', '-o', 'name'])).toBe('');
  });

  /** The newest message of an event about an object, when it matches. */
  async function event(about: string, message: RegExp): Promise<void> {
    const get = [
      'get',
      'events',
      '--field-selector',
      `involvedObject.name=${about}`,
      '-o',
      'jsonpath={.items[*].message}',
    ];
    let last = '';
    await until(`an event about ${about} that matches ${message}`, async () => {
      last = await kubectl.ok(get);
      return message.test(last) ? true : undefined;
    }).catch(() => expect(last).toMatch(message));
  }

  test('an unknown class: the claim says so and waits', async () => {
    await kubectl.ok(['create', '-f', '-'], claim('lost', { className: 'nowhere' }));
    await event('lost', /storageclass\.storage\.k8s\.io "nowhere" not found/);
    expect(await kubectl.ok(['get', 'pvc', 'lost', '-o', 'jsonpath={.status.phase}'])).toBe('Pending');
    await kubectl.ok(['delete', 'pvc', 'lost']);
  });

  test('a full pool: the claim says what is free, and is served when there is room', async () => {
    await kubectl.ok(
      ['create', '-f', '-'],
      `${claim('first', { size: '200Mi' })}---${writer('first', 'first')}`,
    );
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/first', '--timeout=30s']);
    await kubectl.ok(
      ['create', '-f', '-'],
      `${claim('second', { size: '200Mi' })}---${writer('second', 'second')}`,
    );
    await event('second', /pool|capacity|free storage|enough/);
    await kubectl.ok(['delete', 'pod/first', 'pvc/first']);
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/second', '--timeout=40s']);
    await kubectl.ok(['delete', 'pod/second', 'pvc/second']);
  });

  test('a file system whose mkfs is not installed: the pod says what to install', async () => {
    const xfs = `${DISK_CLASS.replace('name: disk', 'name: xfs')}parameters: { csi.storage.k8s.io/fstype: xfs }\n`;
    await kubectl.ok(
      ['create', '-f', '-'],
      [xfs, claim('x', { className: 'xfs' }), writer('x', 'x')].join('---'),
    );
    await event('x', /mkfs\.xfs.*xfsprogs/);
    await kubectl.ok(['delete', 'pod/x', 'pvc/x']);
  });

  test('a pod without a command waits and says why', async () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: { name: idle }\nspec: { containers: [{ name: c, image: nginx }] }\n';
    await kubectl.ok(['create', '-f', '-'], pod);
    const waiting = [
      'get',
      'pod',
      'idle',
      '-o',
      'jsonpath={.status.containerStatuses[0].state.waiting.message}',
    ];
    await until('the reason', async () => (/command/.test(await kubectl.ok(waiting)) ? true : undefined));
    await kubectl.ok(['delete', 'pod', 'idle']);
  });
});

/** Runs a command in a mount namespace in which the program (in /usr/sbin) is not installed: an overlay's whiteout. */
function without(program: string, scratch: string): readonly string[] {
  const script = `
    set -e
    mkdir ${scratch}/upper ${scratch}/work
    mknod ${scratch}/upper/${program} c 0 0
    mount -t overlay -o lowerdir=/usr/sbin,upperdir=${scratch}/upper,workdir=${scratch}/work none /usr/sbin
    exec "$@"`;
  return ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh'];
}
