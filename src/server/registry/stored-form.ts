// The form an object has in the store: type and metadata first, without what the server adds at each read
// (resourceVersion) or does not keep (selfLink, managedFields). Two objects that say the same have the same bytes, so
// a write that changes nothing is recognised and not made (law 10).
import { groupVersionOf } from '#api/discovery.ts';
import { encodeForStore } from '#api/encode.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';

const NOT_STORED = { resourceVersion: undefined, selfLink: undefined, managedFields: undefined };

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
  const { kind } = definition.resource;
  return encodeForStore({
    ...withMetadata(object, NOT_STORED),
    apiVersion: storedVersionOf(definition),
    kind,
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
  const metadata: Record<string, JsonValue | undefined> = { ...metadataOf(object), ...changes };
  for (const [name, value] of Object.entries(changes)) if (value === undefined) delete metadata[name];
  return { ...object, metadata };
}

/** metadata.finalizers, or none. */
export function finalizersOf(object: JsonObject): readonly string[] {
  const value = metadataOf(object).finalizers;
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
