// The scenario that every CRI runtime passes (CRI4): what the agent needs of one.
import { expect } from 'vitest';
import type { Sparse } from './cri-client.ts';
import type { ContainerConfig } from './generated/cri.ts';
import {
  CALL,
  exitOf,
  logOf,
  type RuntimeUnderTest,
  runPod,
  startShell,
  statusOf,
} from './sandbox/real/sandbox.fixture.ts';

/** Runs a pod whose container writes to a volume, from start to removal. */
export async function passScenario(
  under: RuntimeUnderTest,
  config: Sparse<ContainerConfig>,
  volume: { readonly hostPath: string; readonly read: (name: string) => string },
): Promise<void> {
  const { runtime } = under.cri;
  const { status } = await runtime.status({}, CALL);
  expect(status?.conditions.find((condition) => condition.type === 'RuntimeReady')?.status).toBe(true);
  // A pod on the machine's network has the machine's name; runc refuses another.
  const pod = await runPod(under, { hostname: '' });
  const mounts = [{ containerPath: '/data', hostPath: volume.hostPath }];
  const script = 'echo written > /data/file; echo out; echo err >&2; exit 3';
  const short = await startShell(under, pod, script, { ...config, mounts });
  expect(await exitOf(under, short)).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(volume.read('file')).toBe('written\n');
  expect((await logOf(under, short)).split('\n').sort()).toEqual(['err', 'out']);

  const readOnly = mounts.map((mount) => ({ ...mount, readonly: true }));
  const named = { metadata: { name: 'long', attempt: 0 } };
  const long = await startShell(under, pod, 'while :; do sleep 0.1; done', {
    ...config,
    ...named,
    mounts: readOnly,
  });
  const exec = (command: string): ReturnType<typeof runtime.execSync> =>
    runtime.execSync({ containerId: long, cmd: ['sh', '-c', command], timeout: '10' }, CALL);
  expect(Buffer.from((await exec('cat /data/file')).stdout).toString()).toBe('written\n');
  expect((await exec('touch /data/x')).exitCode).not.toBe(0);
  expect((await exec('exit 9')).exitCode).toBe(9);
  await runtime.stopContainer({ containerId: long, timeout: '1' }, CALL);
  expect((await statusOf(under, long)).state).toBe('CONTAINER_EXITED');
  await runtime.removeContainer({ containerId: long }, CALL);
  await runtime.stopPodSandbox({ podSandboxId: pod }, CALL);
  await runtime.removePodSandbox({ podSandboxId: pod }, CALL);
  expect((await runtime.listPodSandbox({}, CALL)).items).toEqual([]);
}
