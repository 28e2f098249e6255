// docs/volumes.md as its reader follows it: every command of the page, in order, on one Holdfast.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '#api/resources.ts';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { findKubectl } from './kubectl.ts';
import { watchMachine } from './machine.ts';

const found = findKubectl();
if ('missing' in found) process.stdout.write(`skipped: examples.e2e: ${found.missing}\n`);

/** The page's blocks of commands, each under the heading before it. */
const blocks = readFileSync('docs/volumes.md', 'utf8')
  .split(/^## /m)
  .flatMap((section) => {
    const commands = /^```sh\n([\s\S]*?)^```/m.exec(section)?.[1];
    return commands === undefined ? [] : [{ heading: section.slice(0, section.indexOf('\n')), commands }];
  });

describe.skipIf('missing' in found)('docs/volumes.md', () => {
  watchMachine();
  let holdfast: RunningHoldfast;
  const dataDir = newDataDirectory();

  beforeAll(async () => {
    holdfast = await startHoldfast(dataDir);
  });

  afterAll(async () => {
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(dataDir);
  });

  test.each(blocks)('$heading', ({ commands }) => {
    const program = 'path' in found ? found.path : '';
    const script = `set -e\nkubectl() { command '${program}' "$@"; }\n${commands}`;
    const environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      KUBECONFIG: holdfast.kubeconfig,
    };
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], {
      env: environment,
      encoding: 'utf8',
      timeout: 55_000,
    });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  });

  test('nothing is left behind', async () => {
    const { api } = holdfast;
    expect(blocks.length).toBeGreaterThan(5);
    await until('nothing to be left', async () => {
      const left = await Promise.all([
        api.list(pods),
        api.list(persistentVolumeClaims),
        api.list(persistentVolumes),
        api.list(volumeAttachments),
      ]);
      return left.every(({ items }) => items.length === 0) ? true : undefined;
    });
  });
});
