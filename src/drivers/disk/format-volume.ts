// From an image to a device with a file system, by the format record (records.ts has the states). A device is formatted
// only when the record says blank and every extent of its image was read as zero just before; a mkfs that did not end
// is wiped and begun again; everything else is taken as it is, or refused.
import { CsiError } from '#csi/csi-error.ts';
import type { FormatProof, LocalFilesystem, LoopDevice, WipeProof } from '#host/host.ts';
import { demandDone } from './failures.ts';
import { loopOf, type NodeParts } from './node-parts.ts';
import type { FormatRecord, VolumeRecord } from './records.ts';
import type { VolumeId } from './volume-id.ts';

export interface FilledDevice {
  readonly device: LoopDevice;
  readonly fsType: LocalFilesystem;
}

/** The format record; a volume without one is never formatted. */
export async function formatRecord({ ledger }: NodeParts, id: VolumeId): Promise<FormatRecord> {
  const record = await ledger.readFormat(id);
  if (record !== undefined) return record;
  throw new CsiError(
    'INTERNAL',
    `Volume ${id} has no record of its format: it is left as it is, whatever it holds`,
  );
}

/** The volume's device, attached, with the file system wanted (undefined: what it has, ext4 when blank). */
export async function filledDevice(
  parts: NodeParts,
  volume: VolumeRecord,
  wanted: LocalFilesystem | undefined,
): Promise<FilledDevice> {
  const format = await formatRecord(parts, volume.id);
  switch (format.state) {
    case 'blank':
    case 'formatting':
      return formatted(parts, volume, format, wanted ?? 'ext4');
    case 'formatted':
    case 'exposed':
      return existing(parts, volume.id, format, wanted);
  }
}

async function formatted(
  parts: NodeParts,
  volume: VolumeRecord,
  format: FormatRecord,
  fsType: LocalFilesystem,
): Promise<FilledDevice> {
  const { host, ledger, paths } = parts;
  const image = paths.image(volume.id);
  // A device that a call before this one left attached may hold pages of an unfinished mkfs: without a device there
  // are none, and what the image reads as is what it is.
  const left = await loopOf(parts, volume.id);
  if (left !== undefined) await host.loops.detach(left);
  if (format.state === 'formatting') await host.images.wipe(image, unfinishedFormat(image, format));
  const proof = await blankProof(parts, volume);
  await ledger.writeFormat({ ...format, state: 'formatting', fsType });
  const device = await host.loops.attach(image, { readOnly: false });
  demandDone(
    await host.filesystems.format({ device: device.device, fsType, proof }),
    `Cannot format volume ${volume.id} with ${fsType}`,
  );
  await ledger.writeFormat({ ...format, state: 'formatted', fsType, filledBytes: proof.sizeBytes });
  return { device, fsType };
}

/** The one reason to wipe: mkfs was begun and its end is not recorded, so no user has ever seen these bytes. */
function unfinishedFormat(image: string, { state, id }: FormatRecord): WipeProof {
  if (state !== 'formatting')
    throw new CsiError('INTERNAL', `Volume ${id} is ${state}: only an unfinished format is wiped`);
  return { image, because: `the format record of ${id} says formatting` } as WipeProof;
}

async function blankProof({ host, paths }: NodeParts, volume: VolumeRecord): Promise<FormatProof> {
  const image = paths.image(volume.id);
  const found = await host.images.stat(image);
  const isRecorded = found?.sizeBytes === volume.sizeBytes || found?.sizeBytes === volume.growingToBytes;
  const check = await host.images.proveBlank(image, isRecorded ? (found?.sizeBytes ?? 0) : volume.sizeBytes);
  switch (check.kind) {
    case 'blank':
      return check.proof;
    case 'data':
      throw new CsiError(
        'FAILED_PRECONDITION',
        `Cannot format volume ${volume.id}: its record says blank, but there is data near byte ${check.offset}; nothing was changed`,
      );
    case 'wrong-size':
      throw new CsiError(
        'INTERNAL',
        `Cannot format volume ${volume.id}: its image has ${check.sizeBytes} bytes and should have ${volume.sizeBytes}; nothing was changed`,
      );
  }
}

/** A device that has a file system, or had a user: its superblock must say what the mount is to be. */
async function existing(
  parts: NodeParts,
  id: VolumeId,
  format: FormatRecord,
  wanted: LocalFilesystem | undefined,
): Promise<FilledDevice> {
  const device = await parts.host.loops.attach(parts.paths.image(id), { readOnly: false });
  const fsType = (await parts.host.filesystems.probe(device.device))?.fsType;
  const expected = wanted ?? format.fsType ?? fsType;
  if (fsType !== undefined && fsType === expected) {
    await ownIdentity(parts, format, { device, fsType });
    return { device, fsType };
  }
  throw new CsiError(
    'FAILED_PRECONDITION',
    `Cannot mount volume ${id} as ${expected ?? 'a file system'}: it holds ${fsType ?? 'no file system that is known'}, ` +
      `and a volume that was ${format.state} is never formatted again`,
  );
}

/** A copied file system gets its own UUID before its first mount. What a user wrote on a raw block is not touched. */
async function ownIdentity(
  { host, ledger }: NodeParts,
  format: FormatRecord,
  { device: { device }, fsType }: FilledDevice,
): Promise<void> {
  if (format.state !== 'formatted' || format.identity === 'own') return;
  demandDone(
    await host.filesystems.renewIdentity(device, fsType),
    `Cannot give the copied volume ${format.id} a UUID of its own`,
  );
  await ledger.writeFormat({ ...format, identity: 'own' });
}
