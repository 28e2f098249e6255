// subPaths against pods that plant links and exchange directories for them. Outside is a file that says so.
import { spawn } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '#base/errors.ts';
import { realHost } from '#host/real/host.ts';
import { realSafePaths } from '#host/real/safe-path.ts';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import { realTree } from '#volumes/real/tree.ts';
import { bindSubPath } from './sub-path.ts';

const host = realHost();
const deps = { host, tree: realTree(), safePaths: realSafePaths };
let scratch: Scratch;
let root: string;
let target: string;
beforeEach(async () => {
  scratch = await scratchFolder();
  root = `${scratch.path}/volume`;
  target = `${scratch.path}/pod/volume-subpaths/v/c/0`;
  await mkdir(`${scratch.path}/outside/sub`, { recursive: true });
  await mkdir(`${root}/a/sub`, { recursive: true });
  for (const at of ['a', 'a/sub']) await writeFile(`${root}/${at}/marker`, 'inside');
  for (const at of ['outside', 'outside/sub']) await writeFile(`${scratch.path}/${at}/marker`, 'outside');
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

const bind = (relative: string): Promise<string> =>
  bindSubPath(deps, { root, relative, target, readOnly: false });

test.each([
  { link: 'first', to: '../outside', relative: 'first/sub' },
  { link: 'a/middle', to: '../../outside', relative: 'a/middle/sub' },
  { link: 'a/last', to: '../../outside/sub', relative: 'a/last' },
  { link: 'absolute', to: '/', relative: 'absolute' },
  { link: 'loop', to: 'loop', relative: 'loop/sub' },
  { link: 'process', to: '/proc/1/root', relative: 'process/etc' },
  { link: 'unused', to: 'a', relative: '../outside' },
  { link: 'unused', to: 'a', relative: 'a/../../outside' },
  { link: 'unused', to: 'a', relative: '/etc' },
])('AGT59: $relative with $link -> $to leads nowhere', async ({ link, to, relative }) => {
  await symlink(to, `${root}/${link}`);
  await expect(bind(relative)).rejects.toThrow();
  expect((await host.mounts.table()).some(({ mountPoint }) => mountPoint === target)).toBe(false);
});

test('AGT59: links that stay in the volume are followed, as those of a config map', async () => {
  await symlink('a', `${root}/..data`);
  await symlink('..data/marker', `${root}/marker`);
  await bind('marker');
  expect(await readFile(target, 'utf8')).toBe('inside');
  await host.mounts.unmount(target);
});

test('AGT75: what is bound is what was opened', async () => {
  const other = { ...realSafePaths, identify: async () => '0:0' };
  const bound = bindSubPath({ ...deps, safePaths: other }, { root, relative: 'a', target, readOnly: false });
  await expect(bound).rejects.toThrow('what was bound is not what was opened');
});

const RACE_MS = 2000;

test('AGT75: a directory exchanged for a link in a loop never leads out', { timeout: 20_000 }, async () => {
  await symlink(`${scratch.path}/outside`, `${root}/trap`);
  const fixture = new URL('./real/exchange.fixture.ts', import.meta.url).pathname;
  const attacker = spawn(process.execPath, [fixture, `${root}/a`, `${root}/trap`], { stdio: 'ignore' });
  const outcomes = { inside: 0, refused: 0 };
  try {
    const end = performance.now() + RACE_MS;
    while (performance.now() < end || outcomes.inside === 0 || outcomes.refused === 0) {
      if (performance.now() > end + 5000) break;
      try {
        await bind('a/sub');
      } catch (error) {
        // A refusal of the walk; anything else is a defect.
        expect(['EXDEV', 'ELOOP', 'ENOENT', 'ENOTDIR', 'EAGAIN']).toContain(codeOf(error));
        outcomes.refused++;
        continue;
      }
      expect(await readFile(`${target}/marker`, 'utf8')).toBe('inside');
      outcomes.inside++;
      await host.mounts.unmount(target);
    }
  } finally {
    const ended = new Promise((resolve) => attacker.once('exit', resolve));
    attacker.kill('SIGKILL');
    await ended;
  }
  expect(outcomes.inside).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(0);
});
