import { constants, readFileSync } from 'node:fs';
import { link, mkdir, open, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { needsFileSystem } from '#testing/real/programs.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import type { BlankCheck, FormatProof, WipeProof } from '../host.ts';
import { topMountAt } from '../mountinfo.ts';
import { realHost } from './host.ts';

const MIB = 1024 * 1024;
const host = realHost();
// Without CAP_SYS_RESOURCE (bit 24) the kernel refuses to grow a mounted ext4.
const CAPABILITIES = /CapEff:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
const MAY_RESIZE_ONLINE = ((BigInt(`0x${CAPABILITIES}`) >> 24n) & 1n) === 1n;
let scratch: Scratch;
beforeEach(async () => {
  scratch = await scratchFolder();
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

async function folder(name: string): Promise<string> {
  const path = join(scratch.path, name);
  await mkdir(path);
  return path;
}

const at = async (path: string) => topMountAt(await host.mounts.table(), path);
const proofOf = (check: BlankCheck): FormatProof => {
  if (check.kind !== 'blank') throw new Error(`not blank: ${JSON.stringify(check)}`);
  return check.proof;
};

describe('mounts', () => {
  it('HST4: a bind mount shows its source, and its end takes it from the table', async () => {
    const [source, target] = [await folder('source'), await folder('target')];
    await writeFile(join(source, 'file'), 'hello');
    await host.mounts.bind({ source, target, readOnly: false });
    expect(await readFile(join(target, 'file'), 'utf8')).toBe('hello');
    expect(await at(target)).toMatchObject({ options: expect.arrayContaining(['rw']) });
    await host.mounts.unmount(target);
    expect(await at(target)).toBeUndefined();
  });

  it('HST5: a read-only bind is read-only in the table and keeps nosuid and nodev', async () => {
    const [source, target] = [await folder('source'), await folder('target')];
    await host.mounts.mount({ source: 'tmpfs', target: source, fsType: 'tmpfs', flags: ['nosuid', 'nodev'] });
    await host.mounts.bind({ source, target, readOnly: true });
    expect((await at(target))?.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev']));
    await expect(writeFile(join(target, 'file'), '')).rejects.toMatchObject({ code: 'EROFS' });
    await writeFile(join(source, 'file'), '');
    await host.mounts.unmount(target);
    await host.mounts.unmount(source);
  });

  it('HST5: a recursive read-only bind makes the mounts below read-only too', async () => {
    const [source, target] = [await folder('source'), await folder('target')];
    await mkdir(join(source, 'below'));
    await host.mounts.mount({ source: 'tmpfs', target: join(source, 'below'), fsType: 'tmpfs', flags: [] });
    await host.mounts.bind({ source, target, readOnly: true, recursive: true });
    await expect(writeFile(join(target, 'below', 'file'), '')).rejects.toMatchObject({ code: 'EROFS' });
    await host.mounts.unmount(join(target, 'below'));
    await host.mounts.unmount(target);
    await host.mounts.unmount(join(source, 'below'));
  });

  it('HST4: unmount is EBUSY while a file is open and follows no link', async () => {
    const target = await folder('target');
    await host.mounts.mount({ source: 'tmpfs', target, fsType: 'tmpfs', flags: [] });
    const file = await open(join(target, 'file'), 'w');
    await expect(host.mounts.unmount(target)).rejects.toMatchObject({
      code: 'EBUSY',
      syscall: 'umount',
      path: target,
    });
    await file.close();
    await symlink(target, join(scratch.path, 'link'));
    await expect(host.mounts.unmount(join(scratch.path, 'link'))).rejects.toMatchObject({ code: 'EINVAL' });
    await host.mounts.unmount(target);
  });

  it('HST6: refuses an option with a comma without repeating it, and a path with a zero byte', async () => {
    const target = await folder('target');
    const mount = host.mounts.mount({
      source: 'tmpfs',
      target,
      fsType: 'tmpfs',
      flags: [],
      options: ['a,secret'],
    });
    await expect(mount).rejects.toThrow(/comma/);
    await expect(mount).rejects.not.toThrow(/secret/);
    await expect(host.mounts.unmount(`${target}\0x`)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('HST4: sets propagation', async () => {
    const target = await folder('target');
    await host.mounts.bind({ source: target, target, readOnly: false });
    await host.mounts.setPropagation(target, 'shared');
    expect((await at(target))?.propagation[0]).toMatch(/^shared:/);
    await host.mounts.setPropagation(target, 'private');
    expect((await at(target))?.propagation).toEqual([]);
    await host.mounts.unmount(target);
  });
});

describe('loop devices', () => {
  const image = async (name: string, size = 16 * MIB): Promise<string> => {
    const path = join(scratch.path, name);
    await host.images.create(path, size);
    return path;
  };

  it('HST7: a second attach of one inode gives the same device, by whatever name', async () => {
    const path = await image('a.img');
    await link(path, join(scratch.path, 'b.img'));
    const first = await host.loops.attach(path, { readOnly: false });
    const found = await host.images.stat(path);
    expect(first).toMatchObject({ backingDevice: found?.deviceId, backingInode: found?.inode });
    expect(await host.loops.attach(join(scratch.path, 'b.img'), { readOnly: false })).toEqual(first);
    expect(await host.loops.list()).toContainEqual(first);
    await host.loops.detach(first.device);
    expect((await host.loops.list()).find(({ device }) => device === first.device)).toBeUndefined();
  });

  it('HST7: attaches at the same time still give one device', async () => {
    const path = await image('a.img');
    const many = await Promise.all(
      Array.from({ length: 8 }, () => host.loops.attach(path, { readOnly: false })),
    );
    expect(new Set(many.map(({ device }) => device)).size).toBe(1);
    await host.loops.detach(many[0]?.device ?? '');
  });

  it('HST8: different images attached at the same time get devices of their own', async () => {
    const paths = await Promise.all(Array.from({ length: 12 }, (_, i) => image(`${i}.img`)));
    const loops = await Promise.all(paths.map((path) => host.loops.attach(path, { readOnly: false })));
    expect(new Set(loops.map(({ device }) => device)).size).toBe(12);
    await Promise.all(loops.map(({ device }) => host.loops.detach(device)));
  });

  it('HST9: detach is EBUSY while it is mounted and changes nothing; detach of a free device is fine', async () => {
    const path = await image('a.img', 64 * MIB);
    const { device } = await host.loops.attach(path, { readOnly: false });
    const proof = proofOf(await host.images.proveBlank(path, 64 * MIB));
    expect(await host.filesystems.format({ device, fsType: 'ext4', proof })).toEqual({ kind: 'done' });
    const target = await folder('target');
    await host.mounts.mount({ source: device, target, fsType: 'ext4', flags: ['nodev'] });
    expect(await host.blocks.isFree(device)).toBe(false);
    await expect(host.loops.detach(device)).rejects.toMatchObject({ code: 'EBUSY' });
    expect((await host.loops.list()).some((found) => found.device === device)).toBe(true);
    await host.mounts.unmount(target);
    expect(await host.blocks.isFree(device, { waitMs: 2000 })).toBe(true);
    await host.loops.detach(device);
    await host.loops.detach(device);
  });

  it('HST10: a device marked to end with its last holder is kept by a new attach', async () => {
    const path = await image('a.img');
    const { device } = await host.loops.attach(path, { readOnly: false });
    const holder = await open(device, constants.O_RDONLY);
    await expect(host.loops.detach(device)).rejects.toMatchObject({ code: 'EBUSY' });
    expect((await host.loops.attach(path, { readOnly: false })).device).toBe(device);
    await holder.close();
    expect((await host.loops.list()).some((found) => found.device === device)).toBe(true);
    await host.loops.detach(device);
  });

  it('HST11: a device shows the grown size of its file after refreshSize', async () => {
    const path = await image('a.img', 8 * MIB);
    const { device } = await host.loops.attach(path, { readOnly: false });
    expect(await host.blocks.sizeBytes(device)).toBe(8 * MIB);
    await host.images.create(path, 24 * MIB);
    await host.loops.refreshSize(device);
    expect(await host.blocks.sizeBytes(device)).toBe(24 * MIB);
    expect(await host.blocks.numberOf(device)).toBe(`7:${device.slice(9)}`);
    await host.loops.detach(device);
  });

  it('HST44: the read-ahead of a device is what was set', async () => {
    const { device } = await host.loops.attach(await image('a.img', 8 * MIB), { readOnly: false });
    await host.blocks.setReadAheadKiB(device, 512);
    expect(await host.blocks.readAheadKiB(device)).toBe(512);
    await host.loops.detach(device);
  });

  it('HST12: numberOf refuses what is no block device', async () => {
    await expect(host.blocks.numberOf('/dev/null')).rejects.toMatchObject({ code: 'ENOTBLK' });
  });
});

describe('commands', () => {
  it('HST13: passes arguments as they are, without a shell', async () => {
    const result = await host.commands.run('printf', ['%s|', '; rm -rf x', '$(id)', '`id`', '-n'], {
      timeoutMs: 5000,
    });
    expect(result).toEqual({ kind: 'exited', exitCode: 0, stdout: '; rm -rf x|$(id)|`id`|-n|', stderr: '' });
  });

  it('HST13: says missing for a program that is not there, and the exit code of one that fails', async () => {
    expect((await host.commands.run('no-such-program', [], { timeoutMs: 5000 })).kind).toBe('missing');
    expect(await host.commands.run('false', [], { timeoutMs: 5000 })).toMatchObject({
      kind: 'exited',
      exitCode: 1,
    });
  });

  it('HST14: kills the whole group at the deadline and says timed-out', async () => {
    const marker = join(scratch.path, 'late');
    const script = `(sleep 1; touch ${marker}) & echo begun; wait`;
    const result = await host.commands.run('sh', ['-c', script], { timeoutMs: 200 });
    expect(result).toMatchObject({ kind: 'timed-out', stdout: 'begun\n' });
  });

  it('HST14: keeps 64 KiB of an endless output', async () => {
    const result = await host.commands.run('head', ['-c', '10000000', '/dev/zero'], { timeoutMs: 5000 });
    expect(result.stdout.length).toBe(65_536);
  });
});

describe('image files', () => {
  const path = (): string => join(scratch.path, 'a.img');

  it('HST15: makes a sparse file, grows it and never shrinks it', async () => {
    await host.images.create(path(), 1024 * MIB);
    expect(await host.images.stat(path())).toMatchObject({ sizeBytes: 1024 * MIB, allocatedBytes: 0 });
    await host.images.create(path(), 4 * MIB);
    expect((await host.images.stat(path()))?.sizeBytes).toBe(1024 * MIB);
    await host.images.remove(path());
    await host.images.remove(path());
    expect(await host.images.stat(path())).toBeUndefined();
  });

  it('HST15: refuses a link and a directory in the place of an image', async () => {
    await symlink('/etc/hostname', path());
    await expect(host.images.create(path(), 1)).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(host.images.stat(path())).rejects.toThrow(/no regular file/);
  });

  it('HST16: proves a huge sparse file blank at once, and a written zero is still zero', async () => {
    await host.images.create(path(), 1024 * 1024 * MIB);
    const file = await open(path(), 'r+');
    await file.write(Buffer.alloc(MIB), 0, MIB, 512 * MIB);
    await file.close();
    expect((await host.images.proveBlank(path(), 1024 * 1024 * MIB)).kind).toBe('blank');
  });

  it.each([0, 1080, 5 * MIB - 1])('HST16: finds a single byte at %i', async (offset) => {
    await host.images.create(path(), 5 * MIB);
    const file = await open(path(), 'r+');
    await file.write(Buffer.from([1]), 0, 1, offset);
    await file.close();
    expect((await host.images.proveBlank(path(), 5 * MIB)).kind).toBe('data');
  });

  it('HST17: a file of another size than recorded is not blank', async () => {
    await host.images.create(path(), 5 * MIB);
    await truncate(path(), MIB);
    expect(await host.images.proveBlank(path(), 5 * MIB)).toEqual({ kind: 'wrong-size', sizeBytes: MIB });
  });

  it('HST18: a wipe keeps the size, and needs a proof about this very image', async () => {
    await host.images.create(path(), MIB);
    await writeFile(path(), Buffer.alloc(MIB, 7));
    const proof = (image: string) => ({ image, because: 'test' }) as WipeProof;
    await expect(host.images.wipe(path(), proof('/other'))).rejects.toMatchObject({ code: 'EINVAL' });
    await host.images.wipe(path(), proof(path()));
    expect((await host.images.proveBlank(path(), MIB)).kind).toBe('blank');
  });
});

describe('file systems', () => {
  it.for([
    { fsType: 'ext4', size: 64 * MIB, grown: 128 * MIB },
    { fsType: 'xfs', size: 320 * MIB, grown: 512 * MIB },
  ] as const)(
    'HST19: formats, probes, mounts, grows and measures $fsType',
    async ({ fsType, size, grown }, context) => {
      needsFileSystem(fsType, context);
      const image = join(scratch.path, 'a.img');
      const target = await folder('target');
      await host.images.create(image, size);
      const { device } = await host.loops.attach(image, { readOnly: false });
      expect(await host.filesystems.probe(device)).toBeUndefined();
      const proof = proofOf(await host.images.proveBlank(image, size));
      expect(await host.filesystems.format({ device, fsType, proof })).toEqual({ kind: 'done' });
      const probed = await host.filesystems.probe(device);
      expect(probed).toMatchObject({ fsType });
      expect(probed?.sizeBytes).toBeLessThanOrEqual(size);
      await host.mounts.mount({ source: device, target, fsType, flags: ['nodev', 'nosuid'] });
      const before = await host.filesystems.usage(target);
      await host.images.create(image, grown);
      await host.loops.refreshSize(device);
      const online = await host.filesystems.grow({ device, mountPoint: target, fsType });
      if (!MAY_RESIZE_ONLINE && fsType === 'ext4') {
        expect(online).toMatchObject({
          kind: 'failed',
          message: expect.stringContaining('CAP_SYS_RESOURCE'),
        });
        await host.mounts.unmount(target);
        expect(await host.filesystems.grow({ device, mountPoint: undefined, fsType })).toEqual({
          kind: 'done',
        });
        await host.mounts.mount({ source: device, target, fsType, flags: ['nodev', 'nosuid'] });
      } else {
        expect(online).toEqual({ kind: 'done' });
      }
      expect((await host.filesystems.usage(target)).totalBytes).toBeGreaterThan(before.totalBytes);
      await host.mounts.unmount(target);
      // Only now: a mounted xfs keeps its new size in the log.
      expect((await host.filesystems.probe(device))?.sizeBytes).toBeGreaterThan(size);
      await host.loops.detach(device);
    },
  );

  it('HST20: refuses to format a device that another file backs', async () => {
    const [one, two] = [join(scratch.path, '1.img'), join(scratch.path, '2.img')];
    await host.images.create(one, 16 * MIB);
    await host.images.create(two, 16 * MIB);
    const { device } = await host.loops.attach(one, { readOnly: false });
    const proof = proofOf(await host.images.proveBlank(two, 16 * MIB));
    expect(await host.filesystems.format({ device, fsType: 'ext4', proof })).toMatchObject({
      kind: 'failed',
    });
    expect((await host.images.proveBlank(one, 16 * MIB)).kind).toBe('blank');
    await host.loops.detach(device);
  });

  it('HST21: names what mkfs said when it fails', async () => {
    const image = join(scratch.path, 'a.img');
    await host.images.create(image, 4096);
    const { device } = await host.loops.attach(image, { readOnly: false });
    const proof = proofOf(await host.images.proveBlank(image, 4096));
    const outcome = await host.filesystems.format({ device, fsType: 'ext4', proof });
    expect(outcome).toMatchObject({
      kind: 'failed',
      message: expect.stringMatching(/^mkfs.ext4 ended with/),
    });
    await host.loops.detach(device);
  });
});

describe('mount points', () => {
  it('HST23: makes one directory or one empty file and removes only what is empty', async () => {
    const { mountPoints } = host;
    const [directory, file] = [join(scratch.path, 'd'), join(scratch.path, 'f')];
    await mountPoints.makeDirectory(directory);
    await mountPoints.makeDirectory(directory);
    await mountPoints.makeFile(file);
    await mountPoints.makeFile(file);
    expect([await mountPoints.kind(directory), await mountPoints.kind(file)]).toEqual(['directory', 'file']);
    await expect(mountPoints.makeDirectory(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await writeFile(file, 'x');
    await expect(mountPoints.remove(file)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await writeFile(join(directory, 'x'), 'x');
    await expect(mountPoints.remove(directory)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await symlink('/etc', join(scratch.path, 'l'));
    await expect(mountPoints.remove(join(scratch.path, 'l'))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(mountPoints.makeDirectory(join(scratch.path, 'l'))).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await mountPoints.remove(join(scratch.path, 'absent'));
  });
});
