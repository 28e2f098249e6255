import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { reconcileClaim } from './reconcile.ts';

const NAME = { namespace: 'ns', name: 'c' };
const CSI: PersistentVolume['spec'] = { csi: { driver: 'd.example', volumeHandle: 'h' } };

function world(status: PersistentVolumeClaim['status'], source: PersistentVolume['spec'] = CSI) {
  const api = scriptedApi();
  const told: { readonly type: string; readonly reason: string; readonly message: string }[] = [];
  const deps = {
    events: { record: (_about: object, event: (typeof told)[number]) => void told.push(event) },
    claims: api.informers.informer(persistentVolumeClaims),
    volumes: api.informers.informer(persistentVolumes),
    told: new Map<string, string>(),
  };
  const claim = api.seed<PersistentVolumeClaim>(persistentVolumeClaims, {
    metadata: NAME,
    spec: { volumeName: 'pv', resources: { requests: { storage: '2Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, ...status },
  });
  api.seed<PersistentVolume>(persistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      capacity: { storage: '1Gi' },
      claimRef: { ...NAME, uid: claim.metadata.uid },
      ...source,
    },
  });
  return { api, told, claim, pass: () => reconcileClaim(deps, 'ns/c') };
}

test.each([
  ['it is large enough', { capacity: { storage: '2Gi' } }],
  ['it is not bound', { phase: 'Pending' as const }],
  ['growing is under way', { allocatedResourceStatuses: { storage: 'NodeResizePending' } }],
  ['it has no size yet', { capacity: {} }],
])('EXP1: nothing is told when %s', async (_when, status) => {
  const { told, pass } = world(status);
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(told).toEqual([]);
});

test('EXP2 EXP4: a CSI volume is its resizer’s, told once for each request, and nothing is written', async () => {
  const { api, told, claim, pass } = world({});
  await pass();
  await pass();
  expect(told).toEqual([
    { type: 'Normal', reason: 'ExternalExpanding', message: expect.stringContaining('"d.example"') },
  ]);
  api.seed(persistentVolumeClaims, {
    ...claim,
    spec: { ...claim.spec, resources: { requests: { storage: '3Gi' } } },
  });
  await pass();
  expect(told).toHaveLength(2);
  expect(api.writes).toEqual([]);
});

test('EXP3: a volume that nothing can grow says so, with what would', async () => {
  const { told, pass } = world({}, { hostPath: { path: '/data' } });
  await pass();
  expect(told[0]).toMatchObject({ type: 'Warning', message: expect.stringContaining('type "hostPath"') });
});
