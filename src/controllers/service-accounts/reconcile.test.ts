import { expect, test } from 'vitest';
import { namespaces, serviceAccounts } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { serviceAccountsLoop } from './connect.ts';
import { accountReconcile } from './reconcile.ts';

const signal = new AbortController().signal;
const account = { namespace: 'shop', name: 'default' };

function setUp() {
  const api = scriptedApi();
  const { informers } = api;
  const clock = virtualClock();
  const events = { record: () => undefined };
  const deps = { api, informers, clock, random: seededRandom(1), log: silentLog, events };
  const caches = {
    namespaces: informers.informer(namespaces),
    accounts: informers.informer(serviceAccounts),
  };
  const reconcile = accountReconcile(deps, caches);
  api.seed(namespaces, { metadata: { name: 'shop' }, status: { phase: 'Active' } });
  return { api, deps, pass: () => reconcile('shop', signal) };
}

test('SAC1: creates the account, once (SAC4)', async () => {
  const { api, pass } = setUp();
  expect(await pass()).toMatchObject({ kind: 'progressed' });
  expect(api.peek(serviceAccounts, account)).toBeDefined();
  expect(await pass()).toEqual({ kind: 'settled' });
  expect(api.writes).toHaveLength(1);
});

test.each([
  { reason: 'AlreadyExists', status: 409, kind: 'settled' },
  { reason: 'NotFound', status: 404, kind: 'settled' },
  { reason: 'Unknown', status: 0, kind: 'failed' },
])('SAC3: a create that ends with $reason is $kind', async ({ reason, status, kind }) => {
  const { api, pass } = setUp();
  api.fail({ verb: 'create', plural: 'serviceaccounts', status, reason });
  expect(await pass()).toMatchObject({ kind });
});

test('SAC4: a deleted account comes back', async () => {
  const { api, deps } = setUp();
  const stop = new AbortController();
  const running = serviceAccountsLoop(deps).run(stop.signal);
  await deps.clock.advance(10);
  expect(api.peek(serviceAccounts, account)).toBeDefined();
  api.drop(serviceAccounts, account);
  await deps.clock.advance(10);
  expect(api.peek(serviceAccounts, account)).toBeDefined();
  expect(api.writes).toHaveLength(2);
  stop.abort();
  await running;
});
