import { expect, test } from 'vitest';
import { tableOf } from './volumes.ts';

const none = { driver: 'd', listed: 3, orphaned: [], openIntents: [] };

test('PRV85: says so when there is none', () => {
  expect(tableOf(none)).toBe('Driver d: no orphaned volume among 3.\n');
});

test('PRV86 PRV88: a table, the hint, and no control character of a driver', () => {
  const orphaned = [
    { volumeId: 'v\u001b[31m', capacityBytes: '1073741824', publishedNodeIds: ['n1', 'n2'] },
    { volumeId: 'w', capacityBytes: '0', publishedNodeIds: [] },
  ];
  expect(
    tableOf({ ...none, orphaned, openIntents: ['pvc-1'] })
      .split('\n')
      .slice(0, 5),
  ).toEqual([
    'Driver d: 2 orphaned volumes among 3.',
    'VOLUME   CAPACITY    PUBLISHED ON',
    'v?[31m   1Gi         n1,n2',
    'w        <unknown>   <none>',
    'Some may belong to provisioning that is under way and will be found again: pvc-1.',
  ]);
});
