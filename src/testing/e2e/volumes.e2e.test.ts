// Every volume type of a pod at once, as its container sees them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { findKubectl, type Kubectl, kubectlFor } from './kubectl.ts';
import { watchMachine } from './machine.ts';
import { claim, DISK_CLASS } from './manifests.ts';

const found = findKubectl();
if ('missing' in found) process.stdout.write(`skipped: volumes.e2e: ${found.missing}\n`);

// As with the kubelet, a change may take until the next look at the pod.
const FOLLOW_MS = 80_000;

const OBJECTS = (hostPath: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: blue, shape: round }
---
apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData: { token: hush }
---
${DISK_CLASS}
---
${claim('disk')}
---
apiVersion: v1
kind: Pod
metadata: { name: all }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      command: [sh, -c, 'while :; do sleep 1; done']
      volumeMounts:
        - { name: scratch, mountPath: /scratch }
        - { name: memory, mountPath: /memory }
        - { name: host, mountPath: /host }
        - { name: host, mountPath: /host-ro, readOnly: true }
        - { name: settings, mountPath: /settings }
        - { name: settings, mountPath: /one/colour, subPath: colour }
        - { name: keys, mountPath: /keys }
        - { name: disk, mountPath: /disk }
        - { name: disk, mountPath: /part, subPath: a/b }
        - { name: disk, mountPath: /disk-ro, readOnly: true }
  volumes:
    - { name: scratch, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory, sizeLimit: 8Mi } }
    - { name: host, hostPath: { path: ${hostPath}, type: Directory } }
    - { name: settings, configMap: { name: settings } }
    - { name: keys, secret: { secretName: keys, defaultMode: 256 } }
    - { name: disk, persistentVolumeClaim: { claimName: disk } }
`;

describe.skipIf('missing' in found)('volumes in a container', () => {
  watchMachine();
  let holdfast: RunningHoldfast;
  let kubectl: Kubectl;
  const dataDir = newDataDirectory();
  const hostPath = newDataDirectory();

  beforeAll(async () => {
    mkdirSync(`${hostPath}/mine`);
    writeFileSync(`${hostPath}/mine/from-host`, 'hello\n');
    holdfast = await startHoldfast(dataDir);
    kubectl = kubectlFor('path' in found ? found.path : '', holdfast.kubeconfig);
    await kubectl.ok(['apply', '-f', '-'], OBJECTS(`${hostPath}/mine`));
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/all', '--timeout=30s']);
  });

  afterAll(async () => {
    await kubectl.ok(['delete', 'pod/all', 'pvc/disk']);
    await until('the volume to be gone', async () =>
      (await kubectl.ok(['get', 'pv', '-o', 'name'])) === '' ? true : undefined,
    );
    // What is on the host is the host's.
    expect(readFileSync(`${hostPath}/mine/from-host`, 'utf8')).toBe('hello\n');
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(dataDir);
    await removeDataDirectory(hostPath);
  });

  const inside = (script: string): Promise<string> => kubectl.ok(['exec', 'all', '--', 'sh', '-c', script]);

  test('an emptyDir is written to; one in memory is a tmpfs of its size', async () => {
    expect(await inside('echo x > /scratch/f; cat /scratch/f; stat -c %a /scratch')).toBe('x\n777\n');
    const mount = await inside('echo y > /memory/f; grep " /memory " /proc/self/mounts');
    expect(mount).toMatch(/tmpfs .*size=8192k/);
    expect(
      await inside('dd if=/dev/zero of=/memory/big bs=1M count=9 2>&1 || true; rm -f /memory/big'),
    ).toContain('No space left');
  });

  test('a hostPath shows the host, both ways; readOnly is honoured', async () => {
    expect(await inside('cat /host/from-host; echo back > /host/from-pod')).toBe('hello\n');
    expect(readFileSync(`${hostPath}/mine/from-pod`, 'utf8')).toBe('back\n');
    expect(await inside('cat /host-ro/from-pod; (echo no > /host-ro/x) 2>&1 || true')).toMatch(
      /^back\n.*Read-only file system/,
    );
  });

  test('a volume, a part of it, and the same read-only', async () => {
    expect(
      await inside('echo z > /part/f; cat /disk/a/b/f /disk-ro/a/b/f; (echo no > /disk-ro/x) 2>&1 || true'),
    ).toMatch(/^z\nz\n.*Read-only file system/);
  });

  test('a ConfigMap and a Secret are files of their modes, read-only', async () => {
    expect(await inside('cat /settings/colour /one/colour /keys/token')).toBe('bluebluehush');
    expect(await inside('ls /settings; stat -Lc %a /settings/colour /keys/token')).toBe(
      'colour\nshape\n644\n400\n',
    );
    expect(await inside('(echo no > /settings/colour) 2>&1 || true')).toContain('Read-only file system');
    expect(await inside('grep " /keys " /proc/self/mounts')).toMatch(/^tmpfs /);
  });

  test(
    'a changed ConfigMap and Secret show up whole; a subPath keeps what it had',
    async () => {
      await kubectl.ok([
        'patch',
        'cm',
        'settings',
        '-p',
        '{"data":{"colour":"red","shape":null,"size":"big"}}',
      ]);
      await kubectl.ok(['patch', 'secret', 'keys', '-p', '{"stringData":{"token":"louder"}}']);
      await until(
        'the new values',
        async () => ((await inside('cat /settings/colour /keys/token')) === 'redlouder' ? true : undefined),
        FOLLOW_MS,
      );
      expect(await inside('ls /settings; cat /one/colour')).toBe('colour\nsize\nblue');
    },
    FOLLOW_MS + 10_000,
  );

  test('nothing of Holdfast itself is seen', async () => {
    expect(await inside(`ls -A ${dataDir} | wc -l`)).toBe('0\n');
  });
});
