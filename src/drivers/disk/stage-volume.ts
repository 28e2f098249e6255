// NodeStage and NodeUnstage. Stage leaves one loop device for the image and, for a mount volume, its file system at the
// staging path. Unstage succeeds only when the device opens with O_EXCL, so that no mount namespace holds it any more,
// and its loop is confirmed gone.
import { CsiError } from '#csi/csi-error.ts';
import type { NodeStageVolumeRequest, NodeUnstageVolumeRequest } from '#csi/generated/csi.ts';
import { type WantedAccess, type WantedMount, wantedAccess } from './capability.ts';
import { demandDone } from './failures.ts';
import { type FilledDevice, filledDevice, formatRecord } from './format-volume.ts';
import { existingVolume } from './ledger.ts';
import { attachedVolume, loopOf, mountsOf, type NodeParts, targetPath, unmountOwn } from './node-parts.ts';
import type { VolumeRecord } from './records.ts';
import { applyTuning } from './tuning.ts';
import type { VolumeId } from './volume-id.ts';

// A container that is being started holds a copy of every mount for some milliseconds; one that keeps it is reported.
const HELD_ELSEWHERE_MS = 2000;

export async function stageVolume(parts: NodeParts, request: NodeStageVolumeRequest): Promise<object> {
  const staging = targetPath(request.stagingTargetPath, 'staging_target_path');
  if (request.volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  const access = wantedAccess(request.volumeCapability);
  const volume = await attachedVolume(parts, request.volumeId);
  const { how } = access;
  if (how.kind === 'block') {
    await stageBlock(parts, volume, access);
  } else {
    await orRelease(parts, volume.id, () =>
      stageMount(parts, volume, { staging, mount: how, readOnly: access.readOnly }),
    );
  }
  await applyTuning(parts, volume.id);
  return {};
}

/** A stage that fails leaves no device that it attached itself: nobody might ever call unstage for it. */
async function orRelease(parts: NodeParts, id: VolumeId, step: () => Promise<void>): Promise<void> {
  const before = await loopOf(parts, id);
  try {
    await step();
  } catch (error) {
    const after = before === undefined ? await loopOf(parts, id) : undefined;
    // A device in use stays: then the stage has perhaps done its work, and unstage will end it.
    if (after !== undefined) await parts.host.loops.detach(after).catch(() => undefined);
    throw error;
  }
}

async function stageBlock(parts: NodeParts, { id }: VolumeRecord, access: WantedAccess): Promise<void> {
  await parts.host.loops.attach(parts.paths.image(id), { readOnly: access.readOnly });
}

interface Staging {
  readonly staging: string;
  readonly mount: WantedMount;
  readonly readOnly: boolean;
}

async function stageMount(parts: NodeParts, volume: VolumeRecord, wanted: Staging): Promise<void> {
  if (await isStaged(parts, volume, wanted)) return;
  const { host } = parts;
  if ((await host.mountPoints.kind(wanted.staging)) !== 'directory') {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `The staging path ${JSON.stringify(wanted.staging)} is no directory`,
    );
  }
  const filled = await filledDevice(parts, volume, wanted.mount.fsType);
  if (filled.fsType === 'ext4') await growFilled(parts, volume, filled, undefined);
  await host.mounts.mount({
    source: filled.device.device,
    target: wanted.staging,
    fsType: filled.fsType,
    flags: wanted.readOnly ? [...new Set([...wanted.mount.flags, 'ro' as const])] : wanted.mount.flags,
    // A snapshot of a mounted xfs has a log that must be replayed before its UUID could change, so the kernel is told
    // not to mind that two have the same.
    options: filled.fsType === 'xfs' ? [...wanted.mount.options, 'nouuid'] : wanted.mount.options,
  });
  if (filled.fsType === 'xfs') await growFilled(parts, volume, filled, wanted.staging);
  // The kernel's table, not the success of the call, says that the volume is there.
  if (await isStaged(parts, volume, wanted)) return;
  throw new CsiError(
    'INTERNAL',
    `Volume ${volume.id} was mounted and is not in the mount table at ${JSON.stringify(wanted.staging)}`,
  );
}

/** True when the volume's own file system is what a lookup of the staging path meets; something else there is refused. */
async function isStaged(
  parts: NodeParts,
  { id }: VolumeRecord,
  { staging, mount }: Staging,
): Promise<boolean> {
  const top = (await parts.host.mounts.table()).findLast(({ mountPoint }) => mountPoint === staging);
  if (top === undefined) return false;
  const loop = await loopOf(parts, id);
  const isOwn =
    loop !== undefined && (await mountsOf(parts, loop)).some(({ mountId }) => mountId === top.mountId);
  if (!isOwn) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot stage volume ${id}: another ${top.fsType} is mounted at ${JSON.stringify(staging)}`,
    );
  }
  if (mount.fsType === undefined || mount.fsType === top.fsType) return true;
  throw new CsiError(
    'ALREADY_EXISTS',
    `Volume ${id} is staged as ${top.fsType}, ${mount.fsType} was asked for`,
  );
}

/** After a growth that the node did not hear of, or could not do while mounted: an unmounted ext4, a mounted xfs. */
async function growFilled(
  parts: NodeParts,
  { id }: VolumeRecord,
  { device: { device }, fsType }: FilledDevice,
  mountPoint: string | undefined,
): Promise<void> {
  await parts.host.loops.refreshSize(device);
  const sizeBytes = await parts.host.blocks.sizeBytes(device);
  const format = await formatRecord(parts, id);
  // Only a file system of our own making: what a user wrote on a raw block is not touched.
  if (format.state !== 'formatted' || format.filledBytes >= sizeBytes) return;
  demandDone(await parts.host.filesystems.grow({ device, mountPoint, fsType }), `Cannot grow volume ${id}`);
  await parts.ledger.writeFormat({ ...format, filledBytes: sizeBytes });
}

export async function unstageVolume(parts: NodeParts, request: NodeUnstageVolumeRequest): Promise<object> {
  const staging = targetPath(request.stagingTargetPath, 'staging_target_path');
  const { id } = await existingVolume(parts.ledger, request.volumeId);
  const loop = await loopOf(parts, id);
  if (loop === undefined) return {};
  const published = (await mountsOf(parts, loop)).find(({ mountPoint }) => mountPoint !== staging);
  if (published !== undefined) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot unstage volume ${id}: it is still mounted at ${JSON.stringify(published.mountPoint)}`,
    );
  }
  if ((await mountsOf(parts, loop)).length > 0) await unmountOwn(parts, id, staging);
  if (!(await parts.host.blocks.isFree(loop.device, { waitMs: HELD_ELSEWHERE_MS }))) {
    throw new CsiError(
      'ABORTED',
      `Volume ${id} is unmounted here, but ${loop.device} does not open exclusively: another mount namespace still has it mounted`,
    );
  }
  await parts.host.loops.detach(loop);
  return {};
}
