// The Controller service with its ledger and images in memory.
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import type { CsiConnection, Sparse } from '#csi/client.ts';
import { connectDriver } from '#csi/connect.ts';
import type { CreateVolumeRequest, VolumeCapability } from '#csi/generated/csi.ts';
import { serveDriver } from '#csi/serve.ts';
import type { Files } from '#files/files.ts';
import { memoryFiles } from '#files/memory.ts';
import type { GrpcCode } from '#transport/grpc.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { controllerHandlers } from './controller.ts';
import { exclusive, oneAfterAnother } from './exclusive.ts';
import { identityHandlers } from './identity.ts';
import { poolLedger } from './ledger.ts';
import { logged } from './logged.ts';
import { poolPaths } from './pool.ts';

const GIB = 1024 ** 3;
const CALL = { timeoutMs: 5000 };
const POOL = { directory: '/pool', name: 'pool-1', version: '0.1.0' };
const MOUNT: Sparse<VolumeCapability> = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } };

let controller: CsiConnection['controller'];
let identity: CsiConnection['identity'];
let images: Map<string, number>;
let held: string | undefined;
let readAheads: string[];
let files: Files;

beforeEach(async () => {
  files = memoryFiles();
  const paths = poolPaths(POOL.directory);
  const ledger = poolLedger(files, paths);
  await ledger.prepare();
  await ledger.writeNode('node-1');
  await ledger.writeNode('node-2');
  images = new Map();
  held = undefined;
  readAheads = [];
  const grpc = memoryGrpc(realClock());
  const parts = {
    ledger,
    paths,
    poolName: POOL.name,
    limitBytes: 10 * GIB,
    clock: realClock(),
    oneAtATime: exclusive(),
    inTurn: oneAfterAnother(),
    host: hostInMemory(),
  };
  await serveDriver(grpc, '/c.sock', {
    identity: identityHandlers(files, POOL),
    controller: logged(silentLog, controllerHandlers(parts)),
  });
  ({ controller, identity } = connectDriver(grpc, '/c.sock'));
});

function hostInMemory(): Parameters<typeof controllerHandlers>[0]['host'] {
  const stat = async (path: string) => {
    const sizeBytes = images.get(path);
    return sizeBytes === undefined
      ? undefined
      : { sizeBytes, allocatedBytes: 0, deviceId: 1, inode: path.length };
  };
  const never = (): Promise<never> => Promise.reject(new Error('mounts belong to the node'));
  return {
    mounts: { table: async () => [], mount: never, bind: never, unmount: never, setPropagation: never },
    blocks: {
      isFree: never,
      sizeBytes: never,
      numberOf: async () => '7:9',
      readAheadKiB: never,
      setReadAheadKiB: async (device, kib) => void readAheads.push(`${device} ${kib}`),
    },
    images: {
      stat,
      create: async (path, sizeBytes) => void images.set(path, sizeBytes),
      remove: async (path) => void images.delete(path),
      proveBlank: () => Promise.reject(new Error('the controller formats nothing')),
      wipe: () => Promise.reject(new Error('the controller wipes nothing')),
      copy: async (from, to) => {
        images.set(to, images.get(from) ?? 0);
        return { isShared: false };
      },
    },
    filesystems: {
      format: () => Promise.reject(new Error('the controller formats nothing')),
      probe: () => Promise.reject(new Error('the controller reads no volume')),
      grow: () => Promise.reject(new Error('the controller grows no file system')),
      renewIdentity: () => Promise.reject(new Error('the controller changes no file system')),
      whileFrozen: (_mountPoint, step) => step(),
      thaw: async () => false,
      usage: async () => ({
        totalBytes: BigInt(100 * GIB),
        availableBytes: BigInt(100 * GIB),
        usedBytes: 0n,
        totalInodes: 1n,
        freeInodes: 1n,
      }),
    },
    loops: {
      list: async () =>
        held === undefined ? [] : [{ device: '/dev/loop9', backingDevice: 1, backingInode: held.length }],
      attach: () => Promise.reject(new Error('loop devices belong to the node')),
      detach: () => Promise.reject(new Error('loop devices belong to the node')),
      refreshSize: () => Promise.reject(new Error('loop devices belong to the node')),
    },
  };
}

const request = (changes: Sparse<CreateVolumeRequest> = {}): Sparse<CreateVolumeRequest> => ({
  name: 'pvc-1',
  capacityRange: { requiredBytes: String(GIB) },
  volumeCapabilities: [MOUNT],
  ...changes,
});

async function create(changes: Sparse<CreateVolumeRequest> = {}): Promise<string> {
  return (await controller.createVolume(request(changes), CALL)).volume?.volumeId ?? '';
}

const publish = (volumeId: string, nodeId: string): Promise<unknown> =>
  controller.controllerPublishVolume({ volumeId, nodeId, volumeCapability: MOUNT }, CALL);

describe('creating', () => {
  it('DSK1: gives an opaque id, the size and the pool as topology; the same name gives the same volume', async () => {
    const { volume } = await controller.createVolume(request(), CALL);
    expect(volume?.volumeId).toMatch(/^vol-[0-9a-f]{32}$/);
    expect(volume).toMatchObject({
      capacityBytes: String(GIB),
      accessibleTopology: [{ segments: { 'topology.disk.holdfast.dev/pool': 'pool-1' } }],
    });
    expect((await controller.createVolume(request(), CALL)).volume).toEqual(volume);
    expect(images.size).toBe(1);
  });

  it('DSK2: a name that exists with another size is ALREADY_EXISTS, and the volume stays', async () => {
    const id = await create();
    const other = controller.createVolume(
      request({ capacityRange: { requiredBytes: String(2 * GIB) } }),
      CALL,
    );
    await expect(other).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(images.get(`/pool/volumes/${id}.img`)).toBe(GIB);
  });

  it('DSK1: names that are paths become ids like any other', async () => {
    for (const name of ['../../etc/passwd', '/etc', 'a/b', '.', 'ü\u2028']) await create({ name });
    expect([...images.keys()].every((path) => /^\/pool\/volumes\/vol-[0-9a-f]{32}\.img$/.test(path))).toBe(
      true,
    );
    expect(images.size).toBe(5);
  });

  const BAD: readonly { rule: string; when: string; changes: Sparse<CreateVolumeRequest>; code: GrpcCode }[] =
    [
      { rule: 'DSK3', when: 'without a name', changes: { name: '' }, code: 'INVALID_ARGUMENT' },
      {
        rule: 'DSK3',
        when: 'without capabilities',
        changes: { volumeCapabilities: [] },
        code: 'INVALID_ARGUMENT',
      },
      {
        rule: 'DSK3',
        when: 'with an unknown parameter',
        changes: { parameters: { type: 'fast' } },
        code: 'INVALID_ARGUMENT',
      },
      {
        rule: 'DSK68',
        when: 'from a snapshot that does not exist',
        changes: { volumeContentSource: { snapshot: { snapshotId: 's' } } },
        code: 'NOT_FOUND',
      },
      {
        rule: 'DSK3',
        when: 'from a source without a name',
        changes: { volumeContentSource: { snapshot: { snapshotId: '' } } },
        code: 'INVALID_ARGUMENT',
      },
      {
        rule: 'DSK3',
        when: 'for many nodes',
        changes: { volumeCapabilities: [{ mount: {}, accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' } }] },
        code: 'INVALID_ARGUMENT',
      },
      {
        rule: 'DSK3',
        when: 'with another file system',
        changes: { volumeCapabilities: [{ ...MOUNT, mount: { fsType: 'ntfs' } }] },
        code: 'INVALID_ARGUMENT',
      },
      {
        rule: 'DSK4',
        when: 'in another pool',
        changes: {
          accessibilityRequirements: {
            requisite: [{ segments: { 'topology.disk.holdfast.dev/pool': 'x' } }],
          },
        },
        code: 'RESOURCE_EXHAUSTED',
      },
      {
        rule: 'DSK5',
        when: 'with more required than allowed',
        changes: { capacityRange: { requiredBytes: '2', limitBytes: '1' } },
        code: 'OUT_OF_RANGE',
      },
      {
        rule: 'DSK5',
        when: 'with a negative size',
        changes: { capacityRange: { requiredBytes: '-1' } },
        code: 'OUT_OF_RANGE',
      },
      {
        rule: 'DSK5',
        when: 'smaller than a file system',
        changes: { capacityRange: { limitBytes: '4096' } },
        code: 'OUT_OF_RANGE',
      },
      {
        rule: 'DSK6',
        when: 'larger than the pool',
        changes: { capacityRange: { requiredBytes: String(11 * GIB) } },
        code: 'RESOURCE_EXHAUSTED',
      },
    ];
  it.each(BAD)('$rule: refuses a volume $when with $code and creates nothing', async ({ changes, code }) => {
    await expect(controller.createVolume(request(changes), CALL)).rejects.toMatchObject({ code });
    expect(images.size).toBe(0);
    expect((await controller.listVolumes({}, CALL)).entries).toEqual([]);
  });

  it('DSK7: leaves an image that has no record alone', async () => {
    const id = await create();
    await controller.deleteVolume({ volumeId: id }, CALL);
    images.set(`/pool/volumes/${id}.img`, 7);
    await expect(create()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(images.get(`/pool/volumes/${id}.img`)).toBe(7);
  });
});

describe('attaching', () => {
  it('DSK8: gives a volume to one node at a time', async () => {
    const volumeId = await create();
    await publish(volumeId, 'node-1');
    expect(await publish(volumeId, 'node-1')).toEqual({ publishContext: { pool: 'pool-1' } });
    await expect(publish(volumeId, 'node-2')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('attached to node "node-1"'),
    });
    await controller.controllerUnpublishVolume({ volumeId, nodeId: 'node-2' }, CALL);
    await expect(publish(volumeId, 'node-2')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await controller.controllerUnpublishVolume({ volumeId, nodeId: 'node-1' }, CALL);
    await controller.controllerUnpublishVolume({ volumeId, nodeId: 'node-1' }, CALL);
    await publish(volumeId, 'node-2');
  });

  it('DSK8: of two attaches at the same time one wins', async () => {
    const volumeId = await create();
    const outcomes = await Promise.allSettled([publish(volumeId, 'node-1'), publish(volumeId, 'node-2')]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });

  it('DSK9: refuses an unknown node, an unknown volume and another mode', async () => {
    const volumeId = await create();
    await expect(publish(volumeId, 'node-3')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(publish('vol-00000000000000000000000000000000', 'node-1')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await publish(volumeId, 'node-1');
    const volumeCapability: Sparse<VolumeCapability> = {
      mount: {},
      accessMode: { mode: 'SINGLE_NODE_SINGLE_WRITER' },
    };
    const other = controller.controllerPublishVolume({ volumeId, nodeId: 'node-1', volumeCapability }, CALL);
    await expect(other).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });
});

describe('deleting', () => {
  it('DSK10: takes the image and the records, and is done for a volume that does not exist', async () => {
    const volumeId = await create();
    await controller.deleteVolume({ volumeId }, CALL);
    await controller.deleteVolume({ volumeId }, CALL);
    await controller.deleteVolume({ volumeId: '../../etc' }, CALL);
    expect(images.size).toBe(0);
    expect((await controller.getCapacity({}, CALL)).availableCapacity).toBe(String(10 * GIB));
  });

  it('DSK11: refuses while it is attached or a loop device uses its image', async () => {
    const volumeId = await create();
    await publish(volumeId, 'node-1');
    await expect(controller.deleteVolume({ volumeId }, CALL)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    await controller.controllerUnpublishVolume({ volumeId, nodeId: '' }, CALL);
    held = `/pool/volumes/${volumeId}.img`;
    await expect(controller.deleteVolume({ volumeId }, CALL)).rejects.toThrow(/loop9/);
    expect(images.size).toBe(1);
  });
});

describe('the rest', () => {
  it('DSK12: lists in pages without gaps while volumes come and go, and refuses a foreign token', async () => {
    for (let i = 0; i < 5; i++)
      await create({ name: `pvc-${i}`, capacityRange: { requiredBytes: '5000000' } });
    const seen: string[] = [];
    let startingToken = '';
    do {
      const page = await controller.listVolumes({ maxEntries: 2, startingToken }, CALL);
      for (const { volume } of page.entries) seen.push(volume?.volumeId ?? '');
      if (seen.length === 2) await controller.deleteVolume({ volumeId: seen[0] ?? '' }, CALL);
      startingToken = page.nextToken;
    } while (startingToken !== '');
    expect(new Set(seen).size).toBe(5);
    await expect(controller.listVolumes({ startingToken: 'x' }, CALL)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await expect(controller.listVolumes({ maxEntries: -1 }, CALL)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('DSK12: names the node that has a volume', async () => {
    const volumeId = await create();
    await publish(volumeId, 'node-1');
    expect((await controller.listVolumes({}, CALL)).entries[0]?.status?.publishedNodeIds).toEqual(['node-1']);
  });

  it('DSK13: confirms what it can do and says why not', async () => {
    const volumeId = await create();
    const validate = (capability: Sparse<VolumeCapability>) =>
      controller.validateVolumeCapabilities({ volumeId, volumeCapabilities: [capability] }, CALL);
    expect((await validate(MOUNT)).confirmed?.volumeCapabilities.length).toBe(1);
    const refused = await validate({ block: {}, accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' } });
    expect(refused).toMatchObject({
      confirmed: null,
      message: expect.stringContaining('one node at a time'),
    });
  });

  it('DSK14: grows, never shrinks, and counts the growth against the pool', async () => {
    const volumeId = await create();
    const expand = (capacityRange: Sparse<{ requiredBytes: string; limitBytes: string }>) =>
      controller.controllerExpandVolume({ volumeId, capacityRange }, CALL);
    expect((await expand({ requiredBytes: String(2 * GIB) })).capacityBytes).toBe(String(2 * GIB));
    expect((await expand({ requiredBytes: String(GIB) })).capacityBytes).toBe(String(2 * GIB));
    expect(images.get(`/pool/volumes/${volumeId}.img`)).toBe(2 * GIB);
    await expect(expand({ limitBytes: String(GIB) })).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(expand({ requiredBytes: String(11 * GIB) })).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
    });
    expect((await controller.getCapacity({}, CALL)).availableCapacity).toBe(String(8 * GIB));
  });

  it('DSK80: takes one mutable parameter, with a sound value, at creation and later', async () => {
    const mutable = (mutableParameters: Record<string, string>) => ({ name: 'm', mutableParameters });
    for (const bad of [
      { readAheadKiB: '5' },
      { readAheadKiB: '-4' },
      { readAheadKiB: '70000' },
      { x: '1' },
    ]) {
      await expect(create(mutable(bad))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(images.size).toBe(0);
    const volumeId = await create(mutable({ readAheadKiB: '256' }));
    const modify = (mutableParameters: Record<string, string>) =>
      controller.controllerModifyVolume({ volumeId, mutableParameters }, CALL);
    await expect(modify({ x: '1' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await modify({});
    await expect(
      controller.controllerModifyVolume({ volumeId: 'none', mutableParameters: {} }, CALL),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(readAheads).toEqual([]);
  });

  it('DSK81: applies it at once to the device of a volume that is staged, and forgets it with the volume', async () => {
    const volumeId = await create();
    held = `/pool/volumes/${volumeId}.img`;
    await controller.controllerModifyVolume({ volumeId, mutableParameters: { readAheadKiB: '1024' } }, CALL);
    expect(readAheads).toEqual(['/dev/loop9 1024']);
    expect(await files.list('/pool/tunings')).toEqual([`${volumeId}.json`]);
    held = undefined;
    await controller.deleteVolume({ volumeId }, CALL);
    expect(await files.list('/pool/tunings')).toEqual([]);
  });

  it('DSK15: a second call for a volume while one runs is ABORTED', async () => {
    const outcomes = await Promise.allSettled([create(), create()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'ABORTED' } });
  });

  it('DSK16: says what it is', async () => {
    expect(await identity.getPluginInfo({}, CALL)).toMatchObject({
      name: 'disk.holdfast.dev',
      vendorVersion: '0.1.0',
    });
    expect((await identity.probe({}, CALL)).ready).toEqual({ value: true });
    const { capabilities } = await identity.getPluginCapabilities({}, CALL);
    expect(capabilities.map(({ service }) => service?.type)).toContain('VOLUME_ACCESSIBILITY_CONSTRAINTS');
  });
});
