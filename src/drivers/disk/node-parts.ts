// What the node's calls share: the volume of a request, its loop device, and the mounts that are really its own.
import { CsiError } from '#csi/csi-error.ts';
import type { LocalHost, LoopDevice, MountEntry } from '#host/host.ts';
import { existingVolume, type Ledger } from './ledger.ts';
import type { PoolPaths } from './pool.ts';
import type { VolumeRecord } from './records.ts';
import type { VolumeId } from './volume-id.ts';

export interface NodeParts {
  readonly host: LocalHost;
  readonly ledger: Ledger;
  readonly paths: PoolPaths;
  readonly poolName: string;
  readonly nodeId: string;
  readonly maxVolumes: number;
}

/** An absolute path of a request; it names a mount target and nothing else. */
export function targetPath(path: string, field: string): string {
  if (path === '') throw new CsiError('INVALID_ARGUMENT', `The request lacks its "${field}"`);
  const isPlain = path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
  if (isPlain && path !== '/') return path.replace(/\/+$/, '');
  throw new CsiError(
    'INVALID_ARGUMENT',
    `The "${field}" ${JSON.stringify(path.slice(0, 200))} is no absolute path without ".."`,
  );
}

/** The volume, attached to this very node by the controller. */
export async function attachedVolume({ ledger, nodeId }: NodeParts, volumeId: string): Promise<VolumeRecord> {
  const record = await existingVolume(ledger, volumeId);
  if (record.phase === 'ready' && record.attachment?.nodeId === nodeId) return record;
  throw new CsiError(
    'FAILED_PRECONDITION',
    `Volume ${record.id} is not attached to node ${JSON.stringify(nodeId)}: ControllerPublishVolume must succeed first`,
  );
}

/** The loop device of a volume's image, as the kernel reports it; undefined when there is none. */
export async function loopOf({ host, paths }: NodeParts, id: VolumeId): Promise<LoopDevice | undefined> {
  const image = await host.images.stat(paths.image(id));
  if (image === undefined) return undefined;
  return (await host.loops.list()).find(
    ({ backingInode, backingDevice }) => backingInode === image.inode && backingDevice === image.deviceId,
  );
}

/** The mounts of a device: of its file system, and of its node (a raw block publish), bottom first. */
export async function mountsOf({ host }: NodeParts, { device }: LoopDevice): Promise<readonly MountEntry[]> {
  const number = await host.blocks.numberOf(device);
  const node = device.slice('/dev'.length);
  return (await host.mounts.table()).filter(
    (entry) => entry.device === number || (entry.fsType === 'devtmpfs' && entry.root === node),
  );
}

/**
 * Unmounts what this volume has at `path`. Anything else that is mounted there is left, and the call refused: a
 * request never takes down a mount that is not the volume's own.
 */
export async function unmountOwn(parts: NodeParts, id: VolumeId, path: string): Promise<void> {
  const loop = await loopOf(parts, id);
  const own = new Set((loop === undefined ? [] : await mountsOf(parts, loop)).map(({ mountId }) => mountId));
  const here = (await parts.host.mounts.table()).filter(({ mountPoint }) => mountPoint === path);
  const foreign = here.find(({ mountId }) => !own.has(mountId));
  if (foreign !== undefined) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot unmount volume ${id}: what is mounted at ${JSON.stringify(path)} is another ${foreign.fsType}, not this volume`,
    );
  }
  for (const { mountPoint } of here) await parts.host.mounts.unmount(mountPoint);
}
