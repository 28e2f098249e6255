// NodeGetVolumeStats and NodeExpandVolume: both look at what is mounted at the path of the request.
import type { Sparse } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type {
  NodeExpandVolumeRequest,
  NodeGetVolumeStatsRequest,
  NodeGetVolumeStatsResponse,
} from '#csi/generated/csi.ts';
import type { LocalFilesystem, LoopDevice, MountEntry } from '#host/host.ts';
import { demandDone } from './failures.ts';
import { formatRecord } from './format-volume.ts';
import { existingVolume } from './ledger.ts';
import { loopOf, mountsOf, type NodeParts } from './node-parts.ts';
import { sizeRange } from './size.ts';
import type { VolumeId } from './volume-id.ts';

interface MountedVolume {
  readonly id: VolumeId;
  readonly loop: LoopDevice;
  readonly entry: MountEntry;
}

/** The volume as it is mounted at exactly this path; NOT_FOUND when it is not. */
async function mountedAt(parts: NodeParts, volumeId: string, volumePath: string): Promise<MountedVolume> {
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  if (volumePath === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_path"');
  const { id } = await existingVolume(parts.ledger, volumeId);
  const loop = await loopOf(parts, id);
  const mounts = loop === undefined ? [] : await mountsOf(parts, loop);
  const entry = mounts.findLast(({ mountPoint }) => mountPoint === volumePath);
  if (loop !== undefined && entry !== undefined) return { id, loop, entry };
  throw new CsiError(
    'NOT_FOUND',
    `Volume ${id} is not mounted at ${JSON.stringify(volumePath.slice(0, 200))} on this node`,
  );
}

const isRawBlock = ({ fsType }: MountEntry): boolean => fsType === 'devtmpfs';

export async function volumeStats(
  parts: NodeParts,
  { volumeId, volumePath }: NodeGetVolumeStatsRequest,
): Promise<Sparse<NodeGetVolumeStatsResponse>> {
  const { loop, entry } = await mountedAt(parts, volumeId, volumePath);
  if (isRawBlock(entry)) {
    return { usage: [{ unit: 'BYTES', total: String(await parts.host.blocks.sizeBytes(loop.device)) }] };
  }
  const usage = await parts.host.filesystems.usage(entry.mountPoint);
  return {
    usage: [
      {
        unit: 'BYTES',
        total: String(usage.totalBytes),
        available: String(usage.availableBytes),
        used: String(usage.usedBytes),
      },
      {
        unit: 'INODES',
        total: String(usage.totalInodes),
        available: String(usage.freeInodes),
        used: String(usage.totalInodes - usage.freeInodes),
      },
    ],
  };
}

export async function expandOnNode(
  parts: NodeParts,
  request: NodeExpandVolumeRequest,
): Promise<{ readonly capacityBytes: string }> {
  const { requiredBytes } = sizeRange(request.capacityRange);
  const { id, loop, entry } = await mountedAt(parts, request.volumeId, request.volumePath);
  await parts.host.loops.refreshSize(loop.device);
  const sizeBytes = await parts.host.blocks.sizeBytes(loop.device);
  if (sizeBytes < requiredBytes) {
    throw new CsiError(
      'OUT_OF_RANGE',
      `Cannot expand volume ${id} to ${requiredBytes} bytes: its device has ${sizeBytes}; ControllerExpandVolume comes first`,
    );
  }
  if (!isRawBlock(entry)) await growMounted(parts, { id, loop, entry }, sizeBytes);
  return { capacityBytes: String(sizeBytes) };
}

async function growMounted(
  parts: NodeParts,
  { id, loop, entry }: MountedVolume,
  sizeBytes: number,
): Promise<void> {
  const format = await formatRecord(parts, id);
  if (format.filledBytes >= sizeBytes) return;
  const fsType: LocalFilesystem = entry.fsType === 'xfs' ? 'xfs' : 'ext4';
  const outcome = await parts.host.filesystems.grow({
    device: loop.device,
    mountPoint: entry.mountPoint,
    fsType,
  });
  if (outcome.kind === 'failed' && outcome.message.includes('CAP_SYS_RESOURCE')) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot grow volume ${id} while it is mounted: ${outcome.message}; it is grown when it is staged the next time`,
    );
  }
  demandDone(outcome, `Cannot grow volume ${id}`);
  await parts.ledger.writeFormat({ ...format, filledBytes: sizeBytes });
}
