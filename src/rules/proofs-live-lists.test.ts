import { expect, test } from 'vitest';
import { nodes } from '#api/resources.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import type { LiveReads } from './proofs.ts';
import { sharedLists } from './proofs-live-lists.ts';

test('RUL114: one list answers all that asked before it began, and none that asked later', async () => {
  const api = scriptedApi();
  const open: (() => void)[] = [];
  let lists = 0;
  const counted: LiveReads = {
    find: (type, name) => api.find(type, name),
    async list(type, query) {
      lists++;
      const listed = api.list(type, query);
      await new Promise<void>((resolve) => open.push(resolve));
      return listed;
    },
  };
  const live = sharedLists(counted);
  const first = live.list(nodes);
  api.seed(nodes, { metadata: { name: 'late' } });
  const second = live.list(nodes);
  const third = live.list(nodes);
  expect(lists).toBe(1);
  open.shift()?.();
  expect((await first).items).toHaveLength(0);
  await Promise.resolve();
  open.shift()?.();
  expect([(await second).items.length, (await third).items.length, lists]).toEqual([1, 1, 2]);
});
