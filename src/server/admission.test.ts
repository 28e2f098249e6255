import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { type TestServer, testServer } from '#testing/api-server.ts';

const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';
const CLASSES = '/apis/storage.k8s.io/v1/storageclasses';

function storageClass(name: string, isDefault: boolean, more: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) },
    },
    provisioner: 'disk.holdfast.dev',
    ...more,
  };
}

function claim(name: string, spec: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  };
}

async function classOf({ call }: TestServer, body: JsonObject): Promise<unknown> {
  const { json } = await call('POST', CLAIMS, body);
  return (json.spec as JsonObject).storageClassName;
}

describe('admission', () => {
  test('SRV26: the newest default class is given to a claim without one', async () => {
    const world = await testServer();
    expect(await classOf(world, claim('none-there'))).toBeUndefined();
    await world.call('POST', CLASSES, storageClass('b', true));
    await world.call('POST', CLASSES, storageClass('a', true));
    expect(await classOf(world, claim('first-by-name'))).toBe('a');
    await world.clock.advance(1_000);
    await world.call('POST', CLASSES, storageClass('z', true));
    await world.call('POST', CLASSES, storageClass('zz', false));
    expect(await classOf(world, claim('newest'))).toBe('z');
    expect(await classOf(world, claim('empty', { storageClassName: '' }))).toBe('');
    expect(await classOf(world, claim('named', { storageClassName: 'b' }))).toBe('b');
  });

  test('SRV27: claims and volumes are protected from birth', async () => {
    const { call } = await testServer();
    const made = (await call('POST', CLAIMS, claim('c'))).json;
    expect(made.metadata).toMatchObject({ finalizers: ['kubernetes.io/pvc-protection'] });
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'v', finalizers: ['example.com/mine'] },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        csi: { driver: 'disk.holdfast.dev', volumeHandle: 'h' },
      },
    };
    const { metadata } = (await call('POST', '/api/v1/persistentvolumes', volume)).json;
    expect(metadata).toMatchObject({ finalizers: ['example.com/mine', 'kubernetes.io/pv-protection'] });
  });

  test('SRV28: a pod has a service account and a priority', async () => {
    const { call } = await testServer();
    const pod = (name: string, spec: JsonObject): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    });
    const pods = '/api/v1/namespaces/default/pods';
    expect((await call('POST', pods, pod('a', {}))).json.spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
    });
    const critical = pod('b', { priorityClassName: 'system-node-critical' });
    expect((await call('POST', pods, critical)).json.spec).toMatchObject({ priority: 2_000_001_000 });
    expect((await call('POST', pods, pod('c', { priorityClassName: 'unknown' }))).status).toBe(403);
  });

  test('SRV29: expansion needs a bound claim and a class that allows it', async () => {
    const { call } = await testServer();
    await call('POST', CLASSES, storageClass('fixed', false));
    await call('POST', CLASSES, storageClass('grows', false, { allowVolumeExpansion: true }));
    const grow = async (name: string, className: string, bound: boolean) => {
      await call('POST', CLAIMS, claim(name, { storageClassName: className, volumeName: 'v' }));
      if (bound)
        await call('PATCH', `${CLAIMS}/${name}/status`, {
          status: { phase: 'Bound', capacity: { storage: '1Gi' } },
        });
      const request = { spec: { resources: { requests: { storage: '2Gi' } } } };
      return (await call('PATCH', `${CLAIMS}/${name}`, request)).status;
    };
    expect(await grow('a', 'fixed', true)).toBe(403);
    expect(await grow('b', 'grows', false)).toBe(403);
    expect(await grow('c', 'grows', true)).toBe(200);
  });
});
