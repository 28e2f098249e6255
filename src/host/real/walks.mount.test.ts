import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import { ownedTreeRemoval } from '../remove-owned-tree.ts';
import { realHost } from './host.ts';
import { realOwnedTrees } from './remove-owned-tree.ts';
import { realSafePaths } from './safe-path.ts';

const host = realHost();
let scratch: Scratch;
let outside: string;
let tree: string;
beforeEach(async () => {
  scratch = await scratchFolder();
  outside = join(scratch.path, 'outside');
  tree = join(scratch.path, 'tree');
  await mkdir(outside);
  await mkdir(tree);
  await writeFile(join(outside, 'precious'), 'data');
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

const precious = (): Promise<string> => readFile(join(outside, 'precious'), 'utf8');
const remove = (): ReturnType<typeof realOwnedTrees.remove> => realOwnedTrees.remove(tree, 'test');
const exists = async (name: string): Promise<boolean> => (await readdir(scratch.path)).includes(name);

describe('the removal of a tree', () => {
  it('HST26: removes files, directories, links and odd names', async () => {
    await mkdir(join(tree, 'a', 'b'), { recursive: true });
    await writeFile(join(tree, 'a', 'b', 'new\nline'), '');
    await writeFile(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]), '');
    await symlink(outside, join(tree, 'a', 'link'));
    await symlink('nowhere', join(tree, 'dangling'));
    expect(await remove()).toEqual({ removed: 7, left: [] });
    expect(await exists('tree')).toBe(false);
    expect(await precious()).toBe('data');
  });

  it('HST26: an absent tree is fine; a link as root is refused', async () => {
    expect(await realOwnedTrees.remove(join(scratch.path, 'none', 'deep'), 'test')).toEqual({
      removed: 0,
      left: [],
    });
    await symlink(outside, join(scratch.path, 'link'));
    await expect(realOwnedTrees.remove(join(scratch.path, 'link'), 'test')).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    expect(await precious()).toBe('data');
  });

  it('HST27: a bind mount of the same disk inside keeps its data and is reported', async () => {
    const inside = join(tree, 'volumes', 'mount');
    await mkdir(inside, { recursive: true });
    await writeFile(join(tree, 'volumes', 'file'), '');
    await host.mounts.bind({ source: outside, target: inside, readOnly: false });
    const report = await remove();
    expect(await precious()).toBe('data');
    expect(report.left).toEqual([{ path: inside, because: 'another-mount', code: undefined }]);
    expect(await readdir(join(tree, 'volumes'))).toEqual(['mount']);
    await expect(ownedTreeRemoval(realOwnedTrees, 'empty-dir')(tree)).rejects.toThrow(/mounted there/);
    await host.mounts.unmount(inside);
    expect((await remove()).left).toEqual([]);
  });

  it('HST27: a root that is a mount point is refused', async () => {
    await host.mounts.bind({ source: outside, target: tree, readOnly: false });
    expect((await remove()).left).toMatchObject([{ path: tree, because: 'another-mount' }]);
    expect(await precious()).toBe('data');
    await host.mounts.unmount(tree);
  });

  it('HST28: a file that is mounted over stays, and the rest goes', async () => {
    await writeFile(join(tree, 'mounted'), '');
    await writeFile(join(tree, 'other'), '');
    await host.mounts.bind({
      source: join(outside, 'precious'),
      target: join(tree, 'mounted'),
      readOnly: false,
    });
    expect((await remove()).left).toMatchObject([
      { path: join(tree, 'mounted'), because: 'busy', code: 'EBUSY' },
    ]);
    expect(await readdir(tree)).toEqual(['mounted']);
    expect(await precious()).toBe('data');
    await host.mounts.unmount(join(tree, 'mounted'));
  });

  it('HST29: removes a tree that is deeper than a path can name', async () => {
    // mkdir by relative names from inside, as a pod would do it.
    const script =
      "for (let i = 0; i < 2500; i++) { fs.mkdirSync('dd'); process.chdir('dd'); } fs.writeFileSync('f', '')";
    const child = spawn(process.execPath, ['-e', script], { cwd: tree, stdio: 'ignore' });
    await new Promise((resolve) => child.once('close', resolve));
    const report = await remove();
    expect(report.left).toEqual([]);
    expect(report.removed).toBeGreaterThan(2500);
    expect(await exists('tree')).toBe(false);
  });

  it('HST30: a directory that is swapped for a link all the time leads nowhere', async () => {
    const script = `
      const fs = require('node:fs');
      const stop = Date.now() + 1500;
      for (let i = 0; Date.now() < stop; i++) {
        try { fs.mkdirSync('swap'); } catch {}
        try { fs.writeFileSync('swap/f', ''); } catch {}
        try { fs.renameSync('swap', 'old' + i); } catch {}
        try { fs.symlinkSync(${JSON.stringify(outside)}, 'swap'); } catch {}
        try { fs.unlinkSync('swap'); } catch {}
      }`;
    const child = spawn(process.execPath, ['-e', script], { cwd: tree, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    let running = true;
    void ended.then(() => {
      running = false;
    });
    while (running) await realOwnedTrees.remove(tree, 'test').catch(() => undefined);
    await mkdir(tree, { recursive: true });
    expect((await remove()).left).toEqual([]);
    expect(await precious()).toBe('data');
  });

  it.each(['relative', '/tmp/../etc', '/tmp/a\0b', '/'])('HST26: refuses the root %j', async (root) => {
    await expect(realOwnedTrees.remove(root, 'test')).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('a safe path', () => {
  it('HST24: opens what is below the root and stays with it when the name is replaced', async () => {
    await mkdir(join(tree, 'a', 'b'), { recursive: true });
    await writeFile(join(tree, 'a', 'b', 'file'), 'mine');
    await using found = await realSafePaths.open(tree, 'a/./b/file', { oneMount: true });
    expect(found.kind).toBe('file');
    expect(await readFile(found.path, 'utf8')).toBe('mine');
  });

  it.each(['link/precious', 'a/link', 'a/link/precious', 'proc'])(
    'HST24: refuses the link in %j',
    async (relative) => {
      await mkdir(join(tree, 'a'));
      await symlink(outside, join(tree, 'link'));
      await symlink(outside, join(tree, 'a', 'link'));
      await symlink('/proc/1/root', join(tree, 'proc'));
      const walk = realSafePaths.open(tree, relative, { oneMount: true });
      await expect(walk).rejects.toMatchObject({ code: 'ELOOP' });
    },
  );

  it.each(['/etc', '../outside', 'a/../../outside', 'a\0b'])('HST24: refuses %j', async (relative) => {
    await expect(realSafePaths.open(tree, relative, { oneMount: true })).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  it('HST50: follows links that stay below the root and no others', async () => {
    await mkdir(join(tree, 'a', 'b'), { recursive: true });
    await symlink('b', join(tree, 'a', 'inside'));
    await symlink('../../outside', join(tree, 'a', 'up'));
    await symlink(outside, join(tree, 'absolute'));
    await symlink('/proc/self/root', join(tree, 'magic'));
    await using named = await realSafePaths.openBeneath(tree, 'a/b');
    await using linked = await realSafePaths.openBeneath(tree, 'a/inside');
    expect(linked).toMatchObject({ kind: 'directory', identity: named.identity });
    expect(await realSafePaths.identify(join(tree, 'a', 'b'))).toBe(named.identity);
    for (const bad of ['a/up', 'a/up/precious', 'absolute', 'magic/etc']) {
      await expect(realSafePaths.openBeneath(tree, bad)).rejects.toMatchObject({ code: 'EXDEV' });
    }
    await expect(realSafePaths.openBeneath(tree, 'none')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('HST25: refuses a component on another mount when one mount is asked for', async () => {
    await mkdir(join(tree, 'm'));
    await host.mounts.bind({ source: outside, target: join(tree, 'm'), readOnly: false });
    await expect(realSafePaths.open(tree, 'm/precious', { oneMount: true })).rejects.toMatchObject({
      code: 'EXDEV',
    });
    {
      await using found = await realSafePaths.open(tree, 'm/precious', { oneMount: false });
      expect(found.kind).toBe('file');
    }
    await host.mounts.unmount(join(tree, 'm'));
  });

  it('HST24: makes missing directories below the root and none through a link', async () => {
    await using made = await realSafePaths.makeDirectories(tree, 'x/y', { mode: 0o750 });
    expect(made.kind).toBe('directory');
    await symlink(outside, join(tree, 'link'));
    const through = realSafePaths.makeDirectories(tree, 'link/new', { mode: 0o750 });
    await expect(through).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await readdir(outside)).toEqual(['precious']);
  });
});
