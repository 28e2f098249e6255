// JSON merge patch (RFC 7386): objects merge, null removes, everything else replaces.
import { getOwn, isJsonObject, type JsonObject, type JsonValue, setOwn } from '../json.ts';

export function applyMergePatch(original: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const target = isJsonObject(original) ? original : {};
  const merged: Record<string, JsonValue | undefined> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete merged[key];
    else setOwn(merged, key, applyMergePatch(getOwn(target, key), value));
  }
  return merged;
}

/** The merge patch that turns `from` into `to`; empty when they are the same. Null members cannot be expressed. */
export function createMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  const patch: Record<string, JsonValue | undefined> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const change = memberChange(getOwn(from, key), getOwn(to, key));
    if (change !== undefined) setOwn(patch, key, change);
  }
  return patch;
}

function memberChange(before: JsonValue | undefined, after: JsonValue | undefined): JsonValue | undefined {
  if (after === undefined || after === null) return before === undefined ? undefined : null;
  if (isJsonObject(before) && isJsonObject(after)) {
    const inner = createMergePatch(before, after);
    return Object.keys(inner).length === 0 ? undefined : inner;
  }
  return JSON.stringify(before) === JSON.stringify(after) ? undefined : after;
}
