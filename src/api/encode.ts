// Objects to bytes, once per revision. Stored bytes have no resourceVersion, because it is the revision that the
// commit gives; it is spliced in as the first member of metadata. Lists and watch events are joined from those bytes.
import { assert } from '#base/assert.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

export function encodeJson(value: JsonValue): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

const METADATA = Buffer.from('"metadata":{');
const CLOSE_BRACE = 0x7d;

/** apiVersion, kind, metadata, the rest; without metadata.resourceVersion. Refuses an object that names no kind. */
export function encodeForStore(object: JsonObject): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object;
  assert(
    typeof apiVersion === 'string' && typeof kind === 'string' && isJsonObject(metadata),
    'an object to be stored must have apiVersion, kind and metadata',
  );
  const { resourceVersion: _dropped, ...kept } = metadata;
  return encodeJson({ apiVersion, kind, metadata: kept, ...rest });
}

/** The stored bytes with `"resourceVersion":"<revision>"` in their metadata, without parsing them. */
export function spliceResourceVersion(stored: Uint8Array, revision: number | string): Uint8Array {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
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
