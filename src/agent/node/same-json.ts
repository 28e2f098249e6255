// Deep equality of plain JSON values: what decides whether a write is needed.
import { isJsonObject } from '#api/json.ts';

/** True when `actual` has every field of `wanted` with the same value; fields of `actual` beyond that are others'. */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((value, index) => covers(actual[index], value))
    );
  }
  if (isJsonObject(wanted)) {
    if (!isJsonObject(actual)) return false;
    return Object.entries(wanted).every(([key, value]) => value === undefined || covers(actual[key], value));
  }
  return actual === wanted;
}
