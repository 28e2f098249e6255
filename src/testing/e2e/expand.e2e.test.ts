// A claim grows while its pod runs, and again while nobody uses it: as `df` in the container sees it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { StorageClass, VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  events,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
} from '#api/resources.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { needsFileSystem } from '../real/programs.ts';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { watchMachine } from './machine.ts';

watchMachine();

const dataDir = newDataDirectory();
const namespace = 'default';
const MIB = 1024 * 1024;
// Without CAP_SYS_RESOURCE (bit 24) the kernel refuses to grow a mounted ext4: it then grows when it is staged next.
const CAPABILITIES = /CapEff:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
const MAY_RESIZE_ONLINE = ((BigInt(`0x${CAPABILITIES}`) >> 24n) & 1n) === 1n;
let holdfast: RunningHoldfast;

beforeAll(async () => {
  holdfast = await startHoldfast(dataDir);
}, 60_000);
afterAll(async () => {
  const { api } = holdfast;
  for (const pod of (await api.list(pods, { namespace })).items) {
    await api.delete(pods, { namespace, name: pod.metadata.name });
  }
  for (const claim of (await api.list(persistentVolumeClaims, { namespace })).items) {
    await api.delete(persistentVolumeClaims, { namespace, name: claim.metadata.name });
  }
  await until('the volumes to go', async () =>
    (await api.list(persistentVolumes)).items.length === 0 ? true : undefined,
  );
  await holdfast.stop();
  await removeDataDirectory(dataDir);
}, 60_000);

/** Writes what `df` says of its volume into the volume, again and again. */
const aPod = (name: string, claimName: string): Pod => ({
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'busybox',
        command: ['sh', '-c', 'while :; do df -k /data | tail -1 > /data/df; sleep 0.2; done'],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
  },
});

const claimOf = (name: string): Promise<Stored<PersistentVolumeClaim>> =>
  holdfast.api.get(persistentVolumeClaims, { namespace, name });

/** The size in the container's own words, in bytes. */
async function dfIn(podName: string): Promise<number> {
  const pod = await holdfast.api.get(pods, { namespace, name: podName });
  const claimName = pod.spec?.volumes?.[0]?.persistentVolumeClaim?.claimName ?? '';
  const { spec } = await until('the volume', async () => {
    const claim = await claimOf(claimName);
    return claim.status?.phase === 'Bound' ? claim : undefined;
  });
  const directory = join(dataDir, 'kubelet/pods', pod.metadata.uid, 'volumes/kubernetes.io~csi');
  const path = join(directory, spec?.volumeName ?? '', 'mount/df');
  return await until('df', () => {
    try {
      const blocks = Number(readFileSync(path, 'utf8').trim().split(/\s+/)[1]);
      return blocks > 0 ? blocks * 1024 : undefined;
    } catch {
      return undefined;
    }
  });
}

const ask = (name: string, storage: string): Promise<unknown> =>
  holdfast.api.patch(
    persistentVolumeClaims,
    { namespace, name },
    { type: 'merge', patch: { spec: { resources: { requests: { storage } } } } },
  );

async function untilStatus(
  name: string,
  what: string,
  holds: (status: NonNullable<PersistentVolumeClaim['status']>) => boolean,
): Promise<NonNullable<PersistentVolumeClaim['status']>> {
  return await until(`${name}: ${what}`, async () => {
    const { status } = await claimOf(name);
    return status !== undefined && holds(status) ? status : undefined;
  });
}

const reasons = async (): Promise<readonly string[]> =>
  (await holdfast.api.list(events, { namespace })).items.flatMap(({ reason }) => reason ?? []);

async function removePod(name: string): Promise<void> {
  const { api } = holdfast;
  await api.delete(pods, { namespace, name });
  await until('the pod to go', async () =>
    (await api.find(pods, { namespace, name })) === undefined ? true : undefined,
  );
}

describe.each(['ext4', 'xfs'])('a volume with %s', (fsType) => {
  beforeEach((context) => needsFileSystem(fsType, context));
  const name = `data-${fsType}`;
  const isOnline = fsType === 'xfs' || MAY_RESIZE_ONLINE;
  // mkfs.xfs wants 300 MiB.
  const [small, large, larger] = fsType === 'xfs' ? ['320Mi', '512Mi', '640Mi'] : ['64Mi', '192Mi', '256Mi'];

  /** What `df` said of the small volume: the file system's own part does not grow as the volume does. */
  let before = 0;
  const enough = (size = ''): number =>
    before + 0.9 * Number(quantityToBytes(size) - quantityToBytes(small ?? ''));

  test('RSZ4 AGT60: grows while its pod runs, and shrinks for nobody', async () => {
    const { api } = holdfast;
    await until('the default namespace', () => api.find(namespaces, { name: namespace }));
    await api.create<StorageClass>(storageClasses, {
      metadata: { name: fsType },
      provisioner: 'disk.holdfast.dev',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
      parameters: { 'csi.storage.k8s.io/fstype': fsType },
    });
    await api.create<PersistentVolumeClaim>(persistentVolumeClaims, {
      metadata: { name, namespace },
      spec: {
        storageClassName: fsType,
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: small ?? '' } },
      },
    });
    await api.create(pods, aPod(name, name));
    before = await dfIn(name);
    expect(before).toBeLessThan(Number(quantityToBytes(small ?? '')));
    const began = performance.now();
    await ask(name, large ?? '');
    if (!isOnline) {
      const refused = await untilStatus(name, 'the refusal', ({ conditions = [] }) =>
        conditions.some(({ type }) => type === 'NodeResizeError'),
      );
      expect(refused.capacity?.storage).toBe(small);
      await removePod(name);
      await api.create(pods, aPod(name, name));
    }
    const status = await untilStatus(name, 'the new capacity', ({ capacity }) => capacity?.storage === large);
    const tookMs = Math.round(performance.now() - began);
    process.stdout.write(`${fsType}: ${isOnline ? 'online' : 'at remount'} after ${tookMs} ms\n`);
    expect(status.allocatedResourceStatuses).toBeUndefined();
    expect(status.conditions).toBeUndefined();
    const wanted = enough(large);
    await until('df to show it', async () => ((await dfIn(name)) > wanted ? true : undefined));
    const { spec } = await claimOf(name);
    const volume = await until('the note of the old capacity to go', async () => {
      const found = await api.get(persistentVolumes, { name: spec?.volumeName ?? '' });
      const note = 'volume.alpha.kubernetes.io/pre-resize-capacity';
      return found.metadata.annotations?.[note] === undefined ? found : undefined;
    });
    expect(volume.spec?.capacity?.storage).toBe(large);
    expect(await reasons()).toEqual(
      expect.arrayContaining(['Resizing', 'FileSystemResizeRequired', 'FileSystemResizeSuccessful']),
    );
    await expect(ask(name, small ?? '')).rejects.toMatchObject({ status: 422 });
  });

  test('RSZ4 AGT60: grows at the next mount when nobody used it', async () => {
    const { api } = holdfast;
    await removePod(name);
    const { spec } = await claimOf(name);
    await until('the detach', async () => {
      const { items } = await api.list(volumeAttachments);
      const isAttached = items.some((a) => a.spec.source.persistentVolumeName === spec?.volumeName);
      return isAttached ? undefined : true;
    });
    await ask(name, larger ?? '');
    const pending = await untilStatus(
      name,
      'to wait for a node',
      (status) => status.allocatedResourceStatuses?.storage === 'NodeResizePending',
    );
    expect(pending.capacity?.storage).toBe(large);
    expect(pending.conditions?.map(({ type }) => type)).toEqual(['FileSystemResizePending']);
    await api.create(pods, aPod(`${name}-2`, name));
    await untilStatus(name, 'the new capacity', ({ capacity }) => capacity?.storage === larger);
    const wanted = enough(larger);
    await until('df to show it', async () => ((await dfIn(`${name}-2`)) > wanted ? true : undefined));
  });

  test('RSZ6 RSZ7: what cannot be had is infeasible, and the user comes back from it', async () => {
    await ask(name, '900Ti');
    const refused = await untilStatus(
      name,
      'infeasible',
      (status) => status.allocatedResourceStatuses?.storage === 'ControllerResizeInfeasible',
    );
    expect(refused.allocatedResources?.storage).toBe('900Ti');
    expect(refused.capacity?.storage).toBe(larger);
    const back = String(quantityToBytes(larger ?? '') + BigInt(16 * MIB));
    await ask(name, back);
    if (!isOnline) {
      await untilStatus(name, 'the node', ({ conditions = [] }) =>
        conditions.some(({ type }) => type === 'NodeResizeError'),
      );
      await removePod(`${name}-2`);
      await holdfast.api.create(pods, aPod(`${name}-2`, name));
    }
    const status = await untilStatus(
      name,
      'the smaller size',
      ({ capacity }) => quantityToBytes(capacity?.storage ?? '0') === BigInt(back),
    );
    expect(status.conditions).toBeUndefined();
    expect(quantityToBytes(status.allocatedResources?.storage ?? '0')).toBe(BigInt(back));
  });

  test('RSZ22 RSZ23 DSK81: a class of attributes reaches the device of the running volume', async () => {
    const { api } = holdfast;
    const className = `ahead-${fsType}`;
    await api.create<VolumeAttributesClass>(volumeAttributesClasses, {
      metadata: { name: className },
      driverName: 'disk.holdfast.dev',
      parameters: { readAheadKiB: '764' },
    });
    const choose = (volumeAttributesClassName: string): Promise<unknown> =>
      api.patch(
        persistentVolumeClaims,
        { namespace, name },
        { type: 'merge', patch: { spec: { volumeAttributesClassName } } },
      );
    await choose(className);
    await untilStatus(name, 'the class', (status) => status.currentVolumeAttributesClassName === className);
    const { spec, status } = await claimOf(name);
    expect(status?.modifyVolumeStatus).toBeUndefined();
    const volumeName = spec?.volumeName ?? '';
    const volume = await api.get(persistentVolumes, { name: volumeName });
    expect(volume.spec?.volumeAttributesClassName).toBe(className);
    const mounted = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .find((line) => line.includes(`/${volumeName}/mount `));
    const loop = /^\/dev\/(loop\d+) /.exec(mounted ?? '')?.[1] ?? 'none';
    expect(readFileSync(`/sys/block/${loop}/queue/read_ahead_kb`, 'utf8').trim()).toBe('764');
    await choose('missing');
    await untilStatus(name, 'pending', ({ modifyVolumeStatus }) => modifyVolumeStatus?.status === 'Pending');
    await choose(className);
    await untilStatus(name, 'the way back', ({ modifyVolumeStatus }) => modifyVolumeStatus === undefined);
  });
});
