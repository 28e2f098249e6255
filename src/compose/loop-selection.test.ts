import { expect, test } from 'vitest';
import { parseLoopSelection, type SelectableLoop } from './loop-selection.ts';

const LOOPS: readonly SelectableLoop[] = [
  { name: 'binding', kubernetesNames: ['persistentvolume-binder-controller'], onByDefault: true },
  { name: 'quota', kubernetesNames: ['resourcequota-controller'], onByDefault: true },
  { name: 'scheduler', kubernetesNames: [], onByDefault: false },
];

test.each([
  { words: '*', runs: ['binding', 'quota'], named: [] },
  { words: '', runs: [], named: [] },
  { words: 'binding', runs: ['binding'], named: ['binding'] },
  { words: '*,-quota', runs: ['binding'], named: [] },
  { words: '*,scheduler', runs: ['binding', 'quota', 'scheduler'], named: ['scheduler'] },
  { words: '-quota', runs: [], named: [] },
  { words: 'quota,-quota', runs: ['quota'], named: ['quota'] },
  { words: '-quota,quota,*', runs: ['binding'], named: [] },
  {
    words: '*,persistentvolume-binder-controller',
    runs: ['binding', 'quota'],
    named: ['binding'],
  },
])('CMP1: --controllers "$words" runs $runs', ({ words, runs, named }) => {
  const selection = parseLoopSelection(words.split(','), LOOPS);
  if ('problem' in selection) throw new Error(selection.problem);
  const names = LOOPS.map(({ name }) => name);
  expect(names.filter((name) => selection.runs(name))).toEqual(runs);
  expect(names.filter((name) => selection.isNamed(name))).toEqual(named);
});

test('CMP1: an unknown name is refused', () => {
  expect(parseLoopSelection(['*', '-bindin'], LOOPS)).toEqual({
    problem: 'loop "bindin" is unknown: known are binding, quota, scheduler',
  });
});
