// Snapshots and clones on real images and mounts: what was written before is in the copy, what came later is not, and
// copy and source are mounted side by side, as ext4 and as xfs.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import type { Handlers } from '#csi/client.ts';
import type { ControllerMethods, NodeMethods, VolumeCapability } from '#csi/generated/csi.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { needsFileSystem } from '#testing/real/programs.ts';
import { dismantle, type Scratch, scratchFolder } from '#testing/real/scratch.ts';
import { controllerHandlers } from './controller.ts';
import { exclusive, oneAfterAnother } from './exclusive.ts';
import { poolLedger } from './ledger.ts';
import { nodeHandlers } from './node.ts';
import { poolPaths } from './pool.ts';

const MIB = 1024 * 1024;
const host = realHost();
const signal = new AbortController().signal;
const NONE = { secrets: {}, volumeContext: {}, publishContext: {} };
let scratch: Scratch;
let controller: Partial<Handlers<ControllerMethods>>;
let node: Handlers<NodeMethods>;

beforeEach(async () => {
  scratch = await scratchFolder();
  const paths = poolPaths(join(scratch.path, 'pool'));
  const ledger = poolLedger(realFiles(), paths);
  await ledger.prepare();
  await ledger.writeNode('node-1');
  const shared = { host, ledger, paths, poolName: 'pool-1', limitBytes: undefined };
  const turns = { oneAtATime: exclusive(), inTurn: oneAfterAnother() };
  controller = controllerHandlers({ ...shared, ...turns, clock: realClock() });
  node = nodeHandlers({ ...shared, nodeId: 'node-1', maxVolumes: 0 });
});
afterEach(() => dismantle(scratch));
watchLeaks({ within: SCRATCH_MARKER });

const capabilityOf = (fsType: string): VolumeCapability => ({
  mount: { fsType, mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'SINGLE_NODE_WRITER' },
});

async function staged(
  name: string,
  { fsType, mib, source = null }: { fsType: string; mib: number; source?: object | null },
): Promise<{ volumeId: string; path: string }> {
  const volumeCapability = capabilityOf(fsType);
  const reply = await controller.createVolume?.(
    {
      name,
      capacityRange: { requiredBytes: String(mib * MIB), limitBytes: '0' },
      volumeCapabilities: [volumeCapability],
      parameters: {},
      secrets: {},
      volumeContentSource: source,
      accessibilityRequirements: null,
      mutableParameters: {},
    },
    signal,
  );
  const volumeId = reply?.volume?.volumeId ?? '';
  const path = join(scratch.path, name);
  await mkdir(path);
  await controller.controllerPublishVolume?.(
    { volumeId, nodeId: 'node-1', volumeCapability, readonly: false, ...NONE },
    signal,
  );
  await node.nodeStageVolume({ volumeId, stagingTargetPath: path, volumeCapability, ...NONE }, signal);
  return { volumeId, path };
}

async function end({ volumeId, path }: { volumeId: string; path: string }): Promise<void> {
  await node.nodeUnstageVolume({ volumeId, stagingTargetPath: path }, signal);
  await controller.controllerUnpublishVolume?.({ volumeId, nodeId: 'node-1', secrets: {} }, signal);
  await controller.deleteVolume?.({ volumeId, secrets: {} }, signal);
}

it.for([
  { fsType: 'ext4', mib: 64 },
  { fsType: 'xfs', mib: 300 },
])(
  'DSK61 DSK62 DSK68 DSK69: $fsType is snapshot and cloned while mounted, and mounted beside',
  async ({ fsType, mib }, context) => {
    needsFileSystem(fsType, context);
    const source = await staged('source', { fsType, mib });
    await writeFile(join(source.path, 'file'), 'before');
    const reply = await controller.createSnapshot?.(
      { name: 's', sourceVolumeId: source.volumeId, secrets: {}, parameters: {} },
      signal,
    );
    const snapshotId = reply?.snapshot?.snapshotId ?? '';
    await writeFile(join(source.path, 'file'), 'after');
    const restored = await staged('restored', {
      fsType,
      mib: mib + 64,
      source: { snapshot: { snapshotId } },
    });
    const clone = await staged('clone', { fsType, mib, source: { volume: { volumeId: source.volumeId } } });
    expect(await readFile(join(restored.path, 'file'), 'utf8')).toBe('before');
    expect(await readFile(join(clone.path, 'file'), 'utf8')).toBe('after');
    const { totalBytes } = await host.filesystems.usage(restored.path);
    expect(totalBytes).toBeGreaterThan((await host.filesystems.usage(clone.path)).totalBytes);
    await end(source);
    await writeFile(join(restored.path, 'file'), 'own');
    await end(restored);
    await controller.deleteSnapshot?.({ snapshotId, secrets: {} }, signal);
    await end(clone);
  },
);
