// The states of a claim and its volume as users meet them (create, delete either first, make again, clear claimRef,
// backend away, recycle), and a provisioner that is neither CSI nor ours: real server, binding and protection.
import { afterEach, expect, test } from 'vitest';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import { PROVISIONED_BY, STORAGE_PROVISIONER } from '#rules/well-known.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { bindingLoop } from './connect.ts';

const NAS = 'nas.example/exports';
const CLAIM = { namespace: 'default', name: 'data' };
const stop = { now: new AbortController(), done: Promise.resolve() };

afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

async function startCluster(more: (deps: LoopDeps) => readonly Service[] = () => []) {
  const cluster = await testServer();
  const { clock } = cluster;
  stop.now = new AbortController();
  const user = inProcessClient(cluster.server.handler, 'user');
  const api = inProcessClient(cluster.server.handler, 'loops');
  const base = { api, clock, random: seededRandom(1), log: silentLog };
  const informers = createInformerSource(base);
  const told: string[] = [];
  const events = { record: (_about: unknown, { reason }: { reason: string }) => void told.push(reason) };
  const deps: LoopDeps = { ...base, informers, events };
  const services = [bindingLoop(deps), protectionLoop(deps), ...more(deps)];
  const running = [...services.map((one) => one.run(stop.now.signal)), informers.run(stop.now.signal)];
  stop.done = Promise.all(running).then(() => undefined);
  const settle = () => clock.advance(2000);
  const createClaim = (storageClassName = 'hand') =>
    user.create(persistentVolumeClaims, {
      metadata: CLAIM,
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName },
    });
  const createVolume = (spec: PersistentVolume['spec'] = {}) =>
    user.create(persistentVolumes, {
      metadata: { name: 'pv' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        storageClassName: 'hand',
        persistentVolumeReclaimPolicy: 'Retain',
        csi: { driver: 'd', volumeHandle: 'h' },
        ...spec,
      },
    });
  /** `volume phase / claim phase`, `-` for what does not exist. */
  const states = async (): Promise<string> => {
    await settle();
    const volume = await user.find(persistentVolumes, { name: 'pv' });
    const claim = await user.find(persistentVolumeClaims, CLAIM);
    const leaving = volume?.metadata.deletionTimestamp === undefined ? '' : ' (Terminating)';
    return `${volume?.status?.phase ?? '-'}${leaving} / ${claim?.status?.phase ?? '-'}`;
  };
  return { clock, user, told, settle, createClaim, createVolume, states };
}

test('BND50 BND12 BND41 BND43 BND52: the table of states, volume first', async () => {
  const { user, createClaim, createVolume, states } = await startCluster();
  await createVolume();
  expect(await states()).toBe('Available / -');
  await createClaim();
  expect(await states()).toBe('Bound / Bound');

  await user.delete(persistentVolumes, { name: 'pv' });
  expect(await states()).toBe('Bound (Terminating) / Bound');
  const kept = await user.get(persistentVolumes, { name: 'pv' });
  await user.update(persistentVolumes, { ...kept, metadata: { ...kept.metadata, finalizers: [] } });
  expect(await states()).toBe('- / Lost');

  await createVolume({ claimRef: kept.spec?.claimRef });
  expect(await states()).toBe('Bound / Bound');

  await user.delete(persistentVolumeClaims, CLAIM);
  expect(await states()).toBe('Released / -');
  await createClaim();
  expect(await states()).toBe('Released / Pending');
  await user.patch(persistentVolumes, { name: 'pv' }, { type: 'merge', patch: { spec: { claimRef: null } } });
  expect(await states()).toBe('Bound / Bound');
});

test('BND12 BND45: claim first; a Lost claim takes no other volume', async () => {
  const { user, createClaim, createVolume, states } = await startCluster();
  await createClaim();
  expect(await states()).toBe('- / Pending');
  await createVolume();
  expect(await states()).toBe('Bound / Bound');
  const bound = await user.get(persistentVolumes, { name: 'pv' });
  await user.delete(persistentVolumes, { name: 'pv' });
  await user.patch(
    persistentVolumes,
    { name: 'pv' },
    { type: 'merge', patch: { metadata: { finalizers: null } } },
  );
  expect(await states()).toBe('- / Lost');
  await user.create(persistentVolumes, {
    metadata: { name: 'other' },
    spec: { ...bound.spec, claimRef: undefined, csi: { driver: 'd', volumeHandle: 'h2' } },
  });
  expect(await states()).toBe('- / Lost');
  expect((await user.get(persistentVolumes, { name: 'other' })).status?.phase).toBe('Available');
});

test('BND61 BND62: what nobody can delete is Failed, what a driver deletes stays Released; the policy may change', async () => {
  const { user, told, createClaim, createVolume, states } = await startCluster();
  const source = { csi: undefined, nfs: { server: 'nas', path: '/' } };
  await createVolume({ ...source, persistentVolumeReclaimPolicy: 'Delete' });
  await createClaim();
  await states();
  await user.delete(persistentVolumeClaims, CLAIM);
  expect(await states()).toBe('Failed / -');
  expect(told).toContain('VolumeFailedDelete');
  const policy = (persistentVolumeReclaimPolicy: string) =>
    user.patch(
      persistentVolumes,
      { name: 'pv' },
      { type: 'merge', patch: { spec: { persistentVolumeReclaimPolicy } } },
    );
  await policy('Retain');
  expect(await states()).toBe('Failed / -');
  const mark = { metadata: { annotations: { [PROVISIONED_BY]: 'd' } } };
  await user.patch(persistentVolumes, { name: 'pv' }, { type: 'merge', patch: mark });
  await user.patch(persistentVolumes, { name: 'pv' }, { type: 'merge', patch: { spec: { claimRef: null } } });
  expect(await states()).toBe('Available / -');
  await createClaim();
  await policy('Delete');
  await states();
  await user.delete(persistentVolumeClaims, CLAIM);
  expect(await states()).toBe('Released / -');
});

test('BND64: a recycled volume is emptied by a pod and offered again', async () => {
  const { user, told, settle, createClaim, createVolume, states } = await startCluster();
  const source = { csi: undefined, hostPath: { path: '/exports/a' } };
  await createVolume({ ...source, persistentVolumeReclaimPolicy: 'Recycle' });
  await createClaim();
  expect(await states()).toBe('Bound / Bound');
  await user.delete(persistentVolumeClaims, CLAIM);
  expect(await states()).toBe('Released / -');
  const name = { namespace: 'holdfast-system', name: 'recycler-for-pv' };
  const pod = await user.get(pods, name);
  expect(pod.spec?.volumes?.[0]).toMatchObject({ hostPath: { path: '/exports/a' } });
  await user.updateStatus(pods, { ...pod, status: { phase: 'Succeeded' } });
  expect(await states()).toBe('Available / -');
  await settle();
  expect(await user.find(pods, name)).toBeUndefined();
  expect(told).toContain('VolumeRecycled');
});

/** As small as an external provisioner can be: it knows annotations and nothing of us. */
function nasProvisioner({ api, informers, ...deps }: LoopDeps): Service {
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  return runLoop(
    { api, informers, ...deps },
    {
      name: 'nas',
      concurrency: 1,
      reconcile: async (key, signal) => {
        const claim = claims.get(key);
        if (claim !== undefined && claim.metadata.annotations?.[STORAGE_PROVISIONER] === NAS) {
          const name = `nas-${claim.metadata.uid}`;
          if (volumes.get(name) !== undefined) return { kind: 'settled' };
          await api.create(persistentVolumes, {
            metadata: { name, annotations: { [PROVISIONED_BY]: NAS } },
            spec: {
              accessModes: claim.spec?.accessModes,
              capacity: { storage: '1Gi' },
              storageClassName: claim.spec?.storageClassName,
              persistentVolumeReclaimPolicy: 'Delete',
              claimRef: {
                namespace: claim.metadata.namespace,
                name: claim.metadata.name,
                uid: claim.metadata.uid,
              },
              nfs: { server: 'nas', path: `/${name}` },
            },
          });
        }
        const volume = volumes.get(key);
        const isOurs = volume?.metadata.annotations?.[PROVISIONED_BY] === NAS;
        if (isOurs && volume.status?.phase === 'Released')
          await api.delete(persistentVolumes, { name: key }, {}, signal);
        return { kind: 'settled' };
      },
      connect: (enqueue) => [
        claims.subscribe(({ object }) =>
          enqueue(`${object.metadata.namespace ?? ''}/${object.metadata.name}`),
        ),
        volumes.subscribe(({ object }) => enqueue(object.metadata.name)),
      ],
    },
  );
}

test('BND17 BND61: a provisioner that is not CSI serves a claim from its request to its end', async () => {
  const { user, told, createClaim, states } = await startCluster((deps) => [nasProvisioner(deps)]);
  await user.create(storageClasses, { metadata: { name: 'nas' }, provisioner: NAS });
  await createClaim('nas');
  expect(await states()).toBe('- / Bound');
  const claim = await user.get(persistentVolumeClaims, CLAIM);
  expect(claim.metadata.annotations).toMatchObject({
    [STORAGE_PROVISIONER]: NAS,
    'volume.beta.kubernetes.io/storage-provisioner': NAS,
  });
  expect(told).toContain('ExternalProvisioning');
  await user.delete(persistentVolumeClaims, CLAIM);
  await states();
  expect((await user.list(persistentVolumes)).items).toEqual([]);
});
