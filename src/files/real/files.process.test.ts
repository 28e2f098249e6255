import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { filesContract } from '#testing/contracts/files.ts';
import { realFiles } from './files.ts';

const root = await mkdtemp(join(tmpdir(), 'holdfast-files-'));
let folders = 0;
const newFolder = async () => {
  const directory = join(root, String(folders++));
  await realFiles().makeDirectory(directory);
  return directory;
};
afterAll(() => rm(root, { recursive: true }));

filesContract('the disk', async () => ({ files: realFiles(), directory: await newFolder() }));

test('FIL3: a file gets exactly the mode that was asked for', async () => {
  const directory = await newFolder();
  const umask = process.umask(0o077);
  try {
    await realFiles().write(join(directory, 'a'), Buffer.from('a'), { mode: 0o644 });
    await realFiles().write(join(directory, 'b'), Buffer.from('b'));
  } finally {
    process.umask(umask);
  }
  expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(0o644);
  expect((await stat(join(directory, 'b'))).mode & 0o777).toBe(0o600);
});

test('FIL6: a file that a dead process was writing is not listed and does not keep its directory', async () => {
  const directory = await newFolder();
  await writeFile(join(directory, '.holdfast-writing-1-0-a'), 'half');
  expect(await realFiles().list(directory)).toEqual([]);
  await realFiles().removeDirectory(directory);
  expect(await realFiles().exists(directory)).toBe(false);
});

/** A process that runs `body` with `files` and `path` in scope. */
function child(path: string, body: string): ChildProcess {
  const module = new URL('./files.ts', import.meta.url).href;
  const code = `import { realFiles } from ${JSON.stringify(module)};
    const files = realFiles(); const path = ${JSON.stringify(path)}; ${body}`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const firstOutput = (one: ChildProcess) => new Promise((resolve) => one.stdout?.once('data', resolve));
const ended = (one: ChildProcess) => new Promise((resolve) => one.once('exit', resolve));

test('FIL7: a writer killed at any moment leaves the old content or the new', async () => {
  const path = join(await newFolder(), 'a');
  const body = `for (let i = 0; ; i++) {
    await files.write(path, Buffer.alloc(200_000, 97 + (i % 26)));
    if (i === 0) process.stdout.write('ready');
  }`;
  for (let round = 0; round < 6; round++) {
    const writer = child(path, body);
    await firstOutput(writer);
    await new Promise((resolve) => setTimeout(resolve, 7 * round));
    writer.kill('SIGKILL');
    await ended(writer);
    const content = await readFile(path);
    expect(content.length).toBe(200_000);
    expect(new Set(content).size).toBe(1);
  }
});

test('FIL9: the lock of a process that was killed is free', async () => {
  const path = join(await newFolder(), 'lock');
  const holder = child(
    path,
    `await files.lock(path); process.stdout.write('held'); setInterval(() => {}, 1000);`,
  );
  await firstOutput(holder);
  expect(await realFiles().lock(path)).toBeUndefined();
  expect((await readFile(path, 'utf8')).trim()).toBe(String(holder.pid));
  holder.kill('SIGKILL');
  await ended(holder);
  expect(await realFiles().lock(path)).toBeDefined();
});

test('FIL5: below /proc, where nothing can be made, it fails at once', async () => {
  await expect(realFiles().makeDirectory('/proc/holdfast/a/b')).rejects.toMatchObject({ code: 'ENOENT' });
});
