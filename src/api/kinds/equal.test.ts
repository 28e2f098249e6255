import { expect, test } from 'vitest';
import type { JsonValue } from '../json.ts';
import { describeDifference, sameValue } from './equal.ts';

const rows: readonly { left: JsonValue; right: JsonValue | undefined; same: boolean }[] = [
  { left: {}, right: undefined, same: true },
  { left: { a: [] }, right: {}, same: true },
  { left: { a: null, b: 1 }, right: { b: 1 }, same: true },
  { left: { a: 1, b: 2 }, right: { b: 2, a: 1 }, same: true },
  { left: [{}], right: [], same: false },
  { left: [1, 2], right: [2, 1], same: false },
  { left: '', right: undefined, same: false },
  { left: 1, right: '1', same: false },
  { left: { a: { b: false } }, right: { a: { b: true } }, same: false },
];

test.each(rows)('KND34: $left and $right are the same: $same', ({ left, right, same }) => {
  expect(sameValue(left, right)).toBe(same);
  expect(sameValue(right, left)).toBe(same);
});

test('KND34: a difference names its leaves', () => {
  const before = { a: { b: 1, c: [1] }, d: 'x' };
  const after = { a: { b: 2, c: [1] }, e: true };
  expect(describeDifference(before, after)).toBe('-a.b: 1\n+a.b: 2\n-d: "x"\n+e: true');
});
