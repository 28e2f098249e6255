import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { ephemeralLoop } from './connect.ts';
import { ephemeralReconcile } from './reconcile.ts';

const namespace = 'shop';
const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const aPod = (metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { namespace, name: 'web', ...metadata },
  spec: { containers: [], volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }] },
});
const aClaim = (uid: string, metadata: object = {}): PersistentVolumeClaim => ({
  metadata: {
    namespace,
    name: 'web-scratch',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid, controller: true }],
    ...metadata,
  },
  spec,
});

function setUp() {
  const api = scriptedApi();
  const said: string[] = [];
  const clock = virtualClock();
  const { informers } = api;
  const events = {
    record: (_about: unknown, { reason, message }: { reason: string; message: string }) =>
      said.push(`${reason} ${message}`),
  };
  const deps = { api, informers, clock, random: seededRandom(1), log: silentLog, events };
  const caches = { pods: informers.informer(pods), claims: informers.informer(persistentVolumeClaims) };
  const reconcile = ephemeralReconcile(deps, caches);
  const pass = (key: string) => reconcile(key, new AbortController().signal);
  const short = () => api.writes.map(({ verb, key }) => `${verb} ${key}`);
  return { api, deps, clock, said, pass, short };
}

const POD = 'pods/shop/web';
const CLAIM = 'claims/shop/web-scratch';

test('EPH1: makes the claim once (EPH10)', async () => {
  const { api, pass, short } = setUp();
  const { uid } = api.seed(pods, aPod()).metadata;
  expect(await pass(POD)).toMatchObject({ kind: 'progressed' });
  expect(await pass(POD)).toEqual({ kind: 'settled' });
  expect(short()).toEqual(['create shop/web-scratch']);
  const claim = api.peek(persistentVolumeClaims, { namespace, name: 'web-scratch' });
  expect(claim?.metadata.ownerReferences).toMatchObject([
    { uid, controller: true, blockOwnerDeletion: true },
  ]);
  expect(await pass(CLAIM)).toEqual({ kind: 'settled' });
});

test('EPH4: a foreign claim is named once and never touched', async () => {
  const { api, pass, short, said } = setUp();
  api.seed(pods, aPod());
  api.seed(persistentVolumeClaims, aClaim('', { ownerReferences: [] }));
  expect(await pass(POD)).toEqual({ kind: 'settled' });
  expect(await pass(POD)).toEqual({ kind: 'settled' });
  expect(short()).toEqual([]);
  expect(said).toEqual([
    'FailedBinding ephemeral volume scratch: PVC shop/web-scratch was not created for pod shop/web ' +
      '(pod is not owner); delete that claim or rename the pod',
  ]);
  api.drop(persistentVolumeClaims, { namespace, name: 'web-scratch' });
  await pass(POD);
  expect(short()).toEqual(['create shop/web-scratch']);
});

test('EPH6: deletes the claim of a pod that is gone, by what was looked at (EPH7)', async () => {
  const { api, pass } = setUp();
  const { uid, resourceVersion } = api.seed(persistentVolumeClaims, aClaim('uid-gone')).metadata;
  expect(await pass(CLAIM)).toEqual({ kind: 'settled' });
  expect(api.writes).toMatchObject([{ verb: 'delete', body: { preconditions: { uid, resourceVersion } } }]);
  expect(await pass(CLAIM)).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test('EPH6: a pod that only the cache lacks keeps its claim', async () => {
  const { api, pass, short } = setUp();
  api.freeze(true);
  const { uid } = api.seed(pods, aPod()).metadata;
  api.freeze(false);
  api.drop(pods, { namespace, name: 'web' });
  api.seed(persistentVolumeClaims, aClaim(uid));
  api.freeze(true);
  api.seed(pods, aPod({ uid }));
  expect(await pass(CLAIM)).toMatchObject({ kind: 'blocked' });
  expect(short()).toEqual([]);
});

test.each([
  { when: 'the claim changed meanwhile', verb: 'delete' as const, status: 409, reason: 'Conflict' },
  { when: 'the answer of the delete is lost', verb: 'delete' as const, status: 0, reason: 'Unknown' },
  { when: 'the pod cannot be read', verb: 'get' as const, status: 503, reason: 'ServiceUnavailable' },
])('EPH10: the next pass carries on when $when', async ({ verb, status, reason }) => {
  const { api, pass } = setUp();
  api.seed(persistentVolumeClaims, aClaim('uid-gone'));
  const plural = verb === 'get' ? 'pods' : 'persistentvolumeclaims';
  api.fail({ verb, plural, status, reason, isAnswerLost: status === 0 });
  expect(await pass(CLAIM)).toMatchObject({ kind: 'failed' });
  expect(await pass(CLAIM)).toEqual({ kind: 'settled' });
  expect(api.peek(persistentVolumeClaims, { namespace, name: 'web-scratch' })).toBeUndefined();
});

test('EPH10: a claim whose creation was not answered is found', async () => {
  const { api, pass } = setUp();
  api.seed(pods, aPod());
  api.fail({
    verb: 'create',
    plural: 'persistentvolumeclaims',
    status: 0,
    reason: 'Unknown',
    isAnswerLost: true,
  });
  expect(await pass(POD)).toMatchObject({ kind: 'failed' });
  expect(await pass(POD)).toEqual({ kind: 'settled' });
});

test('EPH6: the end of a pod ends its claim, and a new pod of that name gets a new one (EPH4)', async () => {
  const { api, deps, clock, short } = setUp();
  const stop = new AbortController();
  const running = ephemeralLoop(deps).run(stop.signal);
  api.seed(pods, aPod());
  await clock.advance(100);
  api.drop(pods, { namespace, name: 'web' });
  api.seed(pods, aPod());
  await clock.advance(5000);
  expect(short()).toEqual(['create shop/web-scratch', 'delete shop/web-scratch', 'create shop/web-scratch']);
  stop.abort();
  await running;
});
