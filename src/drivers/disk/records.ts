// What the driver remembers of a volume, as JSON files: the controller's record and the node's format record. Reading
// is strict: a record that is not exactly one of ours stops every step on its volume instead of being guessed at.
import { CsiError } from '#csi/csi-error.ts';
import { parseVolumeId, type VolumeId } from './volume-id.ts';

/** `creating` until the image is there, `deleting` from the first step of the end. */
export type VolumePhase = 'creating' | 'ready' | 'deleting';

export interface Attachment {
  readonly nodeId: string;
  readonly readOnly: boolean;
  readonly accessMode: string;
}

/** Written by the controller service alone. */
export interface VolumeRecord {
  readonly id: VolumeId;
  readonly name: string;
  readonly phase: VolumePhase;
  readonly sizeBytes: number;
  /** Set while the image is being grown: it has the old size or this one. */
  readonly growingToBytes: number | undefined;
  /** At most one node at a time. */
  readonly attachment: Attachment | undefined;
  /** What its first contents came from; undefined: it began blank. */
  readonly source: VolumeOrigin | undefined;
  /** What its image may still share with another one, and so does not take yet. */
  readonly sharedBytes: number;
}

/** A snapshot's or volume's id. */
export interface VolumeOrigin {
  readonly kind: 'snapshot' | 'volume';
  readonly id: string;
}

/**
 * blank ──▶ formatting ──▶ formatted        Only blank is formatted, after every extent was read as zero.
 *   │           │              │            Only formatting (a mkfs that did not end) is wiped and begun again.
 *   └───────────┴──────────────┴──▶ exposed (published as raw block: its bytes are the user's for ever)
 */
export type FormatState = 'blank' | 'formatting' | 'formatted' | 'exposed';

/** Made by the controller service before the volume is ready, then written by the node service alone. */
export interface FormatRecord {
  readonly id: VolumeId;
  readonly state: FormatState;
  /** Set in `formatting` and `formatted`. */
  readonly fsType: 'ext4' | 'xfs' | undefined;
  /** The device size that the file system was last made or grown for. */
  readonly filledBytes: number;
  /** A file system that was copied with its image has its source's UUID until the node service renews it. */
  readonly identity: 'own' | 'copied';
}

export function encodeRecord(record: VolumeRecord | FormatRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

type Fields = Readonly<Record<string, unknown>>;

export function parseFields(bytes: Uint8Array, path: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw damaged(path, 'it holds no JSON object');
}

export function damaged(path: string, because: string): CsiError {
  return new CsiError(
    'INTERNAL',
    `Cannot use the record ${JSON.stringify(path)}: ${because}; nothing was changed`,
  );
}

export const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

export function decodeVolumeRecord(bytes: Uint8Array, path: string): VolumeRecord {
  const { id, name, phase, sizeBytes, growingToBytes, attachment, source, sharedBytes } = parseFields(
    bytes,
    path,
  );
  const volumeId = typeof id === 'string' ? parseVolumeId(id) : undefined;
  if (volumeId === undefined || !path.endsWith(`/${volumeId}.json`))
    throw damaged(path, 'its "id" is not the one of its name');
  if (typeof name !== 'string') throw damaged(path, 'its "name" is no text');
  if (phase !== 'creating' && phase !== 'ready' && phase !== 'deleting')
    throw damaged(path, 'its "phase" is unknown');
  if (!isSize(sizeBytes)) throw damaged(path, 'its "sizeBytes" is no size');
  if (growingToBytes !== undefined && !isSize(growingToBytes))
    throw damaged(path, 'its "growingToBytes" is no size');
  return {
    id: volumeId,
    name,
    phase,
    sizeBytes,
    growingToBytes,
    attachment: decodeAttachment(attachment, path),
    source: decodeOrigin(source, path),
    // Records of volumes that began blank do not say it.
    sharedBytes: isSize(sharedBytes) ? sharedBytes : 0,
  };
}

function decodeOrigin(value: unknown, path: string): VolumeOrigin | undefined {
  if (value === undefined) return undefined;
  const { kind, id }: Fields = typeof value === 'object' && value !== null ? { ...value } : {};
  if ((kind === 'snapshot' || kind === 'volume') && typeof id === 'string') return { kind, id };
  throw damaged(path, 'its "source" is incomplete');
}

function decodeAttachment(value: unknown, path: string): Attachment | undefined {
  if (value === undefined) return undefined;
  const { nodeId, readOnly, accessMode }: Fields =
    typeof value === 'object' && value !== null ? { ...value } : {};
  if (typeof nodeId !== 'string' || typeof readOnly !== 'boolean' || typeof accessMode !== 'string') {
    throw damaged(path, 'its "attachment" is incomplete');
  }
  return { nodeId, readOnly, accessMode };
}

export function decodeFormatRecord(bytes: Uint8Array, path: string): FormatRecord {
  const fields = parseFields(bytes, path);
  const { id, identity } = fields;
  const volumeId = typeof id === 'string' ? parseVolumeId(id) : undefined;
  if (volumeId === undefined || !path.endsWith(`/${volumeId}.json`))
    throw damaged(path, 'its "id" is not the one of its name');
  return {
    id: volumeId,
    ...decodeFormat(fields, path),
    identity: identity === 'copied' ? 'copied' : 'own',
  };
}

/** What a device holds: the part of a format record that travels with a copy of its image. */
export function decodeFormat(
  { state, fsType, filledBytes }: Fields,
  path: string,
): Pick<FormatRecord, 'state' | 'fsType' | 'filledBytes'> {
  if (state !== 'blank' && state !== 'formatting' && state !== 'formatted' && state !== 'exposed') {
    throw damaged(path, 'its "state" is unknown');
  }
  if (fsType !== undefined && fsType !== 'ext4' && fsType !== 'xfs')
    throw damaged(path, 'its "fsType" is unknown');
  if (!isSize(filledBytes)) throw damaged(path, 'its "filledBytes" is no size');
  return { state, fsType, filledBytes };
}
