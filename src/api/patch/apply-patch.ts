// A PATCH body and what it makes of an object: JSON patch, merge patch or strategic merge patch, by content type.
// Parsed once, applied as often as the server retries on a conflict. The result still has to be decoded.
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { expectObject, JSON_TYPE, mediaType, parseBodyStrictly } from '../parse-body.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';
import { applyJsonPatch, parseJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
/** Server-side apply: has its place here once managed fields are kept; until then it is refused as unknown. */
export const APPLY_PATCH = 'application/apply-patch+yaml';

export const PATCH_TYPES = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH] as const;

export interface Patch {
  /** Throws a StatusError (400, 413, 422) when it cannot be applied. */
  apply(original: JsonObject): JsonObject;
  /** `duplicate field "spec.x"`: for decodeValue, which turns them into errors or warnings. */
  readonly duplicates: readonly string[];
}

/**
 * Without a type name (a custom resource, which has no merge keys) there is no strategic merge patch. Throws
 * StatusErrors: 400, 413, 415.
 */
export function parsePatch(bytes: Uint8Array, contentType: string, typeName: string | undefined): Patch {
  const type = mediaType(contentType);
  const possible = PATCH_TYPES.filter((one) => typeName !== undefined || one !== STRATEGIC_MERGE_PATCH);
  const known = possible.find((one) => one === type);
  if (known === undefined) throw unsupportedMediaType(possible);
  const { value, duplicates } = parseBodyStrictly(bytes, JSON_TYPE);
  if (known === JSON_PATCH) {
    const operations = parseJsonPatch(value);
    return { duplicates, apply: (original) => resultObject(applyJsonPatch(original, operations)) };
  }
  const patch = expectObject(value);
  return known === MERGE_PATCH || typeName === undefined
    ? { duplicates, apply: (original) => resultObject(applyMergePatch(original, patch)) }
    : { duplicates, apply: (original) => applyStrategicMergePatch(original, patch, typeName) };
}

export function applyPatch(
  original: JsonObject,
  bytes: Uint8Array,
  contentType: string,
  typeName: string,
): JsonObject {
  return parsePatch(bytes, contentType, typeName).apply(original);
}

function resultObject(value: JsonValue): JsonObject {
  if (!isJsonObject(value)) throw badRequest('the patch leaves no object: the result must be a JSON object');
  return value;
}
