import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { ObjectIndex } from './object-index.ts';

const pod = (name: string, ...values: readonly string[]): Stored<Pod> => ({
  metadata: {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: Object.fromEntries(values.map((value) => [value, 'yes'])),
  },
});

test('CLT28: one object or many stand under a value, each once, and leave it again', () => {
  const index = new ObjectIndex<Pod>(({ metadata }) => Object.keys(metadata.labels ?? {}));
  const namesAt = (value: string): readonly string[] => index.get(value).map(({ metadata }) => metadata.name);
  const put = (object: Stored<Pod>): void => index.apply({ kind: 'added', object }, object.metadata.name);
  put(pod('a', 'x'));
  put(pod('a', 'x', 'y')); // again: takes its own place
  expect([namesAt('x'), namesAt('y'), namesAt('z')]).toEqual([['a'], ['a'], []]);
  put(pod('b', 'x'));
  put(pod('c', 'x'));
  expect(namesAt('x')).toEqual(['a', 'b', 'c']);
  put(pod('b')); // stands nowhere now
  index.apply({ kind: 'deleted', object: pod('c') }, 'c');
  expect([namesAt('x'), namesAt('y')]).toEqual([['a'], ['a']]);
  put(pod('a', 'y'));
  expect([namesAt('x'), namesAt('y')]).toEqual([[], ['a']]);
  index.apply({ kind: 'deleted', object: pod('a', 'x') }, 'a'); // its last state says otherwise
  expect([namesAt('x'), namesAt('y')]).toEqual([[], []]);
});
