// How keys, values and changes are laid out on disk. Pure. Two tables and one record:
//
//   head     key (UTF-8)                          → create, mod, version (three float64), value
//   changes  revision (uint64), index (uint32)    → kind, key, and what the key held before (an undo log)
//   meta     format, newest revision, compaction revision (three float64)
//
// The new value of a change is not repeated: it is what the next change of that key says was there before, or the head.
// So each value is written twice at most, and compaction is nothing but a deletion of the oldest changes.
import { assert } from '#base/assert.ts';
import type { ChangeEvent, KeyValue, Revision } from './store.ts';

export const FORMAT = 1;
/** The engine's page size allows 1978 bytes. */
export const MAX_KEY_BYTES = 1900;

const VERSIONS_BYTES = 24;

export interface Meta {
  readonly format: number;
  readonly revision: Revision;
  readonly compactedTo: Revision;
}

export function encodeMeta({ format, revision, compactedTo }: Meta): Buffer {
  const out = Buffer.allocUnsafe(24);
  out.writeDoubleBE(format, 0);
  out.writeDoubleBE(revision, 8);
  out.writeDoubleBE(compactedTo, 16);
  return out;
}

export function decodeMeta(bytes: Buffer): Meta {
  assert(bytes.length === 24, 'the meta record of a store has 24 bytes');
  return {
    format: bytes.readDoubleBE(0),
    revision: bytes.readDoubleBE(8),
    compactedTo: bytes.readDoubleBE(16),
  };
}

export function encodeKey(key: string): Buffer {
  return Buffer.from(key, 'utf8');
}

export function encodeHead(entry: KeyValue): Buffer {
  const out = Buffer.allocUnsafe(VERSIONS_BYTES + entry.value.length);
  writeVersions(out, 0, entry);
  out.set(entry.value, VERSIONS_BYTES);
  return out;
}

/** The value is a view of `bytes`, which must be nobody else's. */
export function decodeHead(key: string, bytes: Buffer): KeyValue {
  return readEntry(key, bytes, 0);
}

/** Sorts by revision, then by the place in its transaction. */
export function encodeChangeKey(revision: Revision, index: number): Buffer {
  const out = Buffer.allocUnsafe(12);
  out.writeUInt32BE(Math.floor(revision / 2 ** 32), 0);
  out.writeUInt32BE(revision % 2 ** 32, 4);
  out.writeUInt32BE(index, 8);
  return out;
}

export function decodeChangeKey(key: Buffer): Revision {
  return key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4);
}

export interface StoredChange {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly previous: KeyValue | undefined;
}

export function encodeChange({ kind, entry, previous }: ChangeEvent): Buffer {
  const key = encodeKey(entry.key);
  const valueBytes = previous === undefined ? 0 : VERSIONS_BYTES + previous.value.length;
  const out = Buffer.allocUnsafe(6 + key.length + valueBytes);
  out.writeUInt8(kind === 'put' ? 1 : 2, 0);
  out.writeUInt8(previous === undefined ? 0 : 1, 1);
  out.writeUInt32BE(key.length, 2);
  out.set(key, 6);
  if (previous === undefined) return out;
  writeVersions(out, 6 + key.length, previous);
  out.set(previous.value, 6 + key.length + VERSIONS_BYTES);
  return out;
}

export function decodeChange(bytes: Buffer): StoredChange {
  const kind = bytes.readUInt8(0) === 1 ? 'put' : 'delete';
  const from = 6 + bytes.readUInt32BE(2);
  const key = bytes.toString('utf8', 6, from);
  return { kind, key, previous: bytes.readUInt8(1) === 0 ? undefined : readEntry(key, bytes, from) };
}

function writeVersions(out: Buffer, at: number, entry: KeyValue): void {
  out.writeDoubleBE(entry.createRevision, at);
  out.writeDoubleBE(entry.modRevision, at + 8);
  out.writeDoubleBE(entry.version, at + 16);
}

function readEntry(key: string, bytes: Buffer, at: number): KeyValue {
  return {
    key,
    createRevision: bytes.readDoubleBE(at),
    modRevision: bytes.readDoubleBE(at + 8),
    version: bytes.readDoubleBE(at + 16),
    value: bytes.subarray(at + VERSIONS_BYTES),
  };
}
