import { expect, test } from 'vitest';
import { compareMachine } from './machine-state.ts';

const state = (mounts: string[], loops: string[] = [], processes: string[] = []) => ({
  mounts,
  loops,
  processes,
});

test('nothing left means equal multisets', () => {
  expect(compareMachine(state(['/a', '/a']), state(['/a', '/a']))).toEqual({ left: [], missing: [] });
});

test('a second equal mount on one point is left behind', () => {
  expect(compareMachine(state(['/a']), state(['/a', '/a'])).left).toEqual(['mount /a']);
});

test('what has gone is named, but for processes', () => {
  const before = state(['/a'], ['/dev/loop0 (x)'], ['1 sh']);
  expect(compareMachine(before, state([]))).toEqual({
    left: [],
    missing: ['mount /a', 'loop device /dev/loop0 (x)'],
  });
});
