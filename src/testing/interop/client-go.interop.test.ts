// A program of stock client-go against a running `holdfast up`: protobuf, informers, patches, bookmarks, leases.
import { expect, test } from 'vitest';
import { newDataDirectory, removeDataDirectory, startHoldfast } from '../e2e/holdfast-process.ts';
import { runTool, toolPath } from './tools.ts';

const program = toolPath('client-go');

test.skipIf(program === undefined)(
  'what controllers do with client-go works',
  { timeout: 180_000 },
  async () => {
    const dataDir = newDataDirectory();
    const holdfast = await startHoldfast(dataDir);
    try {
      const { code, output } = await runTool(program ?? '', [], { KUBECONFIG: holdfast.kubeconfig });
      expect(output.split('\n').filter((line) => /^(ok|FAILED)/.test(line))).toEqual([
        'ok protobuf',
        'ok informers',
        'ok dynamic',
        'ok patches',
        'ok bookmarks',
        'ok leader election',
      ]);
      expect(code).toBe(0);
    } finally {
      await holdfast.stop();
      await removeDataDirectory(dataDir);
    }
  },
);
