// PartialObjectMetadata: an object's metadata alone, for clients that watch many objects and read no more.
import { isJsonObject, type JsonObject } from './json.ts';

const API_VERSION = 'meta.k8s.io/v1';

export function partialObjectMetadata(object: JsonObject): JsonObject {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  return { kind: 'PartialObjectMetadata', apiVersion: API_VERSION, metadata };
}

/** `metadata` is the list's own (resourceVersion, continue). */
export function partialObjectMetadataList(metadata: JsonObject, objects: readonly JsonObject[]): JsonObject {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: API_VERSION,
    metadata,
    items: objects.map(partialObjectMetadata),
  };
}
