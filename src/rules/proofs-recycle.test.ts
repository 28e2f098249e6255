import { expect, test } from 'vitest';
import type { PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { proveRecyclable } from './proofs-recycle.ts';

const aVolume = (
  spec: PersistentVolume['spec'] = {},
  phase: 'Released' | 'Bound' = 'Released',
): PersistentVolume => ({
  metadata: { name: 'pv' },
  spec: {
    persistentVolumeReclaimPolicy: 'Recycle',
    hostPath: { path: '/d' },
    claimRef: { namespace: 'shop', name: 'data', uid: 'u' },
    ...spec,
  },
  status: { phase },
});
const aPod = (phase: 'Running' | 'Succeeded'): Pod => ({
  metadata: { namespace: 'shop', name: 'web' },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  status: { phase },
});
type Api = ReturnType<typeof scriptedApi>;
const claim = (uid: string) => (api: Api) =>
  api.seed(persistentVolumeClaims, { metadata: { namespace: 'shop', name: 'data', uid } });

test.each([
  { when: 'nobody owns or uses it', volume: aVolume(), kind: 'proven' },
  { when: 'a new claim has the name', volume: aVolume(), seed: claim('new'), kind: 'proven' },
  { when: 'its claim exists', volume: aVolume(), seed: claim('u'), kind: 'refused' },
  {
    when: 'a pod uses its claim',
    volume: aVolume(),
    seed: (api: Api) => api.seed(pods, aPod('Running')),
    kind: 'refused',
  },
  {
    when: 'that pod has ended',
    volume: aVolume(),
    seed: (api: Api) => api.seed(pods, aPod('Succeeded')),
    kind: 'proven',
  },
  { when: 'it is Bound', volume: aVolume({}, 'Bound'), kind: 'refused' },
  {
    when: 'its policy is Retain',
    volume: aVolume({ persistentVolumeReclaimPolicy: 'Retain' }),
    kind: 'refused',
  },
])('RUL117: $kind when $when', async ({ volume, seed, kind }) => {
  const api = scriptedApi();
  api.seed(persistentVolumes, volume);
  seed?.(api);
  expect((await proveRecyclable(api, 'pv')).kind).toBe(kind);
});
