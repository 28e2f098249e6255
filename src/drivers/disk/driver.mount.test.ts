// The whole driver on this machine: real images, loop devices, file systems and mounts; gRPC in memory.
import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import type { CsiConnection, Sparse } from '#csi/client.ts';
import { connectDriver } from '#csi/connect.ts';
import type { VolumeCapability } from '#csi/generated/csi.ts';
import { realFiles } from '#files/real/files.ts';
import type { LocalHost } from '#host/host.ts';
import { realHost } from '#host/real/host.ts';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { needsFileSystem } from '#testing/real/programs.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { poolPaths } from './pool.ts';
import { diskController, diskNode } from './services.ts';
import { parseVolumeId, type VolumeId } from './volume-id.ts';

const MIB = 1024 * 1024;
const CALL = { timeoutMs: 60_000 };
const host = realHost();

let scratch: Scratch;
let controller: CsiConnection['controller'];
let node: CsiConnection['node'];
let stop: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  scratch = await scratchFolder();
  await start({});
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await dismantle(scratch);
});
// After the other hooks, so that it looks before they clean up.
watchLeaks({ within: SCRATCH_MARKER });

const poolDirectory = (): string => join(scratch.path, 'pool');
const paths = (): ReturnType<typeof poolPaths> => poolPaths(poolDirectory());

async function imageInodes(): Promise<ReadonlySet<number>> {
  const names = await readdir(paths().volumes).catch(() => []);
  const found = await Promise.all(names.map((name) => host.images.stat(join(paths().volumes, name))));
  return new Set(found.map((image) => image?.inode ?? -1));
}

async function start({
  nodeHost = host,
  capacityBytes,
}: {
  nodeHost?: LocalHost;
  capacityBytes?: number;
}): Promise<void> {
  const grpc = memoryGrpc(realClock());
  const deps = { grpc, files: realFiles() };
  const [controllerLog, nodeLog] = [heard(), heard()];
  const pool = { directory: poolDirectory(), name: 'pool-1', version: '0.1.0' };
  stop = new AbortController();
  const limit = capacityBytes === undefined ? {} : { capacityBytes };
  running = [
    diskController(
      { ...deps, clock: realClock(), host, log: controllerLog.log },
      { pool, socket: '/c.sock', ...limit },
    ).run(stop.signal),
    diskNode(
      { ...deps, host: nodeHost, log: nodeLog.log },
      { pool, socket: '/n.sock', nodeId: 'node-1', maxVolumes: 64 },
    ).run(stop.signal),
  ];
  controller = connectDriver(grpc, '/c.sock').controller;
  node = connectDriver(grpc, '/n.sock').node;
  await Promise.all([controllerLog.serving, nodeLog.serving]);
}

/** A log that tells when its service says that it serves. */
function heard(): { readonly log: Log; readonly serving: Promise<void> } {
  const { promise: serving, resolve } = Promise.withResolvers<void>();
  const log: Log = {
    ...silentLog,
    info(message) {
      if (message === 'serving') resolve();
    },
    with: () => log,
  };
  return { log, serving };
}

async function restart(options: Parameters<typeof start>[0]): Promise<void> {
  stop.abort();
  await Promise.all(running);
  await start(options);
}

const mountCapability = (fsType = '', mountFlags: readonly string[] = []): Sparse<VolumeCapability> => ({
  mount: { fsType, mountFlags },
  accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' },
});
const blockCapability: Sparse<VolumeCapability> = {
  block: {},
  accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' },
};

interface Made {
  readonly volumeId: VolumeId;
  readonly volumeCapability: Sparse<VolumeCapability>;
  readonly stagingTargetPath: string;
  readonly targetPath: string;
}

async function made(
  name: string,
  volumeCapability: Sparse<VolumeCapability>,
  bytes = 64 * MIB,
): Promise<Made> {
  const { volume } = await controller.createVolume(
    { name, capacityRange: { requiredBytes: String(bytes) }, volumeCapabilities: [volumeCapability] },
    CALL,
  );
  const volumeId = parseVolumeId(volume?.volumeId ?? '');
  if (volumeId === undefined) throw new Error('no volume id');
  const stagingTargetPath = join(scratch.path, `stage-${name}`);
  await mkdir(stagingTargetPath);
  await controller.controllerPublishVolume({ volumeId, nodeId: 'node-1', volumeCapability }, CALL);
  return { volumeId, volumeCapability, stagingTargetPath, targetPath: join(scratch.path, `target-${name}`) };
}

async function up(volume: Made): Promise<void> {
  await node.nodeStageVolume(volume, CALL);
  await node.nodePublishVolume(volume, CALL);
}

async function down({ volumeId, stagingTargetPath, targetPath }: Made): Promise<void> {
  await node.nodeUnpublishVolume({ volumeId, targetPath }, CALL);
  await node.nodeUnstageVolume({ volumeId, stagingTargetPath }, CALL);
}

async function gone(volume: Made): Promise<void> {
  await controller.controllerUnpublishVolume({ volumeId: volume.volumeId, nodeId: 'node-1' }, CALL);
  await controller.deleteVolume({ volumeId: volume.volumeId }, CALL);
}

const mountAt = async (path: string) =>
  (await host.mounts.table()).findLast(({ mountPoint }) => mountPoint === path);
const stateOf = async (id: VolumeId): Promise<unknown> =>
  JSON.parse(await readFile(paths().format(id), 'utf8')).state;

describe('a mount volume', () => {
  it.for([
    { fsType: 'ext4', bytes: 64 * MIB },
    { fsType: 'xfs', bytes: 300 * MIB },
    { fsType: '', bytes: 64 * MIB },
  ])('DSK20: of "$fsType" keeps its data from one stage to the next', async ({ fsType, bytes }, context) => {
    needsFileSystem(fsType, context);
    const volume = await made('a', mountCapability(fsType), bytes);
    await up(volume);
    expect((await mountAt(volume.targetPath))?.fsType).toBe(fsType === '' ? 'ext4' : fsType);
    await writeFile(join(volume.targetPath, 'file'), 'kept');
    await down(volume);
    await up(volume);
    expect(await readFile(join(volume.targetPath, 'file'), 'utf8')).toBe('kept');
    await down(volume);
    await gone(volume);
    expect([
      await readdir(paths().volumes),
      await readdir(paths().ledger),
      await readdir(paths().formats),
    ]).toEqual([[], [], []]);
  });

  it('DSK21: every call repeated gives the same answer and one mount', async () => {
    const volume = await made('a', mountCapability());
    await up(volume);
    await up(volume);
    await node.nodeStageVolume(volume, CALL);
    const mounts = (await host.mounts.table()).filter(({ mountPoint }) =>
      mountPoint.startsWith(scratch.path),
    );
    expect(mounts.map(({ mountPoint }) => mountPoint).toSorted()).toEqual([
      volume.stagingTargetPath,
      volume.targetPath,
    ]);
    await down(volume);
    await down(volume);
    await gone(volume);
    await controller.deleteVolume({ volumeId: volume.volumeId }, CALL);
  });

  it('DSK22: is mounted nodev and nosuid, with the flags of the list', async () => {
    const volume = await made('a', mountCapability('', ['noatime', 'noexec', 'discard']));
    await up(volume);
    for (const path of [volume.stagingTargetPath, volume.targetPath]) {
      expect((await mountAt(path))?.options).toEqual(
        expect.arrayContaining(['nodev', 'nosuid', 'noatime', 'noexec']),
      );
    }
    await down(volume);
  });

  it('DSK23: published read-only is read-only in the mount table, and the opposite at the same target is refused', async () => {
    const volume = await made('a', mountCapability());
    await up(volume);
    const other = join(scratch.path, 'read-only');
    await node.nodePublishVolume({ ...volume, targetPath: other, readonly: true }, CALL);
    expect((await mountAt(other))?.options).toContain('ro');
    await expect(writeFile(join(other, 'file'), '')).rejects.toMatchObject({ code: 'EROFS' });
    await expect(node.nodePublishVolume({ ...volume, targetPath: other }, CALL)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    await node.nodeUnpublishVolume({ ...volume, targetPath: other }, CALL);
    await down(volume);
  });

  it('DSK24: has a second target only with SINGLE_NODE_MULTI_WRITER', async () => {
    const volume = await made('a', { mount: {}, accessMode: { mode: 'SINGLE_NODE_SINGLE_WRITER' } });
    await up(volume);
    const again = node.nodePublishVolume({ ...volume, targetPath: join(scratch.path, 'other') }, CALL);
    await expect(again).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await down(volume);
  });

  it('DSK25: is neither staged when not attached to this node nor published when not staged', async () => {
    const volume = await made('a', mountCapability());
    await expect(node.nodePublishVolume(volume, CALL)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await controller.controllerUnpublishVolume({ volumeId: volume.volumeId }, CALL);
    await expect(node.nodeStageVolume(volume, CALL)).rejects.toThrow(/not attached to node "node-1"/);
  });

  it('DSK26: is not unstaged while it is published, and nothing changes', async () => {
    const volume = await made('a', mountCapability());
    await up(volume);
    await expect(node.nodeUnstageVolume(volume, CALL)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await mountAt(volume.stagingTargetPath)).toBeDefined();
    await down(volume);
  });

  it('DSK27: is not unstaged while another mount namespace holds it, and is once that has ended', async () => {
    const volume = await made('a', mountCapability());
    await node.nodeStageVolume(volume, CALL);
    const holder = spawn(
      'unshare',
      ['-m', '--propagation', 'private', 'sh', '-c', 'echo up; exec sleep 60'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await expect(node.nodeUnstageVolume(volume, CALL)).rejects.toMatchObject({
      code: 'ABORTED',
      certainty: 'uncertain',
    });
    expect(await mountAt(volume.stagingTargetPath)).toBeUndefined();
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.kill('SIGKILL');
    await ended;
    await node.nodeUnstageVolume(volume, CALL);
    const inodes = await imageInodes();
    expect((await host.loops.list()).filter(({ backingInode }) => inodes.has(backingInode))).toEqual([]);
  });

  it('DSK28: never unmounts what is not its own', async () => {
    const volume = await made('a', mountCapability());
    await node.nodeStageVolume(volume, CALL);
    await mkdir(volume.targetPath);
    await host.mounts.mount({ source: 'tmpfs', target: volume.targetPath, fsType: 'tmpfs', flags: [] });
    await expect(node.nodeUnpublishVolume(volume, CALL)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    await expect(node.nodePublishVolume(volume, CALL)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect((await mountAt(volume.targetPath))?.fsType).toBe('tmpfs');
    await host.mounts.unmount(volume.targetPath);
    await node.nodeUnpublishVolume(volume, CALL);
    await node.nodeUnstageVolume(volume, CALL);
  });

  it('DSK29: two volumes keep their own data', async () => {
    const [a, b] = [await made('a', mountCapability()), await made('b', mountCapability())];
    await Promise.all([up(a), up(b)]);
    await Promise.all([writeFile(join(a.targetPath, 'f'), 'a'), writeFile(join(b.targetPath, 'f'), 'b')]);
    await Promise.all([down(a), down(b)]);
    await Promise.all([up(a), up(b)]);
    expect([
      await readFile(join(a.targetPath, 'f'), 'utf8'),
      await readFile(join(b.targetPath, 'f'), 'utf8'),
    ]).toEqual(['a', 'b']);
    await Promise.all([down(a), down(b)]);
  });
});

describe('formatting', () => {
  it('DSK30: a volume whose record says blank and that holds a byte is not formatted', async () => {
    const volume = await made('a', mountCapability());
    const image = await open(paths().image(volume.volumeId), 'r+');
    await image.write(Buffer.from([1]), 0, 1, 40 * MIB);
    await image.close();
    await expect(node.nodeStageVolume(volume, CALL)).rejects.toThrow(/there is data near byte 41943040/);
    expect(await stateOf(volume.volumeId)).toBe('blank');
  });

  it('DSK31: a format that was begun and not ended is wiped and begun again', async () => {
    const volume = await made('a', mountCapability());
    const record = paths().format(volume.volumeId);
    await writeFile(record, (await readFile(record, 'utf8')).replace('"blank"', '"formatting"'));
    await writeFile(paths().image(volume.volumeId), Buffer.alloc(MIB, 7), { flag: 'r+' });
    await up(volume);
    expect(await stateOf(volume.volumeId)).toBe('formatted');
    await down(volume);
  });

  it.each(['formatted', 'exposed'])(
    'DSK32: a volume that is %s and has lost its superblock is refused, not formatted',
    async (state) => {
      const volume = await made('a', mountCapability());
      const record = paths().format(volume.volumeId);
      await writeFile(record, (await readFile(record, 'utf8')).replace('"blank"', JSON.stringify(state)));
      await expect(node.nodeStageVolume(volume, CALL)).rejects.toThrow(/never formatted again/);
      expect((await host.images.proveBlank(paths().image(volume.volumeId), 64 * MIB)).kind).toBe('blank');
    },
  );

  it('DSK33: a volume without or with a damaged format record is left as it is', async () => {
    const volume = await made('a', mountCapability());
    await writeFile(paths().format(volume.volumeId), '{"state":"blank"');
    await expect(node.nodeStageVolume(volume, CALL)).rejects.toThrow(
      /holds no JSON object; nothing was changed/,
    );
    await realFiles().remove(paths().format(volume.volumeId));
    await expect(node.nodeStageVolume(volume, CALL)).rejects.toThrow(/no record of its format/);
  });

  it('DSK34: another file system than the one it has is refused', async () => {
    const volume = await made('a', mountCapability('ext4'), 300 * MIB);
    await up(volume);
    await down(volume);
    const asXfs = { ...volume, volumeCapability: mountCapability('xfs') };
    await expect(node.nodeStageVolume(asXfs, CALL)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await up(volume);
    await down(volume);
  });

  it('DSK35: a missing mkfs is named with its Debian package, and the volume works once it is there', async () => {
    const missing = { kind: 'missing', program: 'mkfs.ext4', debianPackage: 'e2fsprogs' } as const;
    const without: LocalHost = { ...host, filesystems: { ...host.filesystems, format: async () => missing } };
    await restart({ nodeHost: without });
    const volume = await made('a', mountCapability());
    const stage = node.nodeStageVolume(volume, CALL);
    await expect(stage).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect(stage).rejects.toThrow(/"mkfs.ext4" is not installed.*"e2fsprogs"/);
    await restart({});
    await up(volume);
    await down(volume);
  });
});

describe('a raw block volume', () => {
  it('DSK36: is a device at the target, exposed from then on, and never formatted', async () => {
    const volume = await made('a', blockCapability);
    await up(volume);
    await up(volume);
    expect(await stateOf(volume.volumeId)).toBe('exposed');
    expect(await host.blocks.sizeBytes(volume.targetPath)).toBe(64 * MIB);
    await writeFile(volume.targetPath, 'mine', { flag: 'r+' });
    expect(
      (await node.nodeGetVolumeStats({ ...volume, volumePath: volume.targetPath }, CALL)).usage,
    ).toMatchObject([{ total: String(64 * MIB) }]);
    await down(volume);
    expect((await readFile(paths().image(volume.volumeId))).toString('utf8', 0, 4)).toBe('mine');
    const asMount = { ...volume, volumeCapability: mountCapability() };
    await expect(node.nodeStageVolume(asMount, CALL)).rejects.toThrow(/never formatted again/);
    await expect(node.nodeUnstageVolume(volume, CALL)).resolves.toEqual({});
  });

  it('DSK37: read-only needs a mode without writers, and then the device itself refuses to be written', async () => {
    const volume = await made('a', blockCapability);
    await node.nodeStageVolume(volume, CALL);
    await expect(node.nodePublishVolume({ ...volume, readonly: true }, CALL)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await down(volume);
    const reader: Sparse<VolumeCapability> = { block: {}, accessMode: { mode: 'SINGLE_NODE_READER_ONLY' } };
    const other = await made('b', reader);
    await up(other);
    await expect(writeFile(other.targetPath, 'x', { flag: 'r+' })).rejects.toMatchObject({ code: 'EPERM' });
    await down(other);
  });
});

describe('sizes', () => {
  it('DSK38: reports bytes and inodes of the file system, and NOT_FOUND where it is not mounted', async () => {
    const volume = await made('a', mountCapability());
    await up(volume);
    const { usage } = await node.nodeGetVolumeStats({ ...volume, volumePath: volume.targetPath }, CALL);
    expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
    expect(Number(usage[0]?.total)).toBeGreaterThan(50 * MIB);
    const elsewhere = node.nodeGetVolumeStats({ ...volume, volumePath: scratch.path }, CALL);
    await expect(elsewhere).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await down(volume);
  });

  it.for([
    { fsType: 'ext4', from: 64 * MIB, to: 128 * MIB },
    { fsType: 'xfs', from: 300 * MIB, to: 512 * MIB },
  ])(
    'DSK39: grows $fsType with its data, at the latest when it is staged again',
    async ({ fsType, from, to }, context) => {
      needsFileSystem(fsType, context);
      const volume = await made('a', mountCapability(fsType), from);
      await up(volume);
      await writeFile(join(volume.targetPath, 'file'), 'kept');
      const before = await host.filesystems.usage(volume.targetPath);
      const grown = await controller.controllerExpandVolume(
        { volumeId: volume.volumeId, capacityRange: { requiredBytes: String(to) } },
        CALL,
      );
      expect(grown).toEqual({ capacityBytes: String(to), nodeExpansionRequired: true });
      const online = await node
        .nodeExpandVolume(
          { ...volume, volumePath: volume.targetPath, capacityRange: { requiredBytes: String(to) } },
          CALL,
        )
        .catch((error: unknown) => error);
      // Without CAP_SYS_RESOURCE a mounted ext4 cannot grow: the next stage does it.
      if (online instanceof Error) expect(online.message).toContain('CAP_SYS_RESOURCE');
      else expect(online).toEqual({ capacityBytes: String(to) });
      await down(volume);
      await up(volume);
      expect((await host.filesystems.usage(volume.targetPath)).totalBytes).toBeGreaterThan(before.totalBytes);
      expect(await readFile(join(volume.targetPath, 'file'), 'utf8')).toBe('kept');
      await down(volume);
    },
  );

  it('DSK40: a full pool is RESOURCE_EXHAUSTED with what is free and what is needed, and frees what is deleted', async () => {
    await restart({ capacityBytes: 100 * MIB });
    const volume = await made('a', mountCapability());
    const more = (name: string, bytes: number) =>
      controller.createVolume(
        { name, capacityRange: { requiredBytes: String(bytes) }, volumeCapabilities: [mountCapability()] },
        CALL,
      );
    await expect(more('b', 64 * MIB)).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(/67108864 bytes are needed and 37748736 are free/),
    });
    expect((await controller.getCapacity({}, CALL)).availableCapacity).toBe(String(36 * MIB));
    await gone(volume);
    await more('b', 64 * MIB);
  });

  it('DSK40: two volumes created at the same time do not both get the last space', async () => {
    await restart({ capacityBytes: 100 * MIB });
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((name) => made(name, mountCapability())));
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });
});
