// The local volume types on real file systems and real mounts.
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import { realHost } from '#host/real/host.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { ownedTreeRemoval } from '#host/remove-owned-tree.ts';
import { watchLeaks } from '#testing/leaks.ts';
import { scratchFolder } from '#testing/real/scratch.ts';
import { checkAnswers } from './answering.ts';
import { type Payload, writePayload } from './atomic-writer.ts';
import { configMapType } from './config-map/config-map.ts';
import { emptyDirType } from './empty-dir/empty-dir.ts';
import { hostPathType } from './host-path/host-path.ts';
import { mountsAt } from './mount-table.ts';
import { realTree } from './real/tree.ts';
import { mergePayloads, projectedType } from './projected/projected.ts';
import { secretType } from './secret/secret.ts';
import type { UnmountProof } from './unmount-proof.ts';

watchLeaks();

const host = realHost();
const tree = realTree();
const removeOwnedTree = ownedTreeRemoval(realOwnedTrees, 'test');
const deps = { host, tree, removeOwnedTree, clock: realClock() };
const pod = { namespace: 'default', name: 'p', uid: 'u', serviceAccountName: '' };
const payload = (files: Readonly<Record<string, string>>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), mode }]));
/** The agent makes real ones: agent/world/unmount-proof.test.ts. */
const proofOf = (subject: string): UnmountProof => ({ subject, evidence: [] }) as unknown as UnmountProof;
const bits = async (path: string): Promise<number> => (await lstat(path)).mode & 0o7777;

test('VOL1 VOL2 VOL3 VOL5: a payload is switched as a whole', async () => {
  await using scratch = await scratchFolder();
  const at = scratch.path;
  expect(await writePayload(deps, at, payload({ a: '1', 'dir/b': '2' }, 0o400))).toBe(true);
  expect(await readFile(`${at}/a`, 'utf8')).toBe('1');
  expect(await readFile(`${at}/dir/b`, 'utf8')).toBe('2');
  expect(await readlink(`${at}/a`)).toBe('..data/a');
  const first = await readlink(`${at}/..data`);
  expect(await bits(`${at}/${first}/a`)).toBe(0o400);
  expect(await writePayload(deps, at, payload({ a: '1', 'dir/b': '2' }, 0o400))).toBe(false);
  expect(await readlink(`${at}/..data`)).toBe(first);
  expect(await writePayload(deps, at, payload({ dir: 'now a file' }, 0o777))).toBe(true);
  const second = await readlink(`${at}/..data`);
  expect((await readdir(at)).sort()).toEqual(['..data', second, 'dir'].sort());
  expect(await readFile(`${at}/dir`, 'utf8')).toBe('now a file');
});

test('VOL1: a payload link that a pod turned elsewhere is not followed by the removal', async () => {
  await using scratch = await scratchFolder();
  const at = `${scratch.path}/v`;
  await mkdir(`${scratch.path}/precious`);
  await writeFile(`${scratch.path}/precious/file`, 'kept');
  await mkdir(at);
  await writePayload(deps, at, payload({ a: '1' }));
  await symlink(`${scratch.path}/precious`, `${at}/..old`);
  await writePayload(deps, at, payload({ a: '2' }));
  expect(await readFile(`${scratch.path}/precious/file`, 'utf8')).toBe('kept');
});

test('VOL7: an emptyDir on disk and in memory', async () => {
  await using scratch = await scratchFolder();
  const type = emptyDirType(deps);
  const disk = `${scratch.path}/disk`;
  const memory = `${scratch.path}/memory`;
  const source = { medium: 'disk', sizeLimitBytes: undefined } as const;
  await type.publish({ pod, target: disk, source, group: { gid: 4242, changePolicy: 'Always' } });
  expect(await bits(disk)).toBe(0o2777);
  expect((await lstat(disk)).gid).toBe(4242);
  await mkdir(`${disk}/a/b`, { recursive: true });
  await type.publish({ pod, target: disk, source, group: undefined });
  await type.unpublish(disk, proofOf(disk));
  expect(await tree.kind(disk)).toBeUndefined();
  const sized = { medium: 'memory', sizeLimitBytes: 1n << 20n } as const;
  await type.publish({ pod, target: memory, source: sized, group: undefined });
  await type.publish({ pod, target: memory, source: sized, group: undefined });
  const mounts = await mountsAt(host, memory);
  expect(mounts).toHaveLength(1);
  expect(mounts[0]?.superOptions).toContain('size=1024k');
  await type.unpublish(memory, proofOf(memory));
  await type.unpublish(memory, proofOf(memory));
  expect(await tree.kind(memory)).toBeUndefined();
});

test('VOL8: a secret never touches a disk', async () => {
  await using scratch = await scratchFolder();
  const type = secretType(deps);
  const target = `${scratch.path}/s`;
  await type.publish({ pod, target, source: { payload: payload({ token: 'x' }) }, group: undefined });
  expect((await mountsAt(host, target))[0]?.fsType).toBe('tmpfs');
  await type.publish({ pod, target, source: { payload: payload({ token: 'y' }) }, group: undefined });
  expect(await readFile(`${target}/token`, 'utf8')).toBe('y');
  await type.unpublish(target, proofOf(target));
  await type.unpublish(target, proofOf(target));
  expect(await tree.kind(target)).toBeUndefined();
});

test('VOL2: a config map follows its object and is removed', async () => {
  await using scratch = await scratchFolder();
  const type = configMapType(deps);
  const target = `${scratch.path}/c`;
  const group = { gid: 4242, changePolicy: 'Always' } as const;
  await type.publish({ pod, target, source: { payload: payload({ a: '1' }) }, group });
  const data = await readlink(`${target}/..data`);
  await type.publish({ pod, target, source: { payload: payload({ a: '1' }) }, group });
  expect(await readlink(`${target}/..data`)).toBe(data);
  expect((await lstat(`${target}/${data}/a`)).gid).toBe(4242);
  await type.unpublish(target, proofOf(target));
  expect(await tree.kind(target)).toBeUndefined();
});

test('VOL9: a hostPath is checked, made when asked, and stays', async () => {
  await using scratch = await scratchFolder();
  const type = hostPathType({ host });
  const publish = (path: string, kind: 'Directory' | 'DirectoryOrCreate' | 'File' | 'FileOrCreate') =>
    type.publish({ pod, target: '', source: { path, kind }, group: undefined });
  const path = `${scratch.path}/h`;
  await expect(publish(path, 'Directory')).rejects.toThrow('is absent, type "Directory" is needed');
  expect(await publish(path, 'DirectoryOrCreate')).toEqual({ hostPath: path, isMount: false });
  await expect(publish(path, 'File')).rejects.toThrow('is directory, type "File" is needed');
  await expect(publish(`${path}/../x`, 'Directory')).rejects.toThrow('without ".."');
  await type.unpublish(path, proofOf(path));
  expect(await tree.kind(path)).toBe('directory');
  await publish(`${scratch.path}/f`, 'FileOrCreate');
  await publish(`${scratch.path}/f`, 'File');
  await symlink(path, `${scratch.path}/link`);
  await publish(`${scratch.path}/link`, 'Directory');
  expect(await bits(`${scratch.path}/f`)).toBe(0o644);
});

const hasFuse = await lstat('/dev/fuse').then(
  () => true,
  () => false,
);

test.skipIf(!hasFuse)(
  'VOL17 VOL18: a path on a file system that hangs holds nobody (needs /dev/fuse)',
  async () => {
    await using scratch = await scratchFolder();
    const target = `${scratch.path}/hung`;
    await mkdir(target);
    // A FUSE connection that nobody serves: every look at the mount waits for ever.
    const connection = await open('/dev/fuse', 'r+');
    const options = [`fd=${connection.fd}`, 'rootmode=40000', 'user_id=0', 'group_id=0'];
    await host.mounts.mount({ source: 'hung', target, fsType: 'fuse', flags: [], options });
    const type = hostPathType({ host, timeoutMs: 200 });
    const source = { path: `${target}/x`, kind: 'Directory' as const };
    const publishing = type.publish({ pod, target: '', source, group: undefined });
    await expect(publishing).rejects.toThrow('did not answer within 0.2 s');
    await expect(checkAnswers(host, target, 200)).rejects.toThrow('(fuse) did not answer within 0.2 s');
    await checkAnswers(host, scratch.path);
    await connection.close();
    // The killed program is let go by the kernel a moment later.
    await vi.waitUntil(async () => {
      await host.mounts.unmount(target).catch(() => undefined);
      return (await mountsAt(host, target)).length === 0;
    });
  },
);

test('VOL10: the group walk follows no link and leaves no mount', async () => {
  await using scratch = await scratchFolder();
  const root = `${scratch.path}/root`;
  const outside = `${scratch.path}/outside`;
  await mkdir(`${root}/sub/mounted`, { recursive: true });
  await mkdir(outside);
  await writeFile(`${outside}/file`, '', { mode: 0o600 });
  await writeFile(`${root}/sub/mine`, '', { mode: 0o600 });
  await symlink(`${outside}/file`, `${root}/sub/link`);
  await host.mounts.bind({ source: outside, target: `${root}/sub/mounted`, readOnly: false });
  await tree.giveToGroup(root, { gid: 4242, changePolicy: 'Always' });
  await host.mounts.unmount(`${root}/sub/mounted`);
  expect([(await lstat(`${root}/sub/mine`)).gid, await bits(`${root}/sub/mine`)]).toEqual([4242, 0o660]);
  expect((await lstat(`${root}/sub/link`)).gid).toBe(4242);
  expect([(await lstat(`${outside}/file`)).gid, await bits(`${outside}/file`)]).toEqual([0, 0o600]);
  expect((await bits(`${root}/sub`)) & 0o2070).toBe(0o2070);
  await chown(`${root}/sub/mine`, 0, 0);
  await chmod(`${root}/sub/mine`, 0o600);
  await tree.giveToGroup(root, { gid: 4242, changePolicy: 'OnRootMismatch' });
  expect((await lstat(`${root}/sub/mine`)).gid).toBe(0);
});

test('VOL15: a ..data turned to a folder outside is neither read, written nor removed, and replaced', async () => {
  await using scratch = await scratchFolder();
  const at = `${scratch.path}/v`;
  await mkdir(at);
  await mkdir(`${scratch.path}/precious`);
  await writeFile(`${scratch.path}/precious/a`, '1');
  await symlink('../precious', `${at}/..data`);
  expect(await writePayload(deps, at, payload({ a: '1' }))).toBe(true);
  expect(await readlink(`${at}/..data`)).toMatch(/^\.\.[0-9_]+\.0$/);
  await rm(`${at}/..data`);
  await symlink('../precious', `${at}/..data`);
  await writePayload(deps, at, payload({ b: '2' }));
  await configMapType(deps).unpublish(at, proofOf(at));
  expect(await readFile(`${scratch.path}/precious/a`, 'utf8')).toBe('1');
  expect(await readdir(scratch.path)).toEqual(['precious']);
});

test('VOL16: projected files stand on a tmpfs of their own and follow their sources', async () => {
  await using scratch = await scratchFolder();
  const target = `${scratch.path}/p`;
  const type = projectedType(deps);
  const joined = mergePayloads([payload({ a: '1', 'd/b': '2' }), payload({ a: '3' })]);
  expect(await type.publish({ pod, target, group: undefined, source: { payload: joined } })).toEqual({
    hostPath: target,
    isMount: true,
  });
  expect((await mountsAt(host, target)).map(({ fsType }) => fsType)).toEqual(['tmpfs']);
  expect(await readFile(`${target}/a`, 'utf8')).toBe('3');
  expect(await readFile(`${target}/d/b`, 'utf8')).toBe('2');
  await type.unpublish(target, proofOf(target));
  expect(await mountsAt(host, target)).toEqual([]);
  expect(() => mergePayloads([payload({ a: '1' }), payload({ 'a/b': '2' })])).toThrow('"a" is a file too');
});

test('VOL10: the group walk changes a file with two names once and touches no target of a link', async () => {
  await using scratch = await scratchFolder();
  const at = `${scratch.path}/v`;
  await mkdir(`${at}/d`, { recursive: true });
  await writeFile(`${scratch.path}/outside`, 'x', { mode: 0o600 });
  await writeFile(`${at}/file`, 'x', { mode: 0o600 });
  await link(`${at}/file`, `${at}/d/again`);
  await symlink(`${scratch.path}/outside`, `${at}/d/link`);
  await tree.giveToGroup(at, { gid: 4242, changePolicy: 'Always' });
  expect((await lstat(`${at}/d/again`)).gid).toBe(4242);
  expect((await lstat(`${at}/d/link`)).gid).toBe(4242);
  expect([(await lstat(`${scratch.path}/outside`)).gid, await bits(`${scratch.path}/outside`)]).toEqual([
    0, 0o600,
  ]);
  expect(await bits(`${at}/file`)).toBe(0o660);
});
