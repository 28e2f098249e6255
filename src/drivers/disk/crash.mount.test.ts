// A kill before or after every effect of every call, on real images and mounts: the process is gone (each later effect
// of it fails), a new one gets the same call again, and the volume's life goes on to its end with nothing left over.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import type { Files } from '#files/files.ts';
import { realFiles } from '#files/real/files.ts';
import type { LocalHost } from '#host/host.ts';
import { realHost } from '#host/real/host.ts';
import type { Handlers } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type {
  ControllerMethods,
  CreateVolumeRequest,
  GroupControllerMethods,
  NodeMethods,
  VolumeCapability,
} from '#csi/generated/csi.ts';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import { controllerHandlers } from './controller.ts';
import { exclusive, oneAfterAnother } from './exclusive.ts';
import { groupHandlers } from './group-snapshots.ts';
import { poolLedger } from './ledger.ts';
import { nodeHandlers } from './node.ts';
import { poolPaths } from './pool.ts';
import { endFreezes } from './still-image.ts';

const MIB = 1024 * 1024;
const real = { host: realHost(), files: realFiles() };
const CAPABILITY: VolumeCapability = {
  mount: { fsType: 'ext4', mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' },
};

class Killed extends Error {}

/** Counts the effects of one process and kills it at the one it is told. */
interface Fuse {
  readonly at: number;
  readonly when: 'before' | 'after' | 'during';
  count: number;
  isBlown: boolean;
}

async function fused<T>(fuse: Fuse, effect: () => Promise<T>, halfway?: () => Promise<void>): Promise<T> {
  if (fuse.isBlown) throw new Killed('this process is gone');
  fuse.count++;
  if (fuse.count !== fuse.at) return effect();
  fuse.isBlown = true;
  if (fuse.when === 'after') await effect();
  if (fuse.when === 'during') await halfway?.();
  throw new Killed(`killed ${fuse.when} effect ${fuse.at}`);
}

function fusedFiles(fuse: Fuse, files: Files): Files {
  return {
    ...files,
    read: (path) => files.read(path),
    list: (path) => files.list(path),
    exists: (path) => files.exists(path),
    lock: (path) => files.lock(path),
    removeDirectory: (path) => files.removeDirectory(path),
    makeDirectory: (path, options) => files.makeDirectory(path, options),
    write: (path, bytes, options) => fused(fuse, () => files.write(path, bytes, options)),
    remove: (path) => fused(fuse, () => files.remove(path)),
  };
}

function fusedHost(fuse: Fuse, host: LocalHost): LocalHost {
  const { mounts, loops, images, filesystems, mountPoints, blocks } = host;
  return {
    ...host,
    mounts: {
      ...mounts,
      mount: (request) => fused(fuse, () => mounts.mount(request)),
      bind: (request) => fused(fuse, () => mounts.bind(request)),
      unmount: (target) => fused(fuse, () => mounts.unmount(target)),
    },
    loops: {
      ...loops,
      attach: (file, options) => fused(fuse, () => loops.attach(file, options)),
      detach: (device) => fused(fuse, () => loops.detach(device)),
    },
    images: {
      ...images,
      create: (path, size) => fused(fuse, () => images.create(path, size)),
      remove: (path) => fused(fuse, () => images.remove(path)),
      // Killed in the middle, a copy leaves a part.
      copy: (from, to, abort) =>
        fused(
          fuse,
          () => images.copy(from, to, abort),
          () => writeFile(to, 'a part'),
        ),
      wipe: (path, proof) => fused(fuse, () => images.wipe(path, proof)),
    },
    filesystems: {
      ...filesystems,
      // Killed in the middle, mkfs leaves a device that is neither blank nor formatted.
      format: (request) =>
        fused(
          fuse,
          () => filesystems.format(request),
          () => writeFile(request.device, Buffer.alloc(MIB, 0x53), { flag: 'r+' }),
        ),
      grow: (request) => fused(fuse, () => filesystems.grow(request)),
      renewIdentity: (device, fsType) => fused(fuse, () => filesystems.renewIdentity(device, fsType)),
      async whileFrozen(mount, step) {
        const left = await filesystems.whileFrozen(mount, step);
        if (fuse.isBlown) throw new Killed('this process is gone');
        return left;
      },
    },
    blocks: {
      ...blocks,
      setReadAheadKiB: (device, kib) => fused(fuse, () => blocks.setReadAheadKiB(device, kib)),
    },
    mountPoints: {
      ...mountPoints,
      makeDirectory: (path) => fused(fuse, () => mountPoints.makeDirectory(path)),
      remove: (path) => fused(fuse, () => mountPoints.remove(path)),
    },
  };
}

interface Driver {
  readonly controller: Partial<Handlers<ControllerMethods>>;
  readonly group: Handlers<GroupControllerMethods>;
  readonly node: Handlers<NodeMethods>;
}

let scratch: Scratch;
beforeEach(async () => {
  scratch = await scratchFolder();
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

async function driver(fuse: Fuse): Promise<Driver> {
  const paths = poolPaths(join(scratch.path, 'pool'));
  const host = fusedHost(fuse, real.host);
  const ledger = poolLedger(fusedFiles(fuse, real.files), paths);
  const shared = { host, ledger, paths, poolName: 'pool-1' };
  const parts = {
    ...shared,
    clock: realClock(),
    limitBytes: 1000 * MIB,
    oneAtATime: exclusive(),
    inTurn: oneAfterAnother(),
  };
  // As the controller service does when it begins.
  await endFreezes(parts);
  return {
    controller: controllerHandlers(parts),
    group: groupHandlers(parts),
    node: nodeHandlers({ ...shared, nodeId: 'node-1', maxVolumes: 0 }),
  };
}

interface Life {
  readonly staging: string;
  readonly target: string;
  /** Where the volume made from the snapshot is staged. */
  readonly staging2: string;
  volumeId: string;
  snapshotId: string;
  groupId: string;
  restoredId: string;
  cloneId: string;
}

const signal = new AbortController().signal;
const NONE = { secrets: {}, volumeContext: {}, publishContext: {} };

const creation = (
  name: string,
  mib: number,
  volumeContentSource: CreateVolumeRequest['volumeContentSource'],
): CreateVolumeRequest => ({
  name,
  capacityRange: { requiredBytes: String(mib * MIB), limitBytes: '0' },
  volumeCapabilities: [CAPABILITY],
  parameters: {},
  secrets: {},
  volumeContentSource,
  accessibilityRequirements: null,
  mutableParameters: {},
});

/** The calls of a volume's life in order; `check` looks at the world after its call has succeeded. */
const CALLS: readonly {
  readonly name: string;
  readonly call: (driver: Driver, life: Life) => Promise<unknown>;
  readonly check?: (life: Life) => Promise<void>;
}[] = [
  {
    name: 'CreateVolume',
    async call({ controller }, life) {
      const reply = await controller.createVolume?.(creation('pvc-1', 64, null), signal);
      life.volumeId = reply?.volume?.volumeId ?? '';
    },
  },
  {
    name: 'ControllerPublishVolume',
    call: async ({ controller }, { volumeId }) =>
      controller.controllerPublishVolume?.(
        { volumeId, nodeId: 'node-1', volumeCapability: CAPABILITY, readonly: false, ...NONE },
        signal,
      ),
  },
  {
    name: 'NodeStageVolume',
    call: ({ node }, { volumeId, staging }) =>
      node.nodeStageVolume(
        { volumeId, stagingTargetPath: staging, volumeCapability: CAPABILITY, ...NONE },
        signal,
      ),
  },
  {
    name: 'NodePublishVolume',
    call: ({ node }, { volumeId, staging, target }) =>
      node.nodePublishVolume(
        {
          volumeId,
          stagingTargetPath: staging,
          targetPath: target,
          volumeCapability: CAPABILITY,
          readonly: false,
          ...NONE,
        },
        signal,
      ),
    check: ({ target }) => writeFile(join(target, 'file'), 'kept'),
  },
  {
    name: 'ControllerModifyVolume of the mounted volume',
    call: async ({ controller }, { volumeId }) =>
      controller.controllerModifyVolume?.(
        { volumeId, secrets: {}, mutableParameters: { readAheadKiB: '516' } },
        signal,
      ),
    async check({ target }) {
      const entry = (await real.host.mounts.table()).findLast(({ mountPoint }) => mountPoint === target);
      expect(await real.host.blocks.readAheadKiB(entry?.source ?? '')).toBe(516);
    },
  },
  {
    name: 'CreateSnapshot of the mounted volume',
    async call({ controller }, life) {
      const reply = await controller.createSnapshot?.(
        { name: 's-1', sourceVolumeId: life.volumeId, secrets: {}, parameters: {} },
        signal,
      );
      life.snapshotId = reply?.snapshot?.snapshotId ?? '';
    },
    check: ({ target }) => writeFile(join(target, 'later'), 'not in the snapshot'),
  },
  {
    name: 'CreateVolumeGroupSnapshot',
    async call({ group }, life) {
      const reply = await group.createVolumeGroupSnapshot(
        { name: 'g-1', sourceVolumeIds: [life.volumeId], secrets: {}, parameters: {} },
        signal,
      );
      life.groupId = reply.groupSnapshot?.groupSnapshotId ?? '';
    },
  },
  {
    name: 'CreateVolume from the snapshot, larger',
    async call({ controller }, life) {
      const source = { snapshot: { snapshotId: life.snapshotId } };
      const reply = await controller.createVolume?.(creation('pvc-2', 80, source), signal);
      life.restoredId = reply?.volume?.volumeId ?? '';
      await controller.controllerPublishVolume?.(
        {
          volumeId: life.restoredId,
          nodeId: 'node-1',
          volumeCapability: CAPABILITY,
          readonly: false,
          ...NONE,
        },
        signal,
      );
    },
  },
  {
    name: 'NodeStageVolume of the restored volume beside its source',
    call: ({ node }, { restoredId, staging2 }) =>
      node.nodeStageVolume(
        { volumeId: restoredId, stagingTargetPath: staging2, volumeCapability: CAPABILITY, ...NONE },
        signal,
      ),
    async check({ staging2 }) {
      expect((await readdir(staging2)).toSorted()).toEqual(['file', 'lost+found']);
      expect(await readFile(join(staging2, 'file'), 'utf8')).toBe('kept');
      expect((await real.host.filesystems.usage(staging2)).totalBytes).toBeGreaterThan(BigInt(60 * MIB));
    },
  },
  {
    name: 'the end of the restored volume and of its snapshot',
    async call({ controller, node }, { restoredId, snapshotId, staging2 }) {
      await node
        .nodeUnstageVolume({ volumeId: restoredId, stagingTargetPath: staging2 }, signal)
        .catch((error: unknown) => {
          // Repeated after its volume has gone already.
          if (!(error instanceof CsiError) || error.code !== 'NOT_FOUND') throw error;
        });
      await controller.controllerUnpublishVolume?.(
        { volumeId: restoredId, nodeId: 'node-1', secrets: {} },
        signal,
      );
      await controller.deleteSnapshot?.({ snapshotId, secrets: {} }, signal);
      await controller.deleteVolume?.({ volumeId: restoredId, secrets: {} }, signal);
    },
  },
  {
    name: 'DeleteVolumeGroupSnapshot',
    call: ({ group }, { groupId }) =>
      group.deleteVolumeGroupSnapshot({ groupSnapshotId: groupId, snapshotIds: [], secrets: {} }, signal),
  },
  {
    name: 'CreateVolume as a clone of the mounted volume',
    async call({ controller }, life) {
      const source = { volume: { volumeId: life.volumeId } };
      const reply = await controller.createVolume?.(creation('pvc-3', 64, source), signal);
      life.cloneId = reply?.volume?.volumeId ?? '';
    },
  },
  {
    name: 'DeleteVolume of the clone',
    call: async ({ controller }, { cloneId }) =>
      controller.deleteVolume?.({ volumeId: cloneId, secrets: {} }, signal),
  },
  {
    name: 'NodeUnpublishVolume',
    call: ({ node }, { volumeId, target }) =>
      node.nodeUnpublishVolume({ volumeId, targetPath: target }, signal),
  },
  {
    name: 'ControllerExpandVolume',
    call: async ({ controller }, { volumeId }) =>
      controller.controllerExpandVolume?.(
        {
          volumeId,
          capacityRange: { requiredBytes: String(96 * MIB), limitBytes: '0' },
          secrets: {},
          volumeCapability: null,
        },
        signal,
      ),
  },
  {
    name: 'NodeUnstageVolume',
    call: ({ node }, { volumeId, staging }) =>
      node.nodeUnstageVolume({ volumeId, stagingTargetPath: staging }, signal),
  },
  {
    name: 'NodeStageVolume again, which grows it',
    call: ({ node }, { volumeId, staging }) =>
      node.nodeStageVolume(
        { volumeId, stagingTargetPath: staging, volumeCapability: CAPABILITY, ...NONE },
        signal,
      ),
    async check({ staging }) {
      expect(await readFile(join(staging, 'file'), 'utf8')).toBe('kept');
      expect((await real.host.filesystems.usage(staging)).totalBytes).toBeGreaterThan(BigInt(70 * MIB));
    },
  },
  {
    name: 'NodeUnstageVolume again',
    call: ({ node }, { volumeId, staging }) =>
      node.nodeUnstageVolume({ volumeId, stagingTargetPath: staging }, signal),
  },
  {
    name: 'ControllerUnpublishVolume',
    call: async ({ controller }, { volumeId }) =>
      controller.controllerUnpublishVolume?.({ volumeId, nodeId: 'node-1', secrets: {} }, signal),
  },
  {
    name: 'DeleteVolume',
    call: async ({ controller }, { volumeId }) =>
      controller.deleteVolume?.({ volumeId, secrets: {} }, signal),
  },
];

/** Lives one life; the process that makes call `killed` has the fuse. Returns how many effects that call had. */
async function live(killed: number, fuse: Fuse): Promise<number> {
  const life: Life = {
    staging: join(scratch.path, 'stage'),
    target: join(scratch.path, 'target'),
    staging2: join(scratch.path, 'stage2'),
    volumeId: '',
    snapshotId: '',
    groupId: '',
    restoredId: '',
    cloneId: '',
  };
  const pool = join(scratch.path, 'pool');
  const sound: Fuse = { at: -1, when: 'before', count: 0, isBlown: false };
  const ledger = poolLedger(real.files, poolPaths(pool));
  await ledger.prepare();
  await ledger.writeNode('node-1');
  await mkdir(life.staging, { recursive: true });
  await mkdir(life.staging2, { recursive: true });
  for (const [index, { call, check }] of CALLS.entries()) {
    if (index === killed) await call(await driver(fuse), life).catch(expectKilled);
    if (index !== killed || fuse.isBlown) await call(await driver(sound), life);
    await check?.(life);
  }
  expect(await readdir(join(pool, 'volumes'))).toEqual([]);
  expect(await readdir(join(pool, 'ledger'))).toEqual([]);
  expect(await readdir(join(pool, 'formats'))).toEqual([]);
  for (const rest of ['snapshots', 'snapshot-ledger', 'group-ledger', 'freezes'])
    expect(await readdir(join(pool, rest))).toEqual([]);
  return fuse.count;
}

function expectKilled(error: unknown): void {
  if (!(error instanceof Killed)) throw error;
}

describe('a kill', () => {
  it.each(CALLS.map(({ name }, index) => ({ name, index })))(
    'DSK50: at each effect of $name is made good by the same call again',
    async ({ index }) => {
      const effects = await live(index, { at: -1, when: 'before', count: 0, isBlown: false });
      expect(effects).toBeGreaterThan(0);
      for (let at = 1; at <= effects; at++) {
        for (const when of ['before', 'after', 'during'] as const) {
          await live(index, { at, when, count: 0, isBlown: false });
        }
      }
    },
  );
});
