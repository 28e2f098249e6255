// What a volume made from a snapshot or from another volume begins with: a copy of the image, grown to its size, and the
// format record that says what the copy holds. The source is not changed.
import { CsiError } from '#csi/csi-error.ts';
import type { VolumeContentSource } from '#csi/generated/csi.ts';
import type { ControllerParts } from './controller.ts';
import { existingSnapshot } from './create-snapshot.ts';
import { existingVolume } from './ledger.ts';
import type { VolumeOrigin, VolumeRecord } from './records.ts';
import type { CopiedFormat } from './snapshot-records.ts';
import { whileStill } from './still-image.ts';

/** The source that a request names; undefined: none. */
export function originOf(source: VolumeContentSource | null): VolumeOrigin | undefined {
  if (source === null) return undefined;
  const { snapshot, volume } = source;
  const origin =
    snapshot !== undefined
      ? { kind: 'snapshot' as const, id: snapshot.snapshotId }
      : { kind: 'volume' as const, id: volume?.volumeId ?? '' };
  if (origin.id !== '') return origin;
  throw new CsiError('INVALID_ARGUMENT', 'Cannot create the volume: its content source names nothing');
}

/** The least size of a volume made from this source; NOT_FOUND when it is not there, or a file system that it is not. */
export async function originSize(
  parts: ControllerParts,
  { kind, id }: VolumeOrigin,
  fsType: 'ext4' | 'xfs' | undefined,
): Promise<number> {
  if (kind === 'snapshot') {
    const { sizeBytes, format } = await existingSnapshot(parts, id);
    demandSame(format, fsType);
    return sizeBytes;
  }
  const source = await existingVolume(parts.ledger, id);
  const format = await parts.ledger.readFormat(source.id);
  if (format !== undefined) demandSame(format, fsType);
  return Math.max(source.sizeBytes, source.growingToBytes ?? 0);
}

/** Said now, not when a pod waits for its mount. */
function demandSame({ state, fsType: held }: CopiedFormat, wanted: 'ext4' | 'xfs' | undefined): void {
  if (state !== 'formatted' || wanted === undefined || held === wanted) return;
  throw new CsiError(
    'INVALID_ARGUMENT',
    `Cannot create the volume: its source holds ${held ?? 'no file system'}, ${wanted} was asked for`,
  );
}

/** Makes the image and its format record; done again from the start after a kill. Refused, it leaves nothing. */
export async function copyContents(
  parts: ControllerParts,
  record: VolumeRecord,
  origin: VolumeOrigin,
): Promise<{ readonly sharedBytes: number }> {
  const { ledger, host, paths } = parts;
  const { id, sizeBytes } = record;
  const image = paths.image(id);
  try {
    await host.images.remove(image);
    const { format, isShared } = await copied(parts, image, origin);
    const sharedBytes = isShared ? ((await host.images.stat(image))?.allocatedBytes ?? 0) : 0;
    await host.images.create(image, sizeBytes);
    await ledger.writeFormat({ id, ...format, identity: 'copied' });
    return { sharedBytes };
  } catch (error) {
    // A caller that is refused may never ask again.
    await host.images.remove(image);
    await ledger.removeFormat(id);
    await ledger.remove(id);
    throw error;
  }
}

async function copied(
  parts: ControllerParts,
  image: string,
  { kind, id }: VolumeOrigin,
): Promise<{ readonly format: CopiedFormat; readonly isShared: boolean }> {
  const { ledger, host, paths } = parts;
  if (kind === 'snapshot') {
    const snapshot = await existingSnapshot(parts, id);
    const never = new AbortController().signal;
    const { isShared } = await host.images.copy(paths.snapshotImage(snapshot.id), image, never);
    return { format: snapshot.format, isShared };
  }
  const source = await existingVolume(ledger, id);
  return whileStill(parts, [source], async (signal) => {
    const format = await ledger.readFormat(source.id);
    if (format === undefined || format.state === 'formatting')
      throw new CsiError('ABORTED', `Volume ${source.id} is just being formatted: try again later`);
    const { isShared } = await host.images.copy(paths.image(source.id), image, signal);
    const { state, fsType, filledBytes } = format;
    return { format: { state, fsType, filledBytes }, isShared };
  });
}
