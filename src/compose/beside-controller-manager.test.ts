import { expect, test } from 'vitest';
import { leases } from '#api/resources.ts';
import type { Service } from '#client/loop.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { controllerManagerGuard } from './beside-controller-manager.ts';
import { sidecarLeaseName } from './sidecar-leases.ts';

const aLease = (holderIdentity: string, renewTime = '2026-01-01T00:00:00.000000Z') => ({
  metadata: { namespace: 'kube-system', name: 'kube-controller-manager' },
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime },
});

function world(named: readonly string[] = []) {
  const api = scriptedApi();
  const clock = virtualClock();
  const started: string[] = [];
  const { guard } = controllerManagerGuard({ api, clock }, named);
  const loop = (name: string): Service => ({ name, run: () => Promise.resolve(void started.push(name)) });
  const failures: string[] = [];
  const start = (name: string): void => {
    guard(loop(name))
      .run(new AbortController().signal)
      .catch((error: unknown) => failures.push(String(error)));
  };
  return { api, clock, started, failures, start };
}

test('ATT51: without a kube-controller-manager the loop starts at once', async () => {
  const { clock, started, start } = world();
  start('binding');
  await clock.advance(0);
  expect(started).toEqual(['binding']);
});

test('ATT51: one that renews its Lease is live: the loop refuses and says how it would start', async () => {
  const { api, clock, started, failures, start } = world(['attachment']);
  api.seed(leases, aLease('kcm-1'));
  start('binding');
  start('attachment');
  await clock.advance(2000);
  expect(started).toEqual(['attachment']);
  api.seed(leases, aLease('kcm-1', '2026-01-01T00:00:02.000000Z'));
  await clock.advance(2000);
  expect(started).toEqual(['attachment']);
  expect(failures).toEqual([
    expect.stringContaining('the kube-controller-manager "kcm-1" is live and has the same loop'),
  ]);
});

test.each([
  { when: 'it does not renew', then: 'kcm-1' },
  { when: 'it gives the Lease back', then: '' },
])('ATT51: the loop starts when $when', async ({ then }) => {
  const { api, clock, started, failures, start } = world();
  api.seed(leases, aLease('kcm-1'));
  start('binding');
  await clock.advance(2000);
  if (then === '') api.seed(leases, aLease(then));
  await clock.advance(20_000);
  expect([started, failures]).toEqual([['binding'], []]);
});

test.each([
  { role: 'provisioner', name: 'disk-holdfast-dev' },
  { role: 'attacher', name: 'external-attacher-leader-disk-holdfast-dev' },
  { role: 'resizer', name: 'external-resizer-disk-holdfast-dev' },
  { role: 'snapshotter', name: 'external-snapshotter-leader-disk-holdfast-dev' },
] as const)('ATC14: the Lease of the $role is $name', ({ role, name }) => {
  expect(sidecarLeaseName(role, 'disk.holdfast.dev')).toBe(name);
});

test('ATT51: told to stop in the middle of the look, it neither starts nor fails', async () => {
  const stop = new AbortController();
  const find = (): Promise<never> =>
    new Promise((_resolve, reject) =>
      stop.signal.addEventListener('abort', () => reject(new Error('no answer came')), { once: true }),
    );
  const started: string[] = [];
  const { guard } = controllerManagerGuard({ api: { find }, clock: virtualClock() }, []);
  const running = guard({ name: 'binding', run: () => Promise.resolve(void started.push('binding')) }).run(
    stop.signal,
  );
  stop.abort();
  await running;
  expect(started).toEqual([]);
});
