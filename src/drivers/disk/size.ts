// Which size a volume gets for a capacity range. Pure.
import { CsiError } from '#csi/csi-error.ts';
import type { CapacityRange } from '#csi/generated/csi.ts';

const MIB = 1024 * 1024;
/** What a volume gets when the range says nothing. */
const DEFAULT_BYTES = 1024 * MIB;
/** Below this an ext4 with a journal is not worth its name. */
const MIN_BYTES = 4 * MIB;
/** mkfs.xfs refuses less. */
const MIN_XFS_BYTES = 300 * MIB;
/** The largest ext4 with 4 KiB blocks is larger; a number stays exact below. */
const MAX_BYTES = 16 * 1024 ** 4;

export interface SizeRange {
  readonly requiredBytes: number;
  /** Undefined: no limit. */
  readonly limitBytes: number | undefined;
}

/** The range of a request as numbers; OUT_OF_RANGE when nothing can be in it. */
export function sizeRange(range: CapacityRange | null): SizeRange {
  const required = BigInt(range?.requiredBytes ?? '0');
  const limit = BigInt(range?.limitBytes ?? '0');
  if (required < 0n || limit < 0n) throw outOfRange('a capacity cannot be negative');
  if (limit > 0n && required > limit) {
    throw outOfRange(`at least ${required} bytes are required and at most ${limit} allowed`);
  }
  if (required > BigInt(MAX_BYTES))
    throw outOfRange(`${required} bytes are required, a disk has at most ${MAX_BYTES}`);
  return { requiredBytes: Number(required), limitBytes: limit === 0n ? undefined : Number(limit) };
}

/** The size of a new volume: the required one, at least what its file system needs, in whole MiB where allowed. */
export function newSize(
  { requiredBytes, limitBytes }: SizeRange,
  fsType: 'ext4' | 'xfs' | undefined,
): number {
  const floor = fsType === 'xfs' ? MIN_XFS_BYTES : MIN_BYTES;
  const wanted = requiredBytes === 0 ? Math.min(DEFAULT_BYTES, limitBytes ?? DEFAULT_BYTES) : requiredBytes;
  const size = roundedSize(Math.max(wanted, floor), limitBytes);
  if (limitBytes !== undefined && size > limitBytes) {
    throw outOfRange(
      `a disk with ${fsType ?? 'ext4'} has at least ${floor} bytes, ${limitBytes} are allowed`,
    );
  }
  return size;
}

/** The size of a volume that begins as a copy: at least its source's. */
export function sizeFrom({ requiredBytes, limitBytes }: SizeRange, sourceBytes: number): number {
  if (requiredBytes !== 0 && requiredBytes < sourceBytes)
    throw outOfRange(`its source has ${sourceBytes} bytes, ${requiredBytes} were asked for`);
  // The source's own size is taken as it is; a larger one is rounded.
  const size = requiredBytes <= sourceBytes ? sourceBytes : roundedSize(requiredBytes, limitBytes);
  if (limitBytes !== undefined && size > limitBytes)
    throw outOfRange(`its source has ${sourceBytes} bytes, ${limitBytes} are allowed`);
  return size;
}

/** Up to a whole MiB; where the limit forbids that, up to a sector, which is all that a loop device shows. */
export function roundedSize(bytes: number, limitBytes: number | undefined): number {
  const whole = Math.ceil(bytes / MIB) * MIB;
  return limitBytes === undefined || whole <= limitBytes ? whole : Math.ceil(bytes / 512) * 512;
}

/** Whether a volume of this size is one that the range asks for. */
export function fitsRange(sizeBytes: number, { requiredBytes, limitBytes }: SizeRange): boolean {
  return sizeBytes >= requiredBytes && (limitBytes === undefined || sizeBytes <= limitBytes);
}

function outOfRange(because: string): CsiError {
  return new CsiError('OUT_OF_RANGE', `Cannot choose the size of the volume: ${because}`);
}
