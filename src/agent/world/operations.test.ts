// Stage, publish and their reverses against a scripted driver and a mount table in memory.
import { expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { CsiNode } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { Files } from '#files/files.ts';
import type { Host, MountEntry } from '#host/host.ts';
import type { CsiNodeDriver } from '#volumes/csi/csi-volume.ts';
import type { UnmountProof } from '#volumes/unmount-proof.ts';
import type { Tree } from '#volumes/tree.ts';
import { nodePaths } from '../paths.ts';
import type { DesiredMount } from './desired-world.ts';
import { decodeRecord, encodeRecord, type PublishRecord } from './mount-record.ts';
import type { OperationDeps } from './operation-deps.ts';
import { publishPresence, stagePresence } from './presence.ts';
import { publishCsi, unpublish } from './publish-operation.ts';
import { RecordStore } from './record-store.ts';
import type { CsiSource } from './resolved-volume.ts';
import { stage, unstage } from './stage-operation.ts';

const paths = nodePaths('/k');
const KEY = 'kubernetes.io/csi/d^h';
const target = paths.csiTarget('uid', 'pv');

function entry(mountPoint: string, mountId = 7): MountEntry {
  return {
    mountId,
    parentId: 1,
    device: '7:0',
    root: '/',
    mountPoint,
    options: [],
    propagation: [],
    fsType: 'ext4',
    source: '/dev/loop0',
    superOptions: [],
  };
}

interface World {
  readonly deps: OperationDeps;
  readonly records: RecordStore;
  readonly order: string[];
  readonly table: MountEntry[];
  readonly driver: CsiNodeDriver;
  /** Error of the next driver call. */
  fail: CsiError | undefined;
}

function aWorld(): World {
  const order: string[] = [];
  const table: MountEntry[] = [];
  const files: Files = {
    read: async () => undefined,
    write: async (path) => void order.push(`write ${path.includes('/mount-records/') ? 'record' : 'data'}`),
    remove: async (path) => void order.push(`remove ${path.includes('/mount-records/') ? 'record' : 'data'}`),
    removeDirectory: async () => undefined,
    makeDirectory: async () => undefined,
    list: async () => [],
    exists: async () => false,
    lock: async () => undefined,
  };
  // Only the calls that the CSI operations make.
  const tree = {
    kind: async () => undefined,
    makeDirectory: async () => undefined,
    removeDirectory: async () => undefined,
    unlink: async () => undefined,
  } as unknown as Tree;
  const records = new RecordStore({ files, directory: paths.records, log: silentLog });
  const call = (name: string, effect: () => void) => async () => {
    order.push(name);
    const failure = world.fail;
    world.fail = undefined;
    if (failure !== undefined) throw failure;
    effect();
    return {};
  };
  const node = {
    nodeStageVolume: call('stage', () => undefined),
    nodePublishVolume: call('publish', () => table.push(entry(target))),
    nodeUnpublishVolume: call('unpublish', () => table.splice(0)),
    nodeUnstageVolume: call('unstage', () => undefined),
  } as unknown as CsiNode;
  const world: World = {
    deps: {
      api: {} as ApiClient,
      host: { mounts: { table: async () => table } as unknown as Host['mounts'], commands: noCommands },
      files,
      tree,
      records,
      paths,
      local: {} as OperationDeps['local'],
      nodeName: 'n',
      bootId: 'boot',
    },
    records,
    order,
    table,
    driver: { name: 'd', node, capabilities: new Set(['STAGE_UNSTAGE_VOLUME']) },
    fail: undefined,
  };
  return world;
}

/** What the executor makes from live reads: unmount-proof.test.ts. */
const proofOf = (subject: string): UnmountProof => ({ subject, evidence: [] }) as unknown as UnmountProof;

// Everything is on a local file system here.
const noCommands = {} as Host['commands'];

const source: CsiSource & { readonly type: 'csi' } = {
  type: 'csi',
  lifecycle: 'Persistent',
  driver: 'd',
  handle: 'h',
  persistentVolume: 'pv',
  mode: 'Filesystem',
  fsType: 'ext4',
  mountFlags: [],
  accessModes: ['ReadWriteOnce'],
  readOnly: false,
  volumeAttributes: {},
  needsAttach: true,
  podInfoOnMount: false,
  fsGroupPolicy: undefined,
  stageSecrets: {},
  publishSecrets: {},
  expandSecrets: {},
};
const mount: DesiredMount & { readonly source: typeof source } = {
  key: 'uid/csi/pv',
  pod: { uid: 'uid', name: 'p', namespace: 'default', serviceAccountName: '' },
  volumeName: 'v',
  type: 'csi',
  target,
  source,
  group: undefined,
  version: '',
};
const attachment = { uid: 'a1', isAttached: true, publishContext: {} };

async function published(world: World): Promise<PublishRecord> {
  await stage(world.deps, mount, { driver: world.driver, attachment });
  await publishCsi(world.deps, mount, { driver: world.driver, attachment });
  const record = world.records.publish(mount.key);
  if (record === undefined) throw new Error('no record');
  return record;
}

test('AGT15: each record is written before its call and removed after the reverse', async () => {
  const world = aWorld();
  const record = await published(world);
  const calls = world.order.filter((one) => !one.endsWith('data'));
  expect(calls).toEqual(['write record', 'stage', 'write record', 'write record', 'publish', 'write record']);
  world.order.length = 0;
  await unpublish(world.deps, record, { driver: world.driver, proof: proofOf(target) });
  const staged = world.records.stage(KEY);
  if (staged === undefined) throw new Error('no stage record');
  await unstage(world.deps, staged, { driver: world.driver, proof: proofOf(staged.csi.stagePath) });
  const reverse = world.order.filter((one) => !one.endsWith('data'));
  expect(reverse).toEqual([
    'write record',
    'unpublish',
    'remove record',
    'write record',
    'unstage',
    'remove record',
  ]);
  expect([...world.records.publishes(), ...world.records.stages()]).toEqual([]);
});

test('AGT15: a volume with a mount left is never unstaged', async () => {
  const world = aWorld();
  await published(world);
  const staged = world.records.stage(KEY);
  if (staged === undefined) throw new Error('no stage record');
  await expect(
    unstage(world.deps, staged, { driver: world.driver, proof: proofOf(staged.csi.stagePath) }),
  ).rejects.toThrow('only after each of its mounts');
});

test('AGT16: a final error of a first stage proves that nothing was staged', async () => {
  const world = aWorld();
  world.fail = new CsiError('INVALID_ARGUMENT', 'no');
  await expect(stage(world.deps, mount, { driver: world.driver, attachment })).rejects.toThrow('no');
  expect(stagePresence(world.records.stage(KEY), 'boot')).toBe('absent');
});

test('AGT16: after an uncertain error a final one proves nothing', async () => {
  const world = aWorld();
  for (const code of ['DEADLINE_EXCEEDED', 'INVALID_ARGUMENT'] as const) {
    world.fail = new CsiError(code, 'no');
    await expect(stage(world.deps, mount, { driver: world.driver, attachment })).rejects.toThrow('no');
    expect(stagePresence(world.records.stage(KEY), 'boot')).toBe('unknown');
  }
});

test('AGT16: an unpublish without an answer leaves the mount unknown', async () => {
  const world = aWorld();
  const record = await published(world);
  world.fail = new CsiError('UNAVAILABLE', 'gone');
  await expect(
    unpublish(world.deps, record, { driver: world.driver, proof: proofOf(target) }),
  ).rejects.toThrow('gone');
  expect(publishPresence(world.records.publish(mount.key), world.table, 'boot')).toBe('unknown');
});

test('AGT19: an OK without a mount is no success', async () => {
  const world = aWorld();
  await stage(world.deps, mount, { driver: world.driver, attachment });
  const silent = { ...world.driver, node: { ...world.driver.node, nodePublishVolume: async () => ({}) } };
  await expect(publishCsi(world.deps, mount, { driver: silent, attachment })).rejects.toThrow(
    'Nothing is mounted',
  );
  expect(publishPresence(world.records.publish(mount.key), world.table, 'boot')).toBe('unknown');
});

test('AGT14: only the mount that was seen, in this boot, is present', async () => {
  const world = aWorld();
  const record = await published(world);
  expect(record.seen).toEqual({ mountId: 7, device: '7:0', source: '/dev/loop0' });
  expect(publishPresence(record, world.table, 'boot')).toBe('present');
  expect(publishPresence(record, world.table, 'next boot')).toBe('unknown');
  expect(publishPresence(record, [], 'boot')).toBe('unknown');
  expect(publishPresence(record, [entry(target, 8)], 'boot')).toBe('unknown');
  expect(publishPresence({ ...record, phase: 'starting' }, world.table, 'boot')).toBe('unknown');
  expect(stagePresence(world.records.stage(KEY), 'next boot')).toBe('unknown');
});

test('AGT14: a record survives its file', async () => {
  const world = aWorld();
  const record = await published(world);
  expect(decodeRecord(encodeRecord(record))).toEqual(record);
  const staged = world.records.stage(KEY);
  expect(staged && decodeRecord(encodeRecord(staged))).toEqual(staged);
  expect(decodeRecord(Buffer.from('{"kind":"publish"'))).toBeUndefined();
});
