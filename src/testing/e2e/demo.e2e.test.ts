// `holdfast demo` from its bundle, as `npm run demo` runs it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { watchMachine } from './machine.ts';
import { newDataDirectory, removeDataDirectory, until } from './holdfast-process.ts';

watchMachine();

const scratch = newDataDirectory();
afterAll(() => removeDataDirectory(scratch));

const FACTS = [
  'API ready',
  'applied',
  'claim Pending',
  'node chosen',
  'CreateVolume',
  'PV bound',
  'attached',
  'formatted',
  'staged',
  'published',
  'container Running',
  'lines of the file',
  'kill -9',
  'restarted',
  'same data',
  'pod gone',
  'pod created',
  'container Running',
  'old lines there',
  'deleted',
  'pod gone',
  'unstaged',
  'detached',
  'PV gone',
  'gone at the driver',
  'machine as before',
];

function startDemo(args: readonly string[] = []) {
  // The directory that a demo makes is below the one that is watched.
  const child = spawn(process.execPath, ['dist/holdfast.mjs', 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: scratch },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, out: () => out, err: () => err, code };
}

const dataDirOf = (out: string): string => /API ready +(\S+)\/kubeconfig/.exec(out)?.[1] ?? '';

test('the demo shows every fact in order as plain lines and ends with 0, its directory gone', async () => {
  const demo = startDemo();
  expect([await demo.code, demo.err()]).toEqual([0, '']);
  const out = demo.out();
  const shown = out
    .split('\n')
    .map((line) => /^ +[\d.]+ s {2}\+ (.{1,18})/.exec(line)?.[1]?.trim())
    .filter((fact) => fact !== undefined && fact !== 'intent recorded' && !fact.endsWith('elsewhere'));
  expect(shown).toEqual(FACTS);
  expect(out).not.toMatch(/\u001b|undefined|NaN|\[object/);
  expect(out).toMatch(/formatted +ext4 on \/dev\/loop\d+/);
  expect(out).toMatch(/restarted +exit code 137, restart 1/);
  expect(existsSync(dataDirOf(out))).toBe(false);
});

test('Ctrl-C in the middle leaves nothing behind and says so', async () => {
  const demo = startDemo();
  await until('the volume to be staged', () => (demo.out().includes('staged') ? true : undefined));
  demo.child.kill('SIGINT');
  expect(await demo.code).toBe(130);
  expect(demo.out()).toContain('machine as before');
  expect(demo.err()).toMatch(/^Interrupted while waiting: .*\n$/);
  expect(existsSync(dataDirOf(demo.out()))).toBe(false);
});

test('--keep leaves it running until Ctrl-C, with a kubeconfig to use', async () => {
  const demo = startDemo(['--keep']);
  await until('the hint', () => (demo.out().includes('export KUBECONFIG=') ? true : undefined));
  const dataDir = dataDirOf(demo.out());
  expect(existsSync(`${dataDir}/kubeconfig`)).toBe(true);
  demo.child.kill('SIGINT');
  expect([await demo.code, demo.err()]).toEqual([0, '']);
  expect(demo.out()).toContain('machine as before');
  expect(existsSync(dataDir)).toBe(false);
});
