// Every fact that a proof rests on, taken away one at a time.
import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { Files } from '#files/files.ts';
import type { MountEntry } from '#host/host.ts';
import { nodePaths } from '../paths.ts';
import type { PodRuntime } from '../pods/runtime-state.ts';
import { DesiredWorld } from './desired-world.ts';
import type { PublishRecord, StageRecord, StagedIdentity } from './mount-record.ts';
import { RecordStore } from './record-store.ts';
import {
  type ProofDeps,
  provePodEmpty,
  provePodEnded,
  proveUnpublish,
  proveUnstage,
  UnprovenError,
} from './unmount-proof.ts';

const paths = nodePaths('/k');
const target = paths.csiTarget('uid', 'pv');
const csi: StagedIdentity = {
  lifecycle: 'Persistent',
  volume: 'kubernetes.io/csi/d^h',
  driver: 'd',
  handle: 'h',
  persistentVolume: 'pv',
  mode: 'Filesystem',
  needsAttach: true,
  needsStage: true,
  stagePath: paths.stage('d', 'h'),
  attachmentUid: 'a',
};
const seen = { mountId: 7, device: '7:0', source: '/dev/loop0' };
const published: PublishRecord = {
  kind: 'publish',
  key: 'uid/csi/pv',
  podUid: 'uid',
  podNamespace: 'default',
  podName: 'p',
  type: 'csi',
  target,
  hostPath: target,
  isMount: true,
  csi,
  bootId: 'boot',
  phase: 'done',
  seen,
};
const staged: StageRecord = { kind: 'stage', key: csi.volume, csi, bootId: 'boot', phase: 'done', seen };

function entry(mountPoint: string, rest: Partial<MountEntry> = {}): MountEntry {
  return {
    mountId: 7,
    parentId: 1,
    device: '7:0',
    root: '/',
    mountPoint,
    options: [],
    propagation: [],
    fsType: 'ext4',
    source: '/dev/loop0',
    superOptions: [],
    ...rest,
  };
}

interface World {
  readonly pods?: readonly Pod[];
  readonly runtime?: Partial<PodRuntime>;
  readonly table?: readonly MountEntry[];
  readonly isComplete?: boolean;
  readonly wanted?: readonly string[];
  readonly records?: readonly (PublishRecord | StageRecord)[];
}

async function reads(world: World): Promise<ProofDeps> {
  const files = { write: async () => undefined } as unknown as Files;
  const records = new RecordStore({ files, directory: paths.records, log: silentLog });
  for (const record of world.records ?? []) await records.save(record);
  const desired = new DesiredWorld();
  if (world.isComplete !== false) desired.complete();
  for (const uid of world.wanted ?? []) desired.enter(uid);
  return {
    api: { list: async () => ({ items: world.pods ?? [] }) } as unknown as ApiClient,
    host: { mounts: { table: async () => world.table ?? [] } as unknown as ProofDeps['host']['mounts'] },
    runtime: { observe: async () => ({ sandboxes: [], runs: [], ...world.runtime }) },
    desired,
    records,
    paths,
    nodeName: 'n',
    bootId: 'boot',
  };
}

const livePod: Pod = { metadata: { name: 'p', uid: 'uid' }, status: { phase: 'Running' } };
const deletedPod: Pod = { ...livePod, metadata: { ...livePod.metadata, deletionTimestamp: 'now' } };
const runningRun = { name: 'main', state: 'running' } as PodRuntime['runs'][number];
const readySandbox = { id: 's', attempt: 0, isReady: true, ip: '' };
const onTop = [entry(target)];

test.each<{ rule: string; when: string; world: World; refused: string | undefined }>([
  { rule: 'AGT54', when: 'all has ended', world: { table: onTop }, refused: undefined },
  { rule: 'AGT54', when: 'the pod is being deleted', world: { pods: [deletedPod] }, refused: undefined },
  {
    rule: 'AGT54',
    when: 'the pod has failed',
    world: { pods: [{ ...livePod, status: { phase: 'Failed' } }] },
    refused: undefined,
  },
  {
    rule: 'AGT54',
    when: 'the API has the pod',
    world: { pods: [livePod] },
    refused: 'neither deleted nor ended',
  },
  { rule: 'AGT54', when: 'a pod is not known yet', world: { isComplete: false }, refused: 'not every pod' },
  { rule: 'AGT54', when: 'the pod is wanted', world: { wanted: ['uid'] }, refused: 'is wanted here' },
  {
    rule: 'AGT54',
    when: 'a container runs',
    world: { runtime: { runs: [runningRun] } },
    refused: 'is running',
  },
  {
    rule: 'AGT54',
    when: 'the sandbox is up',
    world: { runtime: { sandboxes: [readySandbox] } },
    refused: 'sandbox of its pod is ready',
  },
  {
    rule: 'AGT55',
    when: 'another mount stands there',
    world: { table: [entry(target, { mountId: 9, source: '/dev/sdz' })] },
    refused: 'mount 9 of /dev/sdz, recorded is mount 7 of /dev/loop0',
  },
  {
    rule: 'AGT55',
    when: 'another device under the same number stands there',
    world: { table: [entry(target, { device: '8:0' })] },
    refused: 'recorded is mount 7',
  },
  {
    rule: 'AGT55',
    when: 'the driver mounted again over the recorded one',
    world: { table: [entry(target), entry(target, { mountId: 9 })] },
    refused: undefined,
  },
])('$rule: a mount, when $when', async ({ world, refused }) => {
  const proof = proveUnpublish(await reads(world), published);
  if (refused === undefined) {
    expect((await proof).subject).toBe(target);
    expect((await proof).evidence.length).toBeGreaterThan(2);
  } else {
    await expect(proof).rejects.toThrow(refused);
    await expect(proof).rejects.toBeInstanceOf(UnprovenError);
  }
});

test('AGT55: a record of an earlier boot or without an answer knows no mount', async () => {
  const deps = await reads({ table: [entry(target, { mountId: 9 })] });
  await proveUnpublish(deps, { ...published, bootId: 'earlier' });
  await proveUnpublish(deps, { ...published, phase: 'starting', seen: undefined });
});

test.each<{ rule: string; when: string; world: World; refused: string | undefined }>([
  { rule: 'AGT56', when: 'nothing uses it', world: { table: [entry(csi.stagePath)] }, refused: undefined },
  { rule: 'AGT56', when: 'a record has it', world: { records: [published] }, refused: 'still has it' },
  { rule: 'AGT56', when: 'a mount has it', world: { table: onTop }, refused: 'which nobody recorded' },
  { rule: 'AGT56', when: 'a pod is new', world: { pods: [livePod] }, refused: 'is not known here yet' },
  { rule: 'AGT56', when: 'the list is not whole', world: { isComplete: false }, refused: 'not every pod' },
  {
    rule: 'AGT56',
    when: 'another mount stands at the stage path',
    world: { table: [entry(csi.stagePath, { source: '/dev/sdz' })] },
    refused: 'recorded is mount 7',
  },
])('$rule: a stage, when $when', async ({ world, refused }) => {
  const proof = proveUnstage(await reads(world), staged);
  if (refused === undefined) expect((await proof).subject).toBe(csi.stagePath);
  else await expect(proof).rejects.toThrow(refused);
});

test('AGT57: the directory of an unknown pod goes only when nothing is recorded or mounted there', async () => {
  expect((await provePodEmpty(await reads({}), 'uid')).subject).toBe('/k/pods/uid');
  await expect(provePodEmpty(await reads({ table: onTop }), 'uid')).rejects.toThrow('nobody recorded');
  await expect(provePodEmpty(await reads({ records: [published] }), 'uid')).rejects.toThrow('still recorded');
  await expect(provePodEmpty(await reads({ pods: [livePod] }), 'uid')).rejects.toThrow('neither deleted');
  await expect(provePodEnded(await reads({ pods: [livePod] }), 'uid')).rejects.toThrow('neither deleted');
});
