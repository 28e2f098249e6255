import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, pods } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { DEFAULT_GATES } from '#rules/feature-gates.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { unusedLoop } from './connect.ts';
import { decideUnused } from './decide.ts';
import { podIndexes, unusedReconcile } from './reconcile.ts';

const NAME = { namespace: 'shop', name: 'data' };
const gates = { ...DEFAULT_GATES, PersistentVolumeClaimUnusedSinceTime: true };
const other = { type: 'Resizing', status: 'True' };

const aClaim = (status?: string, deletionTimestamp?: string): PersistentVolumeClaim => ({
  metadata: { ...NAME, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp, finalizers: ['x'] }) },
  spec: {},
  status: {
    phase: 'Bound',
    conditions: [
      other,
      ...(status === undefined
        ? []
        : [{ type: 'Unused', status, lastTransitionTime: '2020-01-01T00:00:00Z' }]),
    ],
  },
});
const aPod = (phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'): Pod => ({
  metadata: { namespace: 'shop', name: 'web' },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  status: { phase },
});

test.each([
  { rule: 'UNU1', when: 'nobody uses it', claim: aClaim(), isUsed: false, says: 'True NoPodsUsingPVC' },
  { rule: 'UNU2', when: 'a pod uses it', claim: aClaim(), isUsed: true, says: 'False PodUsingPVC' },
  {
    rule: 'UNU1',
    when: 'its last pod has gone',
    claim: aClaim('False'),
    isUsed: false,
    says: 'True NoPodsUsingPVC',
  },
  {
    rule: 'UNU2',
    when: 'its first pod has come',
    claim: aClaim('True'),
    isUsed: true,
    says: 'False PodUsingPVC',
  },
  { rule: 'UNU3', when: 'it says so already', claim: aClaim('True'), isUsed: false, says: undefined },
  {
    rule: 'UNU3',
    when: 'it says already that it is used',
    claim: aClaim('False'),
    isUsed: true,
    says: undefined,
  },
  {
    rule: 'UNU5',
    when: 'it is being deleted',
    claim: aClaim('False', 'now'),
    isUsed: false,
    says: undefined,
  },
])('$rule: a claim says $says when $when', ({ claim, isUsed, says }) => {
  const step = decideUnused({ claim, isUsed }, 0);
  const said = step.kind === 'say' ? step.conditions.find(({ type }) => type === 'Unused') : undefined;
  expect(said === undefined ? undefined : `${said.status} ${said.reason}`).toBe(says);
  if (step.kind === 'say') {
    expect(step.conditions[0]).toEqual(other);
    expect(said?.lastTransitionTime).toBe('1970-01-01T00:00:00Z');
  }
});

function world() {
  const api = scriptedApi();
  const { informers } = api;
  const clock = virtualClock();
  const deps = {
    api,
    informers,
    clock,
    random: seededRandom(1),
    log: silentLog,
    events: { record: () => undefined },
  };
  const said = (): string | undefined =>
    api.peek(persistentVolumeClaims, NAME)?.status?.conditions?.find(({ type }) => type === 'Unused')?.status;
  return { api, deps, clock, said };
}

test.each([
  { phase: 'Pending', status: 'False' },
  { phase: 'Running', status: 'False' },
  { phase: 'Succeeded', status: 'True' },
  { phase: 'Failed', status: 'True' },
] as const)('UNU2: a $phase pod makes it $status, and it follows (UNU7)', async ({ phase, status }) => {
  const { api, deps, clock, said } = world();
  const stop = new AbortController();
  api.seed(persistentVolumeClaims, aClaim());
  api.seed(pods, aPod(phase));
  const done = unusedLoop(deps, { gates }).run(stop.signal);
  await clock.advance(100);
  expect(said()).toBe(status);
  const writes = api.writes.length;
  await clock.advance(60_000);
  expect(api.writes).toHaveLength(writes);
  api.drop(pods, { namespace: 'shop', name: 'web' });
  await clock.advance(100);
  expect(said()).toBe('True');
  stop.abort();
  await done;
});

test('UNU4: a pod that only the server has keeps it in use', async () => {
  const { api, deps, said } = world();
  const caches = {
    claims: api.informers.informer(persistentVolumeClaims),
    pods: api.informers.informer(pods, podIndexes),
  };
  const pass = unusedReconcile(deps, caches);
  api.seed(persistentVolumeClaims, aClaim('False'));
  api.freeze(true);
  api.seed(pods, aPod('Pending'));
  expect((await pass('shop/data', new AbortController().signal)).kind).toBe('blocked');
  expect(said()).toBe('False');
});

test('UNU7: a conflict is returned and tried again', async () => {
  const { api, deps, clock, said } = world();
  const stop = new AbortController();
  api.seed(persistentVolumeClaims, aClaim());
  api.fail({ verb: 'updateStatus', plural: 'persistentvolumeclaims', status: 409, reason: 'Conflict' });
  const done = unusedLoop(deps, { gates }).run(stop.signal);
  await clock.advance(1000);
  expect(said()).toBe('True');
  stop.abort();
  await done;
});

test('UNU6: with the gate off nothing is said', async () => {
  const { api, deps, clock } = world();
  api.seed(persistentVolumeClaims, aClaim());
  await unusedLoop(deps).run(new AbortController().signal);
  await clock.advance(1000);
  expect(api.writes).toEqual([]);
});
