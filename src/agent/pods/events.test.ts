// What describe shows of a pod.
import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { EventRecorder } from '#client/events.ts';
import { formatMilliseconds, tellBackOff, tellContainer } from './container-events.ts';
import type { PodView } from './decide.ts';
import { tellVolumes, type VolumeWait } from './volume-events.ts';

const pod: Stored<Pod> = {
  metadata: { namespace: 'd', name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { initContainers: [{ name: 'first' }], containers: [{ name: 'main' }] },
};

function recorder(): { readonly events: EventRecorder; readonly said: string[] } {
  const said: string[] = [];
  const record: EventRecorder['record'] = (_, { type, reason, message, fieldPath = '' }) =>
    void said.push(`${type} ${reason} ${fieldPath} ${message}`);
  return { events: { record }, said };
}

function told(wait: Partial<VolumeWait>): readonly string[] {
  const { events, said } = recorder();
  tellVolumes(events, pod, { unresolved: [], pending: [], waitedMs: 0, ...wait });
  return said;
}
const pending = (because: string | undefined) => ({ volume: 'data', name: 'pv-1', driver: 'd', because });

test('AGT85: a container is named in the path of its event', () => {
  const { events, said } = recorder();
  tellContainer(events, pod, {
    name: 'main',
    type: 'Normal',
    reason: 'Started',
    message: 'Container started',
  });
  tellContainer(events, pod, {
    name: 'first',
    type: 'Normal',
    reason: 'Created',
    message: 'Container created',
  });
  expect(said).toEqual([
    'Normal Started spec.containers{main} Container started',
    'Normal Created spec.initContainers{first} Container created',
  ]);
  expect([38, 1204, 61_000].map((ms) => formatMilliseconds(ms))).toEqual(['38ms', '1.204s', '61s']);
});

test('AGT85: a container that rests before its next start tells BackOff', () => {
  const { events, said } = recorder();
  const run = { name: 'main', state: 'exited', finishedAt: 1000 };
  const view = {
    spec: { initContainers: [], containers: [{ name: 'main' }], restartPolicy: 'Always' },
    runtime: { sandboxes: [], runs: [run] },
    restartDelayMs: () => 10_000,
    now: 5000,
  } as unknown as PodView;
  tellBackOff(events, pod, view);
  tellBackOff(events, pod, { ...view, now: 11_000 });
  expect(said).toEqual([
    'Warning BackOff spec.containers{main} Back-off restarting failed container main in pod p_d(u)',
  ]);
});

test('AGT86: a step that failed is named with its volume', () => {
  expect(told({ pending: [pending('stage failed: no disk')] })).toEqual([
    'Warning FailedMount  MountVolume.MountDevice failed for volume "pv-1" : no disk',
  ]);
  expect(told({ pending: [pending('publish failed: a\nb')] })).toEqual([
    'Warning FailedMount  MountVolume.SetUp failed for volume "pv-1" : a\nb',
  ]);
  expect(told({ pending: [pending('waiting: driver-missing')] })[0]).toContain(
    'driver name d not found in the list of registered CSI drivers',
  );
});

test('AGT86: the normal course of an attach is told only when it takes too long', () => {
  const attaching = [pending('waiting: not-attached')];
  expect(told({ pending: attaching })).toEqual([]);
  expect(told({ pending: attaching, waitedMs: 130_000 })).toEqual([
    'Warning FailedMount  Unable to attach or mount volumes: unmounted volumes=[data], ' +
      'unattached volumes=[data], failed to process volumes=[]: timed out waiting for the condition',
  ]);
});

test('AGT86: what cannot be resolved is listed with its reason', () => {
  const unresolved = [{ volume: 'conf', because: 'ConfigMap "d/x" not found' }];
  expect(told({ unresolved, pending: [pending(undefined)] })).toEqual([
    'Warning FailedMount  Unable to attach or mount volumes: unmounted volumes=[conf data], ' +
      'unattached volumes=[], failed to process volumes=[conf]: ConfigMap "d/x" not found',
  ]);
});
