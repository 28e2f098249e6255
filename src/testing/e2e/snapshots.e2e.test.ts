// Snapshots, restores, clones and a group on real mounts: what a container wrote before is in the copy, what it wrote
// later is not, and everything goes in whatever order it is deleted.
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
if ('missing' in found) process.stdout.write(`skipped: snapshots.e2e: ${found.missing}\n`);

const CLASSES = `
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata:
  name: disk
  annotations: { snapshot.storage.kubernetes.io/is-default-class: "true" }
driver: disk.holdfast.dev
deletionPolicy: Delete
---
apiVersion: groupsnapshot.storage.k8s.io/v1
kind: VolumeGroupSnapshotClass
metadata:
  name: disk
  annotations: { groupsnapshot.storage.kubernetes.io/is-default-class: "true" }
driver: disk.holdfast.dev
deletionPolicy: Delete
`;

const snapshot = (name: string, source: string): string => `
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: { name: ${name} }
spec: { source: { persistentVolumeClaimName: ${source} } }
`;

const filled = (name: string, source: string, size = '64Mi'): string => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name} }
spec:
  storageClassName: disk
  accessModes: [ReadWriteOnce]
  dataSource: ${source}
  resources: { requests: { storage: ${size} } }
`;
const fromSnapshot = (name: string): string =>
  `{ apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: ${name} }`;

const user = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      command: [sh, -c, 'while :; do sleep 1; done']
      volumeMounts: [{ name: data, mountPath: /data }]
  volumes: [{ name: data, persistentVolumeClaim: { claimName: ${name} } }]
`;

describe.skipIf('missing' in found)('snapshots in real life', () => {
  watchMachine();
  let holdfast: RunningHoldfast;
  let kubectl: Kubectl;
  const dataDir = newDataDirectory();

  const apply = (...documents: readonly string[]): Promise<string> =>
    kubectl.ok(['apply', '-f', '-'], documents.join('\n---\n'));
  const ready = (...names: readonly string[]): Promise<string> =>
    kubectl.ok(['wait', '--for=condition=Ready', ...names.map((name) => `pod/${name}`), '--timeout=30s']);
  const inside = (pod: string, script: string): Promise<string> =>
    kubectl.ok(['exec', pod, '--', 'sh', '-c', script]);
  const isReady = (what: string): Promise<true> =>
    until(`${what} to be ready`, async () =>
      (await kubectl.ok(['get', what, '-o', 'jsonpath={.status.readyToUse}'])) === 'true' ? true : undefined,
    );

  beforeAll(async () => {
    holdfast = await startHoldfast(dataDir);
    kubectl = kubectlFor('path' in found ? found.path : '', holdfast.kubeconfig);
    await apply(DISK_CLASS, CLASSES, claim('source'), user('source'));
    await ready('source');
  });

  afterAll(async () => {
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(dataDir);
  });

  test('a restore of a mounted volume’s snapshot, larger, has what was written before and not what came later', async () => {
    await inside('source', 'echo before > /data/file');
    await apply(snapshot('snap', 'source'));
    await isReady('volumesnapshot/snap');
    await inside('source', 'echo after > /data/file; echo more > /data/later');
    await apply(filled('restored', fromSnapshot('snap'), '96Mi'), user('restored'));
    await ready('restored');
    expect(await inside('restored', 'cat /data/file; ls /data')).toBe('before\nfile\nlost+found\n');
    expect(await inside('source', 'cat /data/file')).toBe('after\n');
    const size = Number(await inside('restored', "df -Pm /data | awk 'NR==2 {print $2}'"));
    expect(size).toBeGreaterThan(70);
    const shown = await kubectl.ok(['get', 'volumesnapshot', 'snap', '-o', 'jsonpath={.status.restoreSize}']);
    expect(shown).toBe('64Mi');
  });

  test('a clone of a mounted volume has what it holds now', async () => {
    await apply(filled('clone', '{ kind: PersistentVolumeClaim, name: source }'), user('clone'));
    await ready('clone');
    expect(await inside('clone', 'cat /data/file /data/later')).toBe('after\nmore\n');
  });

  test('a group snapshot has a member for each claim', async () => {
    await kubectl.ok(['label', 'pvc', 'source', 'clone', 'app=db']);
    await apply(`
apiVersion: groupsnapshot.storage.k8s.io/v1
kind: VolumeGroupSnapshot
metadata: { name: both }
spec: { source: { selector: { matchLabels: { app: db } } } }
`);
    await isReady('volumegroupsnapshot/both');
    const members = (await kubectl.ok(['get', 'volumesnapshot', '-o', 'name'])).trim().split('\n');
    expect(members).toHaveLength(3);
    for (const member of members) await isReady(member);
  });

  test('everything goes, sources before their copies and copies before their sources', async () => {
    await kubectl.ok(['delete', 'pod/source', 'pvc/source']);
    await kubectl.ok(['delete', 'volumegroupsnapshot/both']);
    await kubectl.ok(['delete', 'volumesnapshot/snap']);
    await kubectl.ok(['delete', 'pod/restored', 'pod/clone', 'pvc/restored', 'pvc/clone']);
    const kinds = 'pv,volumesnapshot,volumesnapshotcontent,volumegroupsnapshot,volumegroupsnapshotcontent';
    await until('everything to be gone', async () =>
      (await kubectl.ok(['get', kinds, '-o', 'name'])) === '' ? true : undefined,
    );
  });
});
