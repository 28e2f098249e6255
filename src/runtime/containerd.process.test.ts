// The CRI client against our sandbox and against a real containerd: one scenario.
import { mkdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { messageOf } from '#base/errors.ts';
import { ContainerdUnderTest, containerdMissing, TEST_IMAGE } from './real/containerd.fixture.ts';
import { mountTable, SandboxUnderTest } from './sandbox/real/sandbox.fixture.ts';
import { passScenario } from './scenario.fixture.ts';

function volumeIn(directory: string): { hostPath: string; read: (name: string) => string } {
  const hostPath = `${directory}/volume`;
  mkdirSync(hostPath);
  return { hostPath, read: (name) => readFileSync(`${hostPath}/${name}`, 'utf8') };
}

describe('a CRI runtime', () => {
  it('CRI4: the sandbox passes the scenario', async () => {
    const sandbox = new SandboxUnderTest();
    try {
      await sandbox.start();
      await passScenario(sandbox, {}, volumeIn(sandbox.directory));
    } finally {
      await sandbox.removeEverything();
    }
    expect(mountTable()).toEqual(sandbox.mountsBefore);
  });

  it('CRI4: containerd passes the scenario', async ({ skip }) => {
    const missing = containerdMissing();
    if (missing !== undefined) skip(`no containerd here: ${missing}`);
    const containerd = new ContainerdUnderTest();
    try {
      await containerd
        .start()
        .catch((error: unknown) => skip(`containerd cannot run here: ${messageOf(error)}`));
      await passScenario(containerd, { image: { image: TEST_IMAGE } }, volumeIn(containerd.directory));
    } finally {
      await containerd.removeEverything();
    }
    expect(mountTable()).toEqual(containerd.mountsBefore);
  });
});
