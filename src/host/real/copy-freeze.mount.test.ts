import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { needsFileSystem } from '#testing/real/programs.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import type { LoopDevice } from '../host.ts';
import { realHost } from './host.ts';

const MIB = 1024 * 1024;
const host = realHost();
const signal = new AbortController().signal;
let scratch: Scratch;
beforeEach(async () => {
  scratch = await scratchFolder();
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

async function sparseImage(name: string): Promise<string> {
  const path = join(scratch.path, name);
  await host.images.create(path, 64 * MIB);
  await using file = await open(path, 'r+');
  await file.write(Buffer.from('near the end'), 0, 12, 60 * MIB + 5);
  await file.sync();
  return path;
}

it('HST40: a copy has the size, the bytes and the holes of its image', async () => {
  const image = await sparseImage('a.img');
  const copy = join(scratch.path, 'b.img');
  await host.images.copy(image, copy, signal);
  const found = await host.images.stat(copy);
  expect(found?.sizeBytes).toBe(64 * MIB);
  expect(found?.allocatedBytes).toBeLessThan(MIB);
  expect((await readFile(copy)).equals(await readFile(image))).toBe(true);
  expect((await stat(copy)).mode & 0o777).toBe(0o600);
});

it('HST40: a copy never replaces a file, and an aborted one says so', async () => {
  const image = await sparseImage('a.img');
  await writeFile(join(scratch.path, 'there.img'), 'precious');
  await expect(host.images.copy(image, join(scratch.path, 'there.img'), signal)).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(await readFile(join(scratch.path, 'there.img'), 'utf8')).toBe('precious');
  const aborted = host.images.copy(image, join(scratch.path, 'c.img'), AbortSignal.abort());
  await expect(aborted).rejects.toMatchObject({ code: 'TIMEOUT' });
});

const mountedExt4 = (): Promise<Mounted> => mounted('ext4', 32);

interface Mounted {
  readonly image: string;
  readonly loop: LoopDevice;
  readonly mountPoint: string;
}

async function mounted(fsType: 'ext4' | 'xfs', mib: number): Promise<Mounted> {
  const image = join(scratch.path, 'fs.img');
  await host.images.create(image, mib * MIB);
  const blank = await host.images.proveBlank(image, mib * MIB);
  if (blank.kind !== 'blank') throw new Error('not blank');
  const loop = await host.loops.attach(image, { readOnly: false });
  await host.filesystems.format({ device: loop.device, fsType, proof: blank.proof });
  const mountPoint = join(scratch.path, 'mnt');
  await mkdir(mountPoint);
  await host.mounts.mount({
    source: loop.device,
    target: mountPoint,
    fsType,
    flags: ['nosuid', 'nodev'],
  });
  return { image, loop, mountPoint };
}

const frozen = async (mountPoint: string, { device }: LoopDevice) => ({
  mountPoint,
  device: await host.blocks.numberOf(device),
});

it('HST41: a mount point with another device behind it is not frozen', async () => {
  const other = { mountPoint: scratch.path, device: '7:12345' };
  const never = (): Promise<never> => Promise.reject(new Error('it was frozen'));
  await expect(host.filesystems.whileFrozen(other, never)).rejects.toMatchObject({ code: 'ESTALE' });
  await writeFile(join(scratch.path, 'file'), 'writable');
});

it('HST41 HST43: a copy made while frozen mounts on its own, with all that was written and a UUID of its own', async () => {
  const { image, loop, mountPoint } = await mountedExt4();
  await writeFile(join(mountPoint, 'file'), 'before');
  const copy = join(scratch.path, 'copy.img');
  let late: Promise<void> | undefined;
  await host.filesystems.whileFrozen(await frozen(mountPoint, loop), async () => {
    late = writeFile(join(mountPoint, 'late'), 'after');
    await expect(host.mounts.unmount(mountPoint)).rejects.toMatchObject({ code: 'EBUSY' });
    await host.images.copy(image, copy, signal);
  });
  await late;
  await host.mounts.unmount(mountPoint);
  await host.loops.detach(loop);
  const second = await host.loops.attach(copy, { readOnly: false });
  expect(await host.filesystems.renewIdentity(second.device, 'ext4')).toEqual({ kind: 'done' });
  const superblocks = await Promise.all(
    [image, copy].map(async (path) => (await readFile(path)).subarray(1128, 1144)),
  );
  expect(superblocks[0]?.equals(superblocks[1] ?? Buffer.alloc(0))).toBe(false);
  await host.mounts.mount({
    source: second.device,
    target: mountPoint,
    fsType: 'ext4',
    flags: ['nosuid', 'nodev'],
  });
  expect(await readFile(join(mountPoint, 'file'), 'utf8')).toBe('before');
  await expect(readFile(join(mountPoint, 'late'))).rejects.toMatchObject({ code: 'ENOENT' });
  await host.mounts.unmount(mountPoint);
  await host.loops.detach(second);
});

it('HST41 HST42: a failed step thaws, and thawing again changes nothing', async () => {
  const { loop, mountPoint } = await mountedExt4();
  const failing = host.filesystems.whileFrozen(await frozen(mountPoint, loop), () =>
    Promise.reject(new Error('step')),
  );
  await expect(failing).rejects.toThrow('step');
  await writeFile(join(mountPoint, 'file'), 'writable');
  expect(await host.filesystems.thaw(await frozen(mountPoint, loop))).toBe(false);
  await host.mounts.unmount(mountPoint);
  await host.loops.detach(loop);
});

it('HST40: where the file system has reflink a copy shares its data until one of the two changes', async (context) => {
  needsFileSystem('xfs', context);
  const { loop, mountPoint } = await mounted('xfs', 300);
  const [image, copy] = [join(mountPoint, 'a.img'), join(mountPoint, 'b.img')];
  await writeFile(image, Buffer.alloc(8 * MIB, 'x'), { mode: 0o600 });
  const before = (await host.filesystems.usage(mountPoint)).usedBytes;
  expect(await host.images.copy(image, copy, signal)).toEqual({ isShared: true });
  expect((await host.filesystems.usage(mountPoint)).usedBytes - before).toBeLessThan(BigInt(4 * MIB));
  await writeFile(image, 'changed');
  expect((await readFile(copy)).equals(Buffer.alloc(8 * MIB, 'x'))).toBe(true);
  await host.mounts.unmount(mountPoint);
  await host.loops.detach(loop);
});
