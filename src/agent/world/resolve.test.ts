// References followed through a real API server in memory.
import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { ADMIN, testServer } from '#testing/api-server.ts';
import { nodePaths } from '../paths.ts';
import { type Resolution, resolveVolumes } from './resolve.ts';

const paths = nodePaths('/k');

function aPod(volume: Volume, use: 'mount' | 'device' | 'none' = 'mount'): Stored<Pod> {
  const name = volume.name;
  return {
    metadata: { namespace: 'default', name: 'p', uid: 'uid', resourceVersion: '1', creationTimestamp: '' },
    spec: {
      containers: [
        {
          name: 'c',
          volumeMounts: use === 'mount' ? [{ name, mountPath: '/v' }] : [],
          volumeDevices: use === 'device' ? [{ name, devicePath: '/dev/v' }] : [],
        },
      ],
      volumes: [volume],
    },
  };
}
const claimed = { name: 'v', persistentVolumeClaim: { claimName: 'data' } };

/** A claim and a volume that say they are bound; `uid` is the claim's in the volume. */
async function bound(
  options: { readonly uid?: string; readonly phase?: 'Pending' } = {},
): Promise<ApiClient> {
  const { server } = await testServer();
  const api = createApiClient(server.handler, ADMIN);
  const spec = {
    accessModes: ['ReadWriteOnce' as const],
    resources: { requests: { storage: '1Gi' } },
    volumeName: 'pv',
    storageClassName: '',
  };
  const claim = await api.create<PersistentVolumeClaim>(persistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'data' },
    spec,
  });
  await api.create(persistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: 'd', volumeHandle: 'h' },
      claimRef: { namespace: 'default', name: 'data', uid: options.uid ?? claim.metadata.uid },
    },
  });
  await api.updateStatus(persistentVolumeClaims, { ...claim, status: { phase: options.phase ?? 'Bound' } });
  return api;
}

const resolve = (api: ApiClient, pod: Stored<Pod>, isNew = true): Promise<Resolution> =>
  resolveVolumes({ api, paths }, pod, isNew);

test('AGT17: a bound claim becomes its CSI volume', async () => {
  const { mounts, unresolved } = await resolve(await bound(), aPod(claimed));
  expect(unresolved).toEqual([]);
  expect(mounts[0]).toMatchObject({ key: 'uid/csi/pv', target: paths.csiTarget('uid', 'pv') });
  expect(mounts[0]?.source).toMatchObject({ driver: 'd', handle: 'h', needsAttach: true });
});

test('AGT17: a claim made anew does not get the old volume', async () => {
  const { unresolved } = await resolve(await bound({ uid: 'old' }), aPod(claimed));
  expect(unresolved[0]?.because).toContain('bound to another claim');
});

test('AGT17: a pending claim is waited for', async () => {
  const { unresolved } = await resolve(await bound({ phase: 'Pending' }), aPod(claimed));
  expect(unresolved[0]?.because).toContain('is not bound');
});

test('AGT18: a claim that is being deleted is refused to a new pod and kept for an old one', async () => {
  const api = await bound();
  await api.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' });
  expect((await resolve(api, aPod(claimed))).unresolved[0]?.because).toContain('being deleted');
  expect((await resolve(api, aPod(claimed), false)).mounts).toHaveLength(1);
});

test('AGT18: a file system is no device', async () => {
  const { unresolved } = await resolve(await bound(), aPod(claimed, 'device'));
  expect(unresolved[0]?.because).toContain('volumeMounts is needed');
});

test('AGT18: an unused volume is not set up, an unknown type says what is served', async () => {
  const api = await bound();
  expect(await resolve(api, aPod(claimed, 'none'))).toEqual({ mounts: [], unresolved: [] });
  const { unresolved } = await resolve(api, aPod({ name: 'v', gitRepo: { repository: 'x' } }));
  expect(unresolved[0]?.because).toContain('gitRepo');
});
