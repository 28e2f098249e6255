// What other processes do to a store: one that is killed with -9 in a loop, at moments chosen by chance; one whose disk
// takes no more; one that has the directory open.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { holdDirectory } from '#files/hold-directory.ts';
import { realFiles } from '#files/real/files.ts';
import { prefixEnd, type Store } from '../store.ts';
import { openLmdbStore } from './lmdb.ts';

const root = await mkdtemp(join(tmpdir(), 'holdfast-kill-'));
afterAll(() => rm(root, { recursive: true }));

const onFailure = (error: Error): never => {
  throw error;
};
const open = async (path: string) =>
  openLmdbStore(path, { held: await holdDirectory(realFiles(), path), onFailure });

/**
 * Sixteen writers in one process. Each transaction puts the same number under two keys and deletes an older pair, so
 * that half a transaction shows. What is acknowledged goes to stdout: `<revision> <writer> <number>`.
 */
const WRITER = `
  const [storeModule, lockModule, filesModule, path] = process.argv.slice(1);
  const { openLmdbStore } = await import(storeModule);
  const { holdDirectory } = await import(lockModule);
  const { realFiles } = await import(filesModule);
  const held = await holdDirectory(realFiles(), path);
  const store = await openLmdbStore(path, { held, onFailure: () => process.abort() });
  process.stdout.write('start ' + store.revision + '\\n');
  const base = store.revision * 1000;
  const pad = (n) => String(n).padStart(12, '0');
  await Promise.all(Array.from({ length: 16 }, async (_, writer) => {
    for (let i = 0; ; i++) {
      const value = Buffer.alloc(300, String(base + i) + ' ');
      const result = await store.commit({ compare: [], writes: [
        { kind: 'put', key: '/left/' + writer + '/' + pad(base + i), value },
        { kind: 'put', key: '/right/' + writer + '/' + pad(base + i), value },
        { kind: 'delete', key: '/left/' + writer + '/' + pad(base + i - 50) },
        { kind: 'delete', key: '/right/' + writer + '/' + pad(base + i - 50) },
      ] });
      process.stdout.write(result.revision + ' ' + writer + ' ' + (base + i) + '\\n');
      if (i % 40 === 39 && writer === 0) void store.compact(store.revision - 20);
    }
  }));
`;

function startWriter(path: string): ChildProcess {
  const modules = ['./lmdb.ts', '../../files/hold-directory.ts', '../../files/real/files.ts'];
  const urls = modules.map((module) => new URL(module, import.meta.url).href);
  const args = ['--input-type=module', '-e', WRITER, ...urls, path];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the writer `afterMs` after its first acknowledged write and gives every whole line it has printed. */
async function runAndKill(path: string, afterMs: number): Promise<readonly string[]> {
  const writer = startWriter(path);
  let output = '';
  const exited = new Promise((resolve) => writer.once('close', resolve));
  writer.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const isFirst = output.split('\n').length < 3;
    output += text;
    if (isFirst && output.split('\n').length >= 3) setTimeout(() => writer.kill('SIGKILL'), afterMs);
  });
  await exited;
  return output.split('\n').slice(0, -1);
}

async function keysUnder(store: Store, prefix: string): Promise<Set<string>> {
  const result = await store.range({ start: prefix, end: prefixEnd(prefix) });
  if (result.kind !== 'range') throw new Error(result.kind);
  return new Set(result.items.map(({ key }) => key.slice(prefix.length)));
}

test('STO30: STO31: every acknowledged write survives kill -9, whole, and the revision never falls', async () => {
  const path = join(root, 'store');
  let newestAcknowledged = 1;
  let acknowledgedWrites = 0;
  for (let round = 0; round < 12; round++) {
    const [start = '', ...lines] = await runAndKill(path, Math.random() * 120);
    expect(Number(start.split(' ')[1])).toBeGreaterThanOrEqual(newestAcknowledged);
    const store = await open(path);
    const left = await keysUnder(store, '/left/');
    expect(await keysUnder(store, '/right/')).toEqual(left);
    const newest = new Map<string, number>();
    for (const line of lines) {
      const [revision = '', writer = '', number = ''] = line.split(' ');
      newestAcknowledged = Math.max(newestAcknowledged, Number(revision));
      newest.set(writer, Math.max(newest.get(writer) ?? 0, Number(number)));
      acknowledgedWrites++;
    }
    for (const [writer, number] of newest) {
      expect(left.has(`${writer}/${String(number).padStart(12, '0')}`), `writer ${writer} at ${number}`).toBe(
        true,
      );
    }
    expect(store.revision).toBeGreaterThanOrEqual(newestAcknowledged);
    await store[Symbol.asyncDispose]();
  }
  expect(acknowledgedWrites).toBeGreaterThan(100);
}, 120_000);

test('STO37: a directory that another process has open is refused, with the process and what to do', async () => {
  const path = join(root, 'held');
  const writer = startWriter(path);
  await new Promise((resolve) => writer.stdout?.once('data', resolve));
  await expect(open(path)).rejects.toThrow(
    `Opening the directory "${path}": process ${writer.pid} holds its lock: stop that process, or name another directory`,
  );
  writer.kill('SIGKILL');
  await new Promise((resolve) => writer.once('close', resolve));
  await (await open(path))[Symbol.asyncDispose]();
});

/** In a process whose files may not grow beyond 1 MiB, as on a full disk: prints what became of each write. */
const FULL_DISK = `
  const [storeModule, path] = process.argv.slice(1);
  const { openLmdbStore } = await import(storeModule);
  const said = [];
  const held = { [Symbol.dispose]: () => undefined };
  const store = await openLmdbStore(path, { held, onFailure: (error) => said.push('failure ' + error.message) });
  process.on('unhandledRejection', (error) => said.push('unhandled ' + error.message));
  const put = (key, size) => store.commit({ compare: [], writes: [{ kind: 'put', key, value: Buffer.alloc(size) }] });
  await put('/small', 10);
  const conflict = { compare: [{ key: '/b', modRevision: 7 }], writes: [] };
  const results = await Promise.allSettled([put('/large', 4 * 1024 * 1024), put('/b', 10), store.commit(conflict)]);
  for (const { status } of results) said.push(status);
  await put('/late', 10).catch((error) => said.push('late ' + error.name));
  await store[Symbol.asyncDispose]();
  await new Promise((resolve) => setImmediate(resolve));
  console.log(JSON.stringify(said));
`;

test('STO34: a failed write rejects whoever waits, is reported once, and nothing is written after it', async () => {
  const path = join(root, 'full');
  const url = new URL('./lmdb.ts', import.meta.url).href;
  const limited = 'ulimit -f 2048; exec "$0" --input-type=module -e "$1" "$2" "$3"'; // In blocks of 512 bytes.
  const child = spawn('/bin/sh', ['-c', limited, process.execPath, FULL_DISK, url, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.once('close', resolve));
  const [failure = '', ...rest]: string[] = JSON.parse(output);
  expect(failure).toMatch(/^failure Writing to the store ".*full" failed: .+: the process stops/);
  expect(rest).toEqual(['rejected', 'rejected', 'rejected', 'late StoreFailedError']);
  const store = await open(path);
  expect([store.revision, [...(await keysUnder(store, '/'))]]).toEqual([2, ['small']]);
  await store[Symbol.asyncDispose]();
});
