// References followed through a real API server in memory.
import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, csiDrivers, persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { sha256Hex } from '#base/sha256.ts';
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

async function emptyApi(): Promise<ApiClient> {
  const { server } = await testServer();
  return createApiClient(server.handler, ADMIN);
}

/** The texts of a volume's files; a volume that is not resolved gives its reason. */
async function filesOf(api: ApiClient, volume: Volume, pod = aPod(volume)): Promise<unknown> {
  const { mounts, unresolved } = await resolve(api, pod);
  const source = mounts[0]?.source;
  if (source === undefined || !('payload' in source)) return unresolved[0]?.because;
  const texts = [...source.payload].map(([path, { bytes, mode }]) => [
    path,
    [Buffer.from(bytes).toString(), mode],
  ]);
  return Object.fromEntries(texts);
}

test('AGT71: a pod reads its own fields and resources', async () => {
  const fieldRef = (fieldPath: string) => ({ fieldRef: { fieldPath } });
  const items = [
    { path: 'labels', ...fieldRef('metadata.labels') },
    { path: 'one', mode: 0o400, ...fieldRef("metadata.labels['b']") },
    { path: 'd/uid', ...fieldRef('metadata.uid') },
    { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } },
  ];
  const volume = { name: 'v', downwardAPI: { items, defaultMode: 0o640 } };
  const plain = aPod(volume);
  const containers = plain.spec?.containers.map((one) => ({ ...one, resources: { limits: { cpu: '2' } } }));
  const pod = {
    ...plain,
    metadata: { ...plain.metadata, labels: { b: 'two "words"', a: '1' } },
    spec: { ...plain.spec, containers: containers ?? [] },
  };
  expect(await filesOf(await emptyApi(), volume, pod)).toEqual({
    labels: ['a="1"\nb="two \\"words\\""', 0o640],
    one: ['two "words"', 0o400],
    'd/uid': ['uid', 0o640],
    cpu: ['2000', 0o640],
  });
  const wrong = { name: 'v', downwardAPI: { items: [{ path: 'x', ...fieldRef('spec.none') }] } };
  expect(await filesOf(await emptyApi(), wrong)).toContain('unsupported fieldPath');
});

test('AGT72: a projected volume joins its sources, and its version follows them', async () => {
  const api = await emptyApi();
  const map = await api.create(configMaps, {
    metadata: { namespace: 'default', name: 'm' },
    data: { k: 'v' },
  });
  const sources = [
    { configMap: { name: 'm', items: [{ key: 'k', path: 'sub/k' }] } },
    { secret: { name: 'none', optional: true } },
    { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  ];
  const volume = { name: 'v', projected: { sources, defaultMode: 0o600 } };
  expect(await filesOf(api, volume)).toEqual({ 'sub/k': ['v', 0o600], name: ['p', 0o600] });
  const [before] = (await resolve(api, aPod(volume))).mounts;
  await api.update(configMaps, { ...map, data: { k: 'other' } });
  const [after] = (await resolve(api, aPod(volume))).mounts;
  expect(before?.version).not.toBe(after?.version);
  const token = { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
  expect(await filesOf(api, token)).toContain('projects a service account token');
});

test('AGT73: an inline volume needs a driver that lists Ephemeral', async () => {
  const api = await emptyApi();
  const volume = { name: 'v', csi: { driver: 'd', volumeAttributes: { a: 'b' }, readOnly: true } };
  const because = async () => (await resolve(api, aPod(volume))).unresolved[0]?.because;
  expect(await because()).toBe('volume mode "Ephemeral" not supported by driver d (no CSIDriver object)');
  const driver = await api.create(csiDrivers, { metadata: { name: 'd' }, spec: {} });
  expect(await because()).toContain('only supports ["Persistent"]');
  await api.delete(csiDrivers, { name: 'd' });
  const spec = { ...driver.spec, volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true };
  await api.create(csiDrivers, { metadata: { name: 'd' }, spec });
  const { mounts } = await resolve(api, aPod(volume));
  expect(mounts[0]?.target).toBe('/k/pods/uid/volumes/kubernetes.io~csi/v/mount');
  expect(mounts[0]?.source).toMatchObject({
    lifecycle: 'Ephemeral',
    // sha256 of the pod's UID and the volume's name.
    handle: `csi-${sha256Hex('uidv')}`,
    needsAttach: false,
    readOnly: true,
    volumeAttributes: { a: 'b' },
  });
});

test('AGT73: a driver for inline volumes only serves no claims', async () => {
  const api = await bound();
  await api.create(csiDrivers, { metadata: { name: 'd' }, spec: { volumeLifecycleModes: ['Ephemeral'] } });
  const { unresolved } = await resolve(api, aPod(claimed));
  expect(unresolved[0]?.because).toContain('volume mode "Persistent" not supported by driver d');
});

test('AGT74: an ephemeral claim of somebody else is refused', async () => {
  const api = await bound();
  const spec = { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } };
  await api.create(persistentVolumeClaims, { metadata: { namespace: 'default', name: 'p-v' }, spec });
  const volume = { name: 'v', ephemeral: { volumeClaimTemplate: { spec } } };
  const { unresolved } = await resolve(api, aPod(volume));
  expect(unresolved[0]?.because).toBe('Claim "default/p-v" was not created for pod "p" (pod is not owner)');
});

test('AGT87: a driver that asks for tokens is refused by name', async () => {
  const api = await bound();
  await api.create(csiDrivers, { metadata: { name: 'd' }, spec: { tokenRequests: [{ audience: 'a' }] } });
  const { unresolved } = await resolve(api, aPod(claimed));
  expect(unresolved[0]?.because).toContain('driver d asks for service account tokens');
});
