// Semantic equality of JSON as Kubernetes compares objects (an absent field equals an empty list or map), and a short
// account of what differs, for messages about immutable fields.
import { isJsonObject, type JsonValue } from '../json.ts';

/** True when both mean the same to the API: `{}`, `[]`, null and absent are alike, key order is not meaning. */
export function sameValue(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (isEmpty(left) || isEmpty(right)) return isEmpty(left) && isEmpty(right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item: JsonValue, i) => sameItem(item, right[i]));
  }
  if (isJsonObject(left) && isJsonObject(right)) {
    return keysOf(left, right).every((key) => sameValue(left[key], right[key]));
  }
  return left === right;
}

/** Elements of a list count even when empty: `[{}]` is not `[]`. */
function sameItem(left: JsonValue, right: JsonValue | undefined): boolean {
  return right !== undefined && sameValue(left, right);
}

/** Lines `-spec.x: old` and `+spec.x: new`, one pair for each leaf that differs. */
export function describeDifference(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path = '',
): string {
  return differences(before, after, path).join('\n');
}

function differences(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path: string,
): readonly string[] {
  if (sameValue(before, after)) return [];
  if (isJsonObject(before) && isJsonObject(after)) {
    return keysOf(before, after).flatMap((key) =>
      differences(before[key], after[key], path === '' ? key : `${path}.${key}`),
    );
  }
  const lines: string[] = [];
  if (before !== undefined) lines.push(`-${path}: ${JSON.stringify(before)}`);
  if (after !== undefined) lines.push(`+${path}: ${JSON.stringify(after)}`);
  return lines;
}

function keysOf(left: object, right: object): readonly string[] {
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).every((key) => isEmpty(value[key]));
}
