// One revision of one object as the server holds it: its JSON bytes, shared by every reader, and the parsed form, made
// when something first needs to look inside. The store's value has no resourceVersion (the revision is known only at
// commit); it is spliced in first in metadata, so its place is known and a deletion can carry another one.
import { assert } from '#base/assert.ts';
import { spliceResourceVersion } from '#api/encode.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { KeyValue, Revision } from '#store/store.ts';
import { type KeyParts, parseKey } from '../registry/keys.ts';

const METADATA = Buffer.from('"metadata":{');
const VERSION = '"resourceVersion":"';

export class StoredObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  /** JSON with its resourceVersion. Never changed: many readers share it. */
  readonly bytes: Uint8Array;
  #object: JsonObject | undefined;

  constructor(key: string, parts: KeyParts, revision: Revision, bytes: Uint8Array) {
    this.key = key;
    this.namespace = parts.namespace;
    this.name = parts.name;
    this.revision = revision;
    this.bytes = bytes;
  }

  /** The object, parsed once. Treat as frozen. */
  get object(): JsonObject {
    this.#object ??= parseStored(this.bytes, this.key);
    return this.#object;
  }
}

/** The object behind a store entry, or undefined when its key is not an object's. */
export function storedObject(entry: KeyValue): StoredObject | undefined {
  const parts = parseKey(entry.key);
  if (parts === undefined) return undefined;
  return new StoredObject(
    entry.key,
    parts,
    entry.modRevision,
    spliceResourceVersion(entry.value, entry.modRevision),
  );
}

/** The same object under the revision that removed it, or moved it out of a selection. */
export function atRevision(stored: StoredObject, revision: Revision): StoredObject {
  const bytes = Buffer.from(stored.bytes.buffer, stored.bytes.byteOffset, stored.bytes.byteLength);
  const start = bytes.indexOf(METADATA) + METADATA.length + VERSION.length;
  const end = start + String(stored.revision).length;
  const moved = Buffer.concat([bytes.subarray(0, start), Buffer.from(String(revision)), bytes.subarray(end)]);
  const parts = { kindPath: '', namespace: stored.namespace, name: stored.name };
  return new StoredObject(stored.key, parts, revision, moved);
}

function parseStored(bytes: Uint8Array, key: string): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  assert(isJsonObject(value), `the stored value of "${key}" must be a JSON object`);
  return value;
}
