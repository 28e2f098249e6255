// The same agent against a real containerd: a private one, with an image made of the machine's own programs.
import { describe, expect, test } from 'vitest';
import { messageOf } from '#base/errors.ts';
import { ContainerdUnderTest, containerdMissing, TEST_IMAGE } from '#runtime/real/containerd.fixture.ts';
import { newDataDirectory, removeDataDirectory, startHoldfast, until } from './holdfast-process.ts';
import { findKubectl, kubectlFor } from './kubectl.ts';
import { watchMachine } from './machine.ts';
import { claim, DISK_CLASS, writer } from './manifests.ts';

const found = findKubectl();

describe('containerd', () => {
  watchMachine();

  test('a pod of an image writes to its volume, is looked into, and is deleted', async ({ skip }) => {
    const missing = 'missing' in found ? found.missing : containerdMissing();
    if (missing !== undefined) skip(`no containerd test here: ${missing}`);
    const containerd = new ContainerdUnderTest();
    try {
      await containerd
        .start()
        .catch((error: unknown) => skip(`containerd cannot run here: ${messageOf(error)}`));
      await passThrough(`${containerd.directory}/cd.sock`);
    } finally {
      await containerd.removeEverything();
    }
  });
});

async function passThrough(socket: string): Promise<void> {
  const dataDir = newDataDirectory();
  const holdfast = await startHoldfast(dataDir, ['--container-runtime-endpoint', socket]);
  const kubectl = kubectlFor('path' in found ? found.path : '', holdfast.kubeconfig);
  const pod = writer('imaged', 'data').replace('image: busybox', `image: ${TEST_IMAGE}`);
  // The image has no wc, and no network plugin serves this containerd.
  const count = pod.replace(/n=\$\(cat.*\n/, 'n=0\n').replace('spec:\n', 'spec:\n  hostNetwork: true\n');
  await kubectl.ok(['apply', '-f', '-'], [DISK_CLASS, claim('data'), count].join('---'));
  await kubectl
    .ok(['wait', '--for=condition=Ready', 'pod/imaged', '--timeout=40s'])
    .catch(async (error: unknown) => {
      throw new Error(`${messageOf(error)}\n${await kubectl.ok(['describe', 'pod', 'imaged'])}`);
    });
  expect(await kubectl.ok(['get', 'node', 'node-1', '-o', 'wide'])).toContain('containerd://');
  await until('lines on the volume', async () =>
    (await kubectl.ok(['exec', 'imaged', '--', 'cat', '/data/lines'])).startsWith('1\n2\n')
      ? true
      : undefined,
  );
  expect(await kubectl.ok(['logs', 'imaged'])).toMatch(/^starts at /);
  expect((await kubectl.run(['exec', 'imaged', '--', 'sh', '-c', 'exit 5'])).code).toBe(5);
  await kubectl.ok(['delete', 'pod/imaged', 'pvc/data']);
  await until('the volume to be gone', async () =>
    (await kubectl.ok(['get', 'pv', '-o', 'name'])) === '' ? true : undefined,
  );
  expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
  await removeDataDirectory(dataDir);
}
