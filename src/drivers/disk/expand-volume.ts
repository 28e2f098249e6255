// ControllerExpandVolume: the image grows, the node does the rest. The new size is recorded before the image has it.
import { CsiError } from '#csi/csi-error.ts';
import type { ControllerExpandVolumeRequest } from '#csi/generated/csi.ts';
import { demandCapacity } from './capacity.ts';
import { asFinal } from './expand-refusal.ts';
import type { ControllerParts } from './controller.ts';
import type { VolumeRecord } from './records.ts';
import { roundedSize, sizeRange } from './size.ts';

export async function expandVolume(
  parts: ControllerParts,
  record: VolumeRecord,
  { capacityRange }: ControllerExpandVolumeRequest,
): Promise<{ readonly capacityBytes: string; readonly nodeExpansionRequired: boolean }> {
  if (capacityRange === null)
    throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "capacity_range"');
  if (record.phase !== 'ready') {
    throw new CsiError('FAILED_PRECONDITION', `Cannot expand volume ${record.id}: it is being deleted`);
  }
  const { requiredBytes, limitBytes } = sizeRange(capacityRange);
  const current = Math.max(record.sizeBytes, record.growingToBytes ?? 0);
  const wanted = Math.max(current, roundedSize(requiredBytes, limitBytes));
  if (limitBytes !== undefined && wanted > limitBytes) {
    throw new CsiError(
      'OUT_OF_RANGE',
      `Volume ${record.id} has ${current} bytes already, at most ${limitBytes} are wanted`,
    );
  }
  const growing = await parts.inTurn(() => beginGrowth(parts, record, wanted));
  if (growing.growingToBytes !== undefined) {
    await parts.host.images.create(parts.paths.image(record.id), growing.growingToBytes);
    await parts.ledger.write({ ...growing, sizeBytes: growing.growingToBytes, growingToBytes: undefined });
  }
  return { capacityBytes: String(wanted), nodeExpansionRequired: true };
}

async function beginGrowth(
  parts: ControllerParts,
  record: VolumeRecord,
  wanted: number,
): Promise<VolumeRecord> {
  const promised = Math.max(record.sizeBytes, record.growingToBytes ?? 0);
  if (wanted <= promised) return record;
  await asFinal(() =>
    demandCapacity(parts, wanted - promised, `expand volume ${record.id} to ${wanted} bytes`),
  );
  const growing: VolumeRecord = { ...record, growingToBytes: wanted };
  await parts.ledger.write(growing);
  return growing;
}
