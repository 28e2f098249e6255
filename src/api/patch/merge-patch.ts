// JSON merge patch (RFC 7386): objects merge, null removes, everything else replaces.
import { getOwn, isJsonObject, type JsonValue, setOwn } from '../json.ts';

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
