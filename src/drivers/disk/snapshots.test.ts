// Snapshots, copies and groups of the Controller service, with its ledger and images in memory.
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.ts';
import { HostError, type MountEntry } from '#host/host.ts';
import type { CsiConnection, Sparse } from '#csi/client.ts';
import { connectDriver } from '#csi/connect.ts';
import type { CreateVolumeRequest, VolumeCapability } from '#csi/generated/csi.ts';
import { serveDriver } from '#csi/serve.ts';
import { memoryFiles } from '#files/memory.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { realClock } from '#base/real/clock.ts';
import { type ControllerParts, controllerHandlers } from './controller.ts';
import { createSnapshot } from './create-snapshot.ts';
import { exclusive, oneAfterAnother } from './exclusive.ts';
import { groupHandlers } from './group-snapshots.ts';
import { identityHandlers } from './identity.ts';
import { poolLedger } from './ledger.ts';
import { logged } from './logged.ts';
import { poolPaths } from './pool.ts';
import { snapshotIdOf } from './snapshot-id.ts';
import { endFreezes } from './still-image.ts';
import type { VolumeId } from './volume-id.ts';

const MIB = 1024 ** 2;
const CALL = { timeoutMs: 5000 };
const POOL = { directory: '/pool', name: 'pool-1', version: '0.1.0' };
const MOUNT: Sparse<VolumeCapability> = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } };

interface Image {
  readonly sizeBytes: number;
  readonly contents: string;
}

let images: Map<string, Image>;
/** Images that have a loop device, and where it is mounted. */
let loops: Map<string, string | undefined>;
let frozen: string[];
let happened: string[];
let isShared: boolean;
/** Copies take until they may take no longer. */
let isSlow: boolean;
let parts: ControllerParts;
let controller: CsiConnection['controller'];
let group: CsiConnection['groupController'];

const inodeOf = (path: string): number =>
  [...path].reduce((sum, letter, at) => (sum * 31 + letter.charCodeAt(0) + at) % 1e9, 7);

beforeEach(async () => {
  images = new Map();
  loops = new Map();
  frozen = [];
  happened = [];
  isShared = false;
  isSlow = false;
  const files = memoryFiles();
  const paths = poolPaths(POOL.directory);
  const ledger = poolLedger(files, paths);
  await ledger.prepare();
  await ledger.writeNode('node-1');
  const grpc = memoryGrpc(realClock());
  parts = {
    ledger,
    paths,
    poolName: POOL.name,
    limitBytes: 1000 * MIB,
    clock: realClock(),
    oneAtATime: exclusive(),
    inTurn: oneAfterAnother(),
    host: hostInMemory(),
  };
  await serveDriver(grpc, '/c.sock', {
    identity: identityHandlers(files, POOL),
    controller: logged(silentLog, controllerHandlers(parts)),
    groupController: logged(silentLog, groupHandlers(parts)),
  });
  ({ controller, groupController: group } = connectDriver(grpc, '/c.sock'));
});

function hostInMemory(): ControllerParts['host'] {
  const never = (): Promise<never> => Promise.reject(new Error('this belongs to the node'));
  return {
    mounts: {
      table: async () => mountTable(),
      mount: never,
      bind: never,
      unmount: never,
      setPropagation: never,
    },
    blocks: {
      isFree: never,
      sizeBytes: never,
      readAheadKiB: never,
      setReadAheadKiB: never,
      numberOf: async (device) => device.replace('/dev/loop', '7:'),
    },
    loops: {
      list: async () =>
        [...loops.keys()].map((path, at) => ({
          device: `/dev/loop${at}`,
          backingDevice: 1,
          backingInode: inodeOf(path),
        })),
      attach: never,
      detach: never,
      refreshSize: never,
    },
    images: {
      async stat(path) {
        const found = images.get(path);
        if (found === undefined) return undefined;
        const allocatedBytes = found.contents.length * MIB;
        return { sizeBytes: found.sizeBytes, allocatedBytes, deviceId: 1, inode: inodeOf(path) };
      },
      async create(path, sizeBytes) {
        images.set(path, { contents: '', ...images.get(path), sizeBytes });
      },
      remove: async (path) => void images.delete(path),
      proveBlank: never,
      wipe: never,
      async copy(from, to, signal) {
        happened.push(`copy with ${frozen.length} frozen`);
        if (isSlow) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        if (signal.aborted)
          throw new HostError({ code: 'TIMEOUT', syscall: 'copy', path: from, message: 'slow' });
        images.set(to, images.get(from) ?? { sizeBytes: 0, contents: '' });
        return { isShared };
      },
    },
    filesystems: {
      format: never,
      probe: never,
      grow: never,
      renewIdentity: never,
      async whileFrozen({ mountPoint }, step) {
        frozen.push(mountPoint);
        try {
          return await step();
        } finally {
          frozen.splice(frozen.indexOf(mountPoint), 1);
        }
      },
      async thaw({ mountPoint }) {
        happened.push(`thaw ${mountPoint}`);
        return true;
      },
      usage: async () => ({
        totalBytes: BigInt(4000 * MIB),
        availableBytes: BigInt(4000 * MIB),
        usedBytes: 0n,
        totalInodes: 1n,
        freeInodes: 1n,
      }),
    },
  };
}

function mountTable(): readonly MountEntry[] {
  return [...loops.values()].flatMap((mountPoint, at) =>
    mountPoint === undefined
      ? []
      : [
          {
            mountId: at,
            parentId: 1,
            device: `7:${at}`,
            root: '/',
            mountPoint,
            options: [],
            propagation: [],
            fsType: 'ext4',
            source: '',
            superOptions: [],
          },
        ],
  );
}

async function create(name: string, changes: Sparse<CreateVolumeRequest> = {}): Promise<VolumeId> {
  const { volume } = await controller.createVolume(
    { name, capacityRange: { requiredBytes: String(64 * MIB) }, volumeCapabilities: [MOUNT], ...changes },
    CALL,
  );
  return volume?.volumeId as VolumeId;
}

/** What a volume's user wrote, as far as its image knows. */
function write(id: VolumeId, contents: string): void {
  images.set(parts.paths.image(id), { sizeBytes: 64 * MIB, contents });
}

const publish = (volumeId: string): Promise<unknown> =>
  controller.controllerPublishVolume({ volumeId, nodeId: 'node-1', volumeCapability: MOUNT }, CALL);

async function mounted(name: string): Promise<VolumeId> {
  const id = await create(name);
  await publish(id);
  loops.set(parts.paths.image(id), `/mnt/${name}`);
  return id;
}

async function snapshot(name: string, sourceVolumeId: string): Promise<string> {
  const reply = await controller.createSnapshot({ name, sourceVolumeId }, CALL);
  return reply.snapshot?.snapshotId ?? '';
}

const fromSnapshot = (snapshotId: string): Sparse<CreateVolumeRequest> => ({
  volumeContentSource: { snapshot: { snapshotId } },
});

const contentsOf = (id: VolumeId): string | undefined => images.get(parts.paths.image(id))?.contents;

describe('snapshots', () => {
  it('DSK60: the same call gives the same snapshot; another source is ALREADY_EXISTS', async () => {
    const [one, two] = [await create('one'), await create('two')];
    const { snapshot: first } = await controller.createSnapshot({ name: 's', sourceVolumeId: one }, CALL);
    expect(first).toMatchObject({
      snapshotId: expect.stringMatching(/^snap-[0-9a-f]{32}$/),
      sourceVolumeId: one,
      sizeBytes: String(64 * MIB),
      readyToUse: true,
      groupSnapshotId: '',
    });
    write(one, 'later');
    expect((await controller.createSnapshot({ name: 's', sourceVolumeId: one }, CALL)).snapshot).toEqual(
      first,
    );
    await expect(snapshot('s', two)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('DSK60: a request that is incomplete or about nothing is refused', async () => {
    await expect(snapshot('', 'x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(snapshot('s', '')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(snapshot('s', 'x')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const odd = controller.createSnapshot(
      { name: 's', sourceVolumeId: await create('one'), parameters: { colour: 'red' } },
      CALL,
    );
    await expect(odd).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('DSK61 DSK68: a volume made from it holds what the source held, after the source has gone', async () => {
    const id = await create('one');
    write(id, 'abc');
    const snap = await snapshot('s', id);
    write(id, 'changed');
    await controller.deleteVolume({ volumeId: id }, CALL);
    const restored = await create('two', fromSnapshot(snap));
    expect(contentsOf(restored)).toBe('abc');
    const again = await controller.createVolume(
      { name: 'two', volumeCapabilities: [MOUNT], ...fromSnapshot(snap) },
      CALL,
    );
    expect(again.volume?.contentSource).toEqual({ snapshot: { snapshotId: snap } });
    await expect(create('two')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('DSK62: a mounted volume is frozen meanwhile, and never longer', async () => {
    await snapshot('s', await mounted('one'));
    expect(happened).toEqual(['copy with 1 frozen']);
    expect(frozen).toEqual([]);
    expect(await parts.ledger.freezes.list()).toEqual([]);
  });

  it('DSK63: an attached volume that is not staged is ABORTED, one in use as raw block is refused', async () => {
    const id = await create('one');
    await publish(id);
    await expect(snapshot('s', id)).rejects.toMatchObject({ code: 'ABORTED' });
    loops.set(parts.paths.image(id), undefined);
    await expect(snapshot('s', id)).rejects.toMatchObject({ code: 'ABORTED' });
    await parts.ledger.writeFormat({
      id,
      state: 'exposed',
      fsType: undefined,
      filledBytes: 0,
      identity: 'own',
    });
    await expect(snapshot('s', id)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(happened).toEqual([]);
  });

  it('DSK64: a freeze that a killed process left is ended', async () => {
    const id = await mounted('one');
    await parts.ledger.freezes.write(id, { volumeId: id, mountPoint: '/mnt/one', device: '7:0' });
    expect(await endFreezes(parts)).toBe(1);
    expect(happened).toEqual(['thaw /mnt/one']);
    expect(await endFreezes(parts)).toBe(0);
  });

  it('DSK64: a copy that takes longer is given up, and leaves nothing frozen', async () => {
    const id = await mounted('one');
    const clock = virtualClock();
    isSlow = true;
    const cut = createSnapshot({ ...parts, clock }, { id: snapshotIdOf('s'), name: 's', sourceVolumeId: id });
    const failed = expect(cut).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    while (frozen.length === 0) await nextTurn();
    await clock.advance(9_999);
    expect(frozen).toEqual(['/mnt/one']);
    await clock.advance(1);
    await failed;
    expect(frozen).toEqual([]);
    expect(await parts.ledger.freezes.list()).toEqual([]);
    expect(await parts.ledger.snapshots.list()).toEqual([]);
  });

  it('DSK65: a refused copy keeps neither a record nor space', async () => {
    const id = await create('one');
    await publish(id);
    await expect(snapshot('s', id)).rejects.toThrow();
    await expect(create('two', { volumeContentSource: { volume: { volumeId: id } } })).rejects.toThrow();
    expect(await parts.ledger.snapshots.list()).toEqual([]);
    expect((await parts.ledger.list()).map((record) => record.id)).toEqual([id]);
    expect(images.size).toBe(1);
  });

  it('DSK66: lists by id, by source and in pages', async () => {
    const [one, two] = [await create('one'), await create('two')];
    const ids = [await snapshot('a', one), await snapshot('b', one), await snapshot('c', two)].toSorted();
    const list = async (query: object) =>
      (await controller.listSnapshots(query, CALL)).entries.map((entry) => entry.snapshot?.snapshotId);
    expect(await list({})).toEqual(ids);
    expect(await list({ sourceVolumeId: two })).toHaveLength(1);
    expect(await list({ snapshotId: ids[1] ?? '' })).toEqual([ids[1]]);
    expect(await list({ snapshotId: 'none' })).toEqual([]);
    const { nextToken } = await controller.listSnapshots({ maxEntries: 2 }, CALL);
    expect(await list({ startingToken: nextToken })).toEqual([ids[2]]);
    await expect(list({ startingToken: 'odd' })).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await controller.getSnapshot({ snapshotId: ids[0] ?? '' }, CALL)).snapshot?.readyToUse).toBe(
      true,
    );
    await expect(controller.getSnapshot({ snapshotId: 'none' }, CALL)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('DSK67: deleting leaves nothing, twice', async () => {
    const id = await create('one');
    const snap = await snapshot('s', id);
    await controller.deleteSnapshot({ snapshotId: snap }, CALL);
    await controller.deleteSnapshot({ snapshotId: snap }, CALL);
    await controller.deleteSnapshot({ snapshotId: 'never was' }, CALL);
    expect(images.size).toBe(1);
    await expect(create('two', fromSnapshot(snap))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(images.size).toBe(1);
  });

  it('DSK68: a copy has at least the size of its source, and the source’s when none is asked for', async () => {
    const snap = await snapshot('s', await create('one'));
    const small = { capacityRange: { requiredBytes: String(32 * MIB) }, ...fromSnapshot(snap) };
    await expect(create('two', small)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    const any = await create('three', { capacityRange: {}, ...fromSnapshot(snap) });
    expect(images.get(parts.paths.image(any))?.sizeBytes).toBe(64 * MIB);
    const large = { capacityRange: { requiredBytes: String(100 * MIB) }, ...fromSnapshot(snap) };
    expect(images.get(parts.paths.image(await create('four', large)))?.sizeBytes).toBe(100 * MIB);
  });

  it('DSK68: another file system than the source has is refused at once', async () => {
    const id = await create('one');
    await parts.ledger.writeFormat({
      id,
      state: 'formatted',
      fsType: 'ext4',
      filledBytes: 1,
      identity: 'own',
    });
    const xfs = { mount: { fsType: 'xfs' }, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
    const changes = { volumeCapabilities: [xfs], ...fromSnapshot(await snapshot('s', id)) };
    await expect(create('two', changes)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('DSK68: a clone of a mounted volume is copied while that is frozen', async () => {
    const id = await mounted('one');
    write(id, 'abc');
    const clone = await create('two', { volumeContentSource: { volume: { volumeId: id } } });
    expect(contentsOf(clone)).toBe('abc');
    expect(happened).toEqual(['copy with 1 frozen']);
    expect(await parts.ledger.readFormat(clone)).toMatchObject({ state: 'blank', identity: 'copied' });
  });

  it.each([true, false])(
    'DSK70: what a snapshot holds counts against the pool (shared: %s)',
    async (shared) => {
      isShared = shared;
      const id = await create('one');
      write(id, 'x'.repeat(40));
      const before = Number((await controller.getCapacity({}, CALL)).availableCapacity);
      await snapshot('s', id);
      const after = Number((await controller.getCapacity({}, CALL)).availableCapacity);
      expect(before - after).toBe(40 * MIB);
      await create('rest', { capacityRange: { requiredBytes: String(after - 10 * MIB) } });
      await expect(snapshot('t', id)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    },
  );
});

describe('groups', () => {
  const createGroup = async (name: string, sourceVolumeIds: readonly string[]) =>
    (await group.createVolumeGroupSnapshot({ name, sourceVolumeIds }, CALL)).groupSnapshot;

  it('DSK71: all volumes are frozen before the first is copied, and the same call gives the same group', async () => {
    const ids = [await mounted('one'), await mounted('two')];
    const made = await createGroup('g', ids);
    expect(happened).toEqual(['copy with 2 frozen', 'copy with 2 frozen']);
    expect(made?.snapshots.map(({ sourceVolumeId }) => sourceVolumeId).toSorted()).toEqual(ids.toSorted());
    expect(new Set(made?.snapshots.map((s) => JSON.stringify(s.creationTime))).size).toBe(1);
    expect(await createGroup('g', ids.toReversed())).toEqual(made);
    await expect(createGroup('g', ids.slice(1))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const shown = await group.getVolumeGroupSnapshot({ groupSnapshotId: made?.groupSnapshotId ?? '' }, CALL);
    expect(shown.groupSnapshot).toEqual(made);
  });

  it('DSK71: when one volume cannot be copied there is nothing of the group', async () => {
    const ids = [await mounted('one'), await create('two')];
    await publish(ids[1] ?? '');
    await expect(createGroup('g', ids)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await parts.ledger.snapshots.list()).toEqual([]);
    expect(await parts.ledger.groups.list()).toEqual([]);
    await expect(createGroup('g', [])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(createGroup('g', ['none'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('DSK67 DSK72: members go with their group only', async () => {
    const ids = [await create('one'), await create('two')];
    const made = await createGroup('g', ids);
    const groupSnapshotId = made?.groupSnapshotId ?? '';
    const member = made?.snapshots[0]?.snapshotId ?? '';
    expect(contentsOf(await create('restored', fromSnapshot(member)))).toBe('');
    await expect(controller.deleteSnapshot({ snapshotId: member }, CALL)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const stranger = await snapshot('s', ids[0] ?? '');
    const wrong = group.deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: [stranger] }, CALL);
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await group.deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: [member] }, CALL);
    await group.deleteVolumeGroupSnapshot({ groupSnapshotId }, CALL);
    expect((await parts.ledger.snapshots.list()).map(({ id }) => id)).toEqual([stranger]);
    await expect(group.getVolumeGroupSnapshot({ groupSnapshotId }, CALL)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
