import { expect, test } from 'vitest';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { SharedInformer } from './shared-informer.ts';

const volume = (name: string, revision: number): Stored<PersistentVolume> => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: {
    name,
    uid: `uid-${name}`,
    resourceVersion: String(revision),
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
});
const state = (...volumes: readonly Stored<PersistentVolume>[]) =>
  new Map(volumes.map((one) => [one.metadata.name, one]));

/** Slices that end when the test says so. */
function manualSlices() {
  const waiting: (() => void)[] = [];
  return {
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
    begin: async () => {
      waiting.shift()?.();
      await nextTurn();
    },
  };
}

test('CLT21: a state is taken in slices, and neither synced nor the revision says so before it is complete', async () => {
  const informer = new SharedInformer(persistentVolumes, silentLog);
  const heard: string[] = [];
  informer.subscribe(({ kind, object }) => heard.push(`${kind} ${object.metadata.name}`));
  const slices = manualSlices();
  const first = informer.replace(state(volume('a', 3), volume('b', 4)), 10, slices);
  expect([heard, informer.synced, informer.revision]).toEqual([['added a'], false, 0]);
  await slices.begin();
  expect([heard, informer.synced, informer.revision]).toEqual([['added a', 'added b'], false, 0]);
  await slices.begin();
  await first;
  expect([informer.synced, informer.revision]).toEqual([true, 10]);
});

test('CLT21: CLT31: who waits for a revision of a later state waits until all of it is there', async () => {
  const informer = new SharedInformer(persistentVolumes, silentLog);
  await informer.replace(state(volume('a', 3), volume('b', 4)), 10);
  const reached: number[] = [];
  informer.onRevision(15, () => reached.push(15));
  const slices = manualSlices();
  const second = informer.replace(state(volume('b', 20), volume('c', 15)), 30, slices);
  await slices.begin(); // a is gone
  await slices.begin(); // b is at 20, c not there yet
  expect([reached, informer.revision, informer.get('a'), informer.get('c')?.metadata.name]).toEqual([
    [],
    10,
    undefined,
    'c',
  ]);
  await slices.begin();
  await second;
  expect([reached, informer.revision]).toEqual([[15], 30]);
});
