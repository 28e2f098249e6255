// What users see of a pod.
import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { ContainerRun } from './runtime-state.ts';
import { RestartBackoff } from './restart-backoff.ts';
import { podStatus, type StatusView } from './status.ts';
import { writeStatus } from './status-writer.ts';

const pod: Stored<Pod> = {
  metadata: {
    namespace: 'default',
    name: 'p',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { containers: [{ name: 'main', image: 'i' }], restartPolicy: 'Always' },
  status: { phase: 'Pending' },
};
const run: ContainerRun = {
  id: 'c1',
  name: 'main',
  attempt: 1,
  sandboxId: 's',
  state: 'running',
  startedAt: 1000,
  finishedAt: 0,
  exitCode: 0,
  reason: '',
  message: '',
  imageRef: 'i',
  imageId: 'sha',
};
const view = (runs: readonly ContainerRun[], changes: Partial<StatusView> = {}): StatusView => ({
  pod,
  runtime: { sandboxes: [{ id: 's', attempt: 0, isReady: true, ip: '10.0.0.1' }], runs },
  waiting: new Map(),
  restartDelayMs: () => 0,
  terminationMessages: new Map(),
  hostIp: '127.0.0.1',
  runtimeName: 'containerd',
  usesImages: true,
  now: 20_000,
  ...changes,
});
const ended: ContainerRun = { ...run, state: 'exited', exitCode: 3, finishedAt: 15_000 };

test('AGT33: the status of a quiet pod is the same again, so nothing is written', async () => {
  const status = podStatus(view([run]));
  const stored = { ...pod, status };
  expect(podStatus(view([run], { pod: stored, now: 90_000 }))).toEqual(status);
  // Any call would fail: there is none.
  expect(await writeStatus({} as ApiClient, stored, status)).toEqual({ kind: 'same' });
});

test('AGT34: a container that waits for its restart', () => {
  const [status] = podStatus(view([ended], { restartDelayMs: () => 10_000 })).containerStatuses ?? [];
  expect(status?.state?.waiting?.reason).toBe('CrashLoopBackOff');
  expect(status?.state?.waiting?.message).toContain('back-off 10s restarting failed container=main');
  expect(status?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(status?.restartCount).toBe(1);
});

test('AGT34: a running container keeps its last end', () => {
  const previous = { ...ended, id: 'c0', attempt: 0 };
  const status = podStatus(view([run, previous]));
  expect(status.phase).toBe('Running');
  expect(status.containerStatuses?.[0]?.lastState?.terminated?.containerID).toBe('containerd://c0');
});

test('AGT23: a start that failed shows its reason', () => {
  const waiting = new Map([['main', { reason: 'CreateContainerError', message: 'no command' }]]);
  const status = podStatus(view([], { waiting }));
  expect(status.phase).toBe('Pending');
  expect(status.containerStatuses?.[0]?.state?.waiting).toEqual(waiting.get('main'));
});

test('AGT25: the phase of a pod that ended', () => {
  const never: Stored<Pod> = { ...pod, spec: { containers: [{ name: 'main' }], restartPolicy: 'Never' } };
  expect(podStatus(view([ended], { pod: never })).phase).toBe('Failed');
  expect(podStatus(view([{ ...ended, exitCode: 0 }], { pod: never })).phase).toBe('Succeeded');
});

test.each(['Evicted', 'VolumeAttachmentLimitExceeded'] as const)(
  'AGT83 AGT88: a pod that is rejected has Failed with reason %s, and stays so',
  (reason) => {
    const rejection = { reason, message: 'because' };
    expect(podStatus(view([run], { rejection }))).toMatchObject({
      phase: 'Failed',
      reason,
      message: 'because',
    });
  },
);

test('AGT37: a runtime without images says so', () => {
  const status = podStatus(view([run], { usesImages: false }));
  expect(status.containerStatuses?.[0]?.imageID).toBe('');
  expect(status.conditions?.find(({ type }) => type === 'holdfast.dev/ImageUsed')?.status).toBe('False');
});

test('AGT26: restarts at once, then 10 s doubling to 5 min, anew after 10 min', () => {
  const backoff = new RestartBackoff();
  const delays: number[] = [];
  let at = 0;
  for (let i = 0; i < 8; i++) {
    const delay = backoff.delayMs('main', at);
    delays.push(delay);
    backoff.restarted('main', at);
    at += delay + 1;
  }
  expect(delays).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  expect(backoff.delayMs('main', at + 600_001)).toBe(0);
});
