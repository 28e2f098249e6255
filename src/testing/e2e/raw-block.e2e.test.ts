// A raw block claim from the disk driver, end to end: the container writes to a device, another pod reads it back.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { watchMachine } from './machine.ts';

const SIZE = 16 * 1024 * 1024;

function devicePod(name: string, script: string): Pod {
  return {
    metadata: { namespace: 'default', name },
    spec: {
      terminationGracePeriodSeconds: 1,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', script],
          volumeDevices: [{ name: 'raw', devicePath: '/dev/xvda' }],
        },
      ],
      volumes: [{ name: 'raw', persistentVolumeClaim: { claimName: 'raw' } }],
    },
  };
}

describe('a raw block volume', () => {
  watchMachine();
  let holdfast: RunningHoldfast;
  const dataDir = newDataDirectory();

  beforeAll(async () => {
    holdfast = await startHoldfast(dataDir);
    await holdfast.api.create(storageClasses, {
      metadata: { name: 'disk' },
      provisioner: 'disk.holdfast.dev',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await holdfast.api.create(persistentVolumeClaims, {
      metadata: { namespace: 'default', name: 'raw' },
      spec: {
        storageClassName: 'disk',
        volumeMode: 'Block',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: String(SIZE) } },
      },
    });
  });

  afterAll(async () => {
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(dataDir);
  });

  /** Runs a pod to its end and deletes it. */
  async function run(name: string, script: string): Promise<string> {
    const { api } = holdfast;
    await api.create(pods, devicePod(name, `{ ${script}; } > /dev/termination-log 2>&1`));
    let last: Stored<Pod> | undefined;
    const ended = await until(`pod ${name} to end`, async () => {
      last = await api.find(pods, { namespace: 'default', name });
      return ['Succeeded', 'Failed'].includes(last?.status?.phase ?? '') ? last : undefined;
    });
    await api.delete(pods, { namespace: 'default', name });
    await until('the pod to be gone', async () =>
      (await api.find(pods, { namespace: 'default', name })) === undefined ? true : undefined,
    );
    return ended?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '';
  }

  test("AGT84: the device has the claim's size, is written and is read back by another pod", async () => {
    const write =
      'test -b /dev/xvda && printf raw-data | dd of=/dev/xvda bs=512 conv=notrunc,fsync 2>/dev/null';
    expect(await run('writer', `${write} && wc -c < /dev/xvda`)).toBe(`${SIZE}\n`);
    expect(await run('reader', 'head -c 8 /dev/xvda')).toBe('raw-data');
    await holdfast.api.delete(persistentVolumeClaims, { namespace: 'default', name: 'raw' });
    await until('the volume to be gone', async () =>
      (await holdfast.api.list(persistentVolumes)).items.length === 0 ? true : undefined,
    );
  });
});
