// Objects to bytes, once per revision. Stored bytes have no resourceVersion, because it is the revision that the
// commit gives; it is spliced in as the first member of metadata. Lists and watch events are joined from those bytes.
import { assert } from '#base/assert.ts';
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from './json.ts';

export function encodeJson(value: JsonValue): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

const METADATA = Buffer.from('"metadata":{');
const CLOSE_BRACE = 0x7d;
/** `"resourceVersion":"<at most 16 digits>",` */
const MAX_MEMBER = 40;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export interface StoredType {
  readonly apiVersion: string;
  readonly kind: string;
  /** Members of metadata that are not stored; resourceVersion is one of them. */
  readonly withoutMetadata: ReadonlySet<string>;
}

/** The type, metadata, the rest of `object`, which must have metadata. */
export function encodeForStore(object: JsonObject, type: StoredType): Uint8Array {
  const { metadata } = object;
  assert(isJsonObject(metadata), 'an object to be stored must have metadata');
  const kept: Record<string, JsonValue | undefined> = {};
  for (const name of Object.keys(metadata)) {
    if (!type.withoutMetadata.has(name)) setOwn(kept, name, metadata[name]);
  }
  const stored: Record<string, JsonValue | undefined> = {
    apiVersion: type.apiVersion,
    kind: type.kind,
    metadata: kept,
  };
  for (const name of Object.keys(object))
    if (!Object.hasOwn(stored, name)) setOwn(stored, name, object[name]);
  return encodeJson(stored);
}

const REVISION = /^"resourceVersion":"\d+",?/;

/** True when `spliced` is `stored` with any revision in it: what `spliceResourceVersion` makes of it. */
export function isStoredAs(spliced: Uint8Array, stored: Uint8Array): boolean {
  const [with_, without] = [asBuffer(spliced), asBuffer(stored)];
  const at = without.indexOf(METADATA);
  if (at < 0) return false;
  const start = at + METADATA.length;
  if (with_.compare(without, 0, start, 0, start) !== 0) return false;
  const member = REVISION.exec(with_.toString('latin1', start, start + MAX_MEMBER));
  if (member === null) return false;
  return with_.compare(without, start, without.length, start + member[0].length, with_.length) === 0;
}

/** The stored bytes with `"resourceVersion":"<revision>"` in their metadata, without parsing them. */
export function spliceResourceVersion(stored: Uint8Array, revision: number | string): Uint8Array {
  const bytes = asBuffer(stored);
  // The first occurrence: only apiVersion and kind come before it, and neither can hold an unescaped quote.
  const at = bytes.indexOf(METADATA);
  assert(at >= 0, 'stored bytes must hold metadata');
  const start = at + METADATA.length;
  const comma = bytes[start] === CLOSE_BRACE ? '' : ',';
  const member = Buffer.from(`"resourceVersion":"${revision}"${comma}`);
  return Buffer.concat([bytes.subarray(0, start), member, bytes.subarray(start)]);
}

export interface ListHead {
  readonly apiVersion: string;
  /** `PodList` */
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
}

const COMMA = Buffer.from(',');

/** A list in pieces, one an item, so that a long one can be written with drains between. */
export function* listPieces(head: ListHead, items: Iterable<Uint8Array>): Generator<Uint8Array> {
  const open = JSON.stringify({ kind: head.kind, apiVersion: head.apiVersion, metadata: head.metadata });
  yield Buffer.from(`${open.slice(0, -1)},"items":[`);
  let first = true;
  for (const item of items) {
    if (!first) yield COMMA;
    first = false;
    yield item;
  }
  yield Buffer.from(']}');
}

/** A list as one buffer. `items` carry their resourceVersion. */
export function joinList(head: ListHead, items: Iterable<Uint8Array>): Uint8Array {
  return Buffer.concat([...listPieces(head, items)]);
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

const FRAME_END = Buffer.from('}\n');

/** One watch event as it goes on the wire; the same buffer serves every watcher. */
export function watchFrame(type: WatchEventType, object: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, FRAME_END]);
}
