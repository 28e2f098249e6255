// The order of a merged list, as Kubernetes defines it: elements that the patch names come in the patch's order, the
// others keep theirs, and the two are interleaved by where the original list had them. A new element goes before what
// the patch does not name.
import type { JsonValue } from '../json.ts';

type Identity = (item: JsonValue | undefined) => JsonValue | undefined;

/** Where each identity first stands in `list`. */
export function positions(
  list: readonly JsonValue[],
  identity: Identity,
): Map<JsonValue | undefined, number> {
  const places = new Map<JsonValue | undefined, number>();
  list.forEach((item, index) => {
    const key = identity(item);
    if (!places.has(key)) places.set(key, index);
  });
  return places;
}

/** Whether the elements of `list` all occur in `order`, in the same sequence. */
export function followsOrder(
  list: readonly JsonValue[],
  order: readonly JsonValue[],
  identity: Identity,
): boolean {
  let next = 0;
  for (const item of order) {
    if (next < list.length && identity(list[next]) === identity(item)) next++;
  }
  return next === list.length;
}

export function mergeOrder(
  merged: readonly JsonValue[],
  patchOrder: readonly JsonValue[],
  originalOrder: readonly JsonValue[],
  identity: Identity,
): JsonValue[] {
  const inPatch = positions(patchOrder, identity);
  const inOriginal = positions(originalOrder, identity);
  const by = (order: ReadonlyMap<JsonValue | undefined, number>) => (a: JsonValue, b: JsonValue) =>
    (order.get(identity(a)) ?? order.size) - (order.get(identity(b)) ?? order.size);
  const named = merged.filter((item) => inPatch.has(identity(item))).sort(by(inPatch));
  const others = merged.filter((item) => !inPatch.has(identity(item))).sort(by(inOriginal));
  return interleave(others, named, (other, item) => {
    const left = inOriginal.get(identity(other));
    const right = inOriginal.get(identity(item));
    return left !== undefined && right !== undefined && left < right;
  });
}

function interleave(
  left: readonly JsonValue[],
  right: readonly JsonValue[],
  leftFirst: (left: JsonValue, right: JsonValue) => boolean,
): JsonValue[] {
  const out: JsonValue[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = left[i];
    const b = right[j];
    if (a === undefined || b === undefined) return [...out, ...left.slice(i), ...right.slice(j)];
    if (leftFirst(a, b)) {
      out.push(a);
      i++;
    } else {
      out.push(b);
      j++;
    }
  }
}
