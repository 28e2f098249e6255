import { expect, test } from 'vitest';
import { filesContract } from '#testing/contracts/files.ts';
import { memoryFiles } from './memory.ts';

filesContract('the tree in memory', async () => {
  const files = memoryFiles();
  await files.makeDirectory('/work');
  return { files, directory: '/work' };
});

test('FIL3: the tree in memory keeps the mode', async () => {
  const files = memoryFiles();
  await files.write('/a', Buffer.from('a'));
  await files.write('/b', Buffer.from('b'), { mode: 0o644 });
  expect([files.modeOf('/a'), files.modeOf('/b')]).toEqual([0o600, 0o644]);
});
