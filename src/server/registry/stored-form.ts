// The form an object has in the store: type and metadata first, without what the server adds at each read
// (resourceVersion) or does not keep (selfLink, managedFields). Two objects that say the same have the same bytes, so
// a write that changes nothing is recognised and not made (law 10).
import { groupVersionOf } from '#api/discovery.ts';
import { encodeForStore } from '#api/encode.ts';
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';

const NOT_STORED: ReadonlySet<string> = new Set(['resourceVersion', 'selfLink', 'managedFields']);

/** `v1` or `storage.k8s.io/v1`. */
export function apiVersionOf({ resource }: KindDefinition): string {
  return groupVersionOf(resource.group, resource.version);
}

/** `apiVersion` as it is stored. */
function storedVersionOf({ resource, custom }: KindDefinition): string {
  return groupVersionOf(resource.group, custom?.storageVersion ?? resource.version);
}

/** True when objects are stored under another version than the one that is asked for. */
export function isOtherVersion({ resource, custom }: KindDefinition): boolean {
  return custom !== undefined && custom.storageVersion !== resource.version;
}

/** The bytes to store. */
export function encodeStored(definition: KindDefinition, object: JsonObject): Uint8Array {
  return encodeForStore(object, {
    apiVersion: storedVersionOf(definition),
    kind: definition.resource.kind,
    withoutMetadata: NOT_STORED,
  });
}

/** The object's metadata, empty when it has none. */
export function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

/** A text of the metadata; absent and empty are the same. */
export function metaText(object: JsonObject, name: string): string {
  const value = metadataOf(object)[name];
  return typeof value === 'string' ? value : '';
}

/** The object with `changes` in its metadata; undefined removes a member. */
export function withMetadata(
  object: JsonObject,
  changes: Readonly<Record<string, JsonValue | undefined>>,
): JsonObject {
  const metadata: Record<string, JsonValue | undefined> = {};
  const old = metadataOf(object);
  // Never `delete`: it turns the object into a hash table, which is slow to make, to copy and to encode.
  for (const name of [...Object.keys(old), ...Object.keys(changes)]) {
    const value = Object.hasOwn(changes, name) ? changes[name] : old[name];
    if (value !== undefined) setOwn(metadata, name, value);
  }
  return { ...object, metadata };
}

/** metadata.finalizers, or none. */
export function finalizersOf(object: JsonObject): readonly string[] {
  const value = metadataOf(object).finalizers;
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
