// NodePublish and NodeUnpublish: a bind of the staged file system, or of the device node for a raw block volume.
import { CsiError } from '#csi/csi-error.ts';
import type { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from '#csi/generated/csi.ts';
import type { LoopDevice, MountEntry } from '#host/host.ts';
import { type WantedAccess, wantedAccess } from './capability.ts';
import { formatRecord } from './format-volume.ts';
import { existingVolume } from './ledger.ts';
import { attachedVolume, loopOf, mountsOf, type NodeParts, targetPath, unmountOwn } from './node-parts.ts';
import type { VolumeId } from './volume-id.ts';

interface Publication {
  readonly id: VolumeId;
  readonly target: string;
  readonly staging: string;
  readonly readOnly: boolean;
  readonly access: WantedAccess;
}

export async function publishVolume(parts: NodeParts, request: NodePublishVolumeRequest): Promise<object> {
  const target = targetPath(request.targetPath, 'target_path');
  if (request.volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  const access = wantedAccess(request.volumeCapability);
  const staging = targetPath(request.stagingTargetPath, 'staging_target_path');
  const { id } = await attachedVolume(parts, request.volumeId);
  const flags = access.how.kind === 'mount' ? access.how.flags : [];
  const readOnly = request.readonly || access.readOnly || flags.includes('ro');
  const wanted: Publication = { id, target, staging, readOnly, access };
  const loop = await loopOf(parts, id);
  if (loop === undefined) throw notStaged(wanted);
  const mounts = await mountsOf(parts, loop);
  if (await isPublished(parts, mounts, wanted)) return {};
  demandFree(mounts, wanted);
  if (access.how.kind === 'block') await publishBlock(parts, loop, wanted);
  else await publishMount(parts, mounts, wanted);
  const after = await mountsOf(parts, loop);
  if (await isPublished(parts, after, wanted)) return {};
  throw new CsiError(
    'INTERNAL',
    `Volume ${id} was bound and is not in the mount table at ${JSON.stringify(target)}`,
  );
}

function notStaged({ id, staging }: Publication): CsiError {
  return new CsiError(
    'FAILED_PRECONDITION',
    `Volume ${id} is not staged at ${JSON.stringify(staging)}: NodeStageVolume must succeed first`,
  );
}

/** Whether the target shows this volume already, as asked; as something else it is ALREADY_EXISTS. */
async function isPublished(
  { host }: NodeParts,
  mounts: readonly MountEntry[],
  { id, target, readOnly, access }: Publication,
): Promise<boolean> {
  const top = (await host.mounts.table()).findLast(({ mountPoint }) => mountPoint === target);
  if (top === undefined) return false;
  const refuse = (because: string): CsiError =>
    new CsiError('ALREADY_EXISTS', `Cannot publish volume ${id} at ${JSON.stringify(target)}: ${because}`);
  if (!mounts.some(({ mountId }) => mountId === top.mountId)) throw refuse('something else is mounted there');
  if ((top.fsType === 'devtmpfs') !== (access.how.kind === 'block'))
    throw refuse('it is there with another access type');
  const isReadOnly = top.options.includes('ro');
  if (access.how.kind === 'mount' && isReadOnly !== readOnly) {
    throw refuse(`it is there ${isReadOnly ? 'read-only' : 'writable'}, the opposite was asked for`);
  }
  return true;
}

/** A second target needs a mode that allows many. */
function demandFree(mounts: readonly MountEntry[], { id, staging, access }: Publication): void {
  const other = mounts.find(({ mountPoint }) => mountPoint !== staging);
  if (other === undefined || access.manyTargets) return;
  throw new CsiError(
    'FAILED_PRECONDITION',
    `Volume ${id} is published at ${JSON.stringify(other.mountPoint)}, and ${access.mode} allows one target`,
  );
}

async function publishMount(
  { host }: NodeParts,
  mounts: readonly MountEntry[],
  wanted: Publication,
): Promise<void> {
  const { staging, target, readOnly } = wanted;
  if (!mounts.some(({ mountPoint }) => mountPoint === staging)) throw notStaged(wanted);
  await host.mountPoints.makeDirectory(target);
  await host.mounts.bind({ source: staging, target, readOnly });
}

async function publishBlock(parts: NodeParts, { device }: LoopDevice, wanted: Publication): Promise<void> {
  const { id, target, readOnly, access } = wanted;
  if (readOnly && !access.readOnly) {
    throw new CsiError(
      'INVALID_ARGUMENT',
      'A raw block volume is read-only only with the access mode SINGLE_NODE_READER_ONLY: a read-only bind does not protect a device',
    );
  }
  const format = await formatRecord(parts, id);
  // From here on its bytes are the user's: recorded before anyone can write them.
  if (format.state !== 'exposed') await parts.ledger.writeFormat({ ...format, state: 'exposed' });
  await parts.host.mountPoints.makeFile(target);
  await parts.host.mounts.bind({ source: device, target, readOnly: false });
}

export async function unpublishVolume(
  parts: NodeParts,
  request: NodeUnpublishVolumeRequest,
): Promise<object> {
  const target = targetPath(request.targetPath, 'target_path');
  const { id } = await existingVolume(parts.ledger, request.volumeId);
  await unmountOwn(parts, id, target);
  await parts.host.mountPoints.remove(target);
  return {};
}
