// Verdicts from rows of results, and workers on a virtual clock.
import { expect, test } from 'vitest';
import type { Container, Pod, Probe } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import type { ContainerRun } from '../pods/runtime-state.ts';
import { advance, healthOf, NO_VERDICT, type ProbeKind, type Verdict } from './health.ts';
import { Probes } from './probes.ts';
import { runProbe } from './run-probe.ts';

const probe: Probe = {
  exec: { command: ['true'] },
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 2,
  failureThreshold: 3,
};
const verdictOf = (results: string): boolean | undefined =>
  [...results].reduce((verdict: Verdict, one) => advance(verdict, one === '+', probe), NO_VERDICT).isGood;

test.each([
  ['', undefined],
  ['+', undefined],
  ['++', true],
  ['++--', true],
  ['++---', false],
  ['++--+--', true],
  ['---+', false],
  ['---++', true],
])('AGT80: after "%s" the verdict is %s', (results, verdict) => {
  expect(verdictOf(results)).toBe(verdict);
});

const good: Verdict = { isGood: true, row: { isGood: true, count: 1 } };
const bad: Verdict = { isGood: false, row: { isGood: false, count: 3 } };
const all: Container = { name: 'c', startupProbe: probe, livenessProbe: probe, readinessProbe: probe };
const fresh = { isStarted: false, isReady: false };
const verdicts = (of: Partial<Record<ProbeKind, Verdict>>): Map<ProbeKind, Verdict> =>
  new Map(
    (['startup', 'liveness', 'readiness'] as const).flatMap((kind) => (of[kind] ? [[kind, of[kind]]] : [])),
  );

test('AGT78 AGT79 AGT80: started, ready and sick', () => {
  const health = (of: Partial<Record<ProbeKind, Verdict>>, known = fresh) =>
    healthOf(all, verdicts(of), known);
  expect(health({})).toEqual({ isStarted: false, isReady: false, sick: undefined });
  expect(health({ startup: good })).toEqual({ isStarted: true, isReady: false, sick: undefined });
  expect(health({ startup: good, readiness: good })).toEqual({
    isStarted: true,
    isReady: true,
    sick: undefined,
  });
  expect(health({ startup: good, readiness: good, liveness: bad }).sick).toBe('liveness');
  expect(health({ startup: bad }).sick).toBe('startup');
  // A new agent, an old run.
  expect(health({}, { isStarted: true, isReady: true })).toEqual({
    isStarted: true,
    isReady: true,
    sick: undefined,
  });
  expect(healthOf({ name: 'c' }, new Map(), fresh)).toEqual({
    isStarted: true,
    isReady: true,
    sick: undefined,
  });
});

const run: ContainerRun = {
  id: 'c1',
  name: 'c',
  attempt: 0,
  sandboxId: 's',
  state: 'running',
  startedAt: Date.UTC(2026, 0, 1),
  finishedAt: 0,
  exitCode: 0,
  reason: '',
  message: '',
  imageRef: '',
  imageId: '',
};

test('AGT78 AGT81: workers ask in their order, tell what failed, and end with their run', async () => {
  const clock = virtualClock(run.startedAt);
  const answers = new Map([
    ['startup', 1],
    ['ready', 1],
  ]);
  const asked: string[] = [];
  const said: string[] = [];
  const changed: string[] = [];
  const probes = new Probes({
    clock,
    hostIp: '127.0.0.1',
    events: { record: (_, { reason, message }) => void said.push(`${reason} ${message}`) },
    podChanged: (uid) => void changed.push(uid),
    dialer: { get: async () => 200, connect: async () => undefined },
    exec: async (_, [name = '']) => {
      asked.push(name);
      return { exitCode: answers.get(name) ?? 0, output: `${name} says no\n` };
    },
  });
  const exec = (name: string): Probe => ({ ...probe, exec: { command: [name] }, successThreshold: 1 });
  const container = { name: 'c', startupProbe: exec('startup'), readinessProbe: exec('ready') };
  const pod: Stored<Pod> = {
    metadata: { namespace: 'd', name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [container] },
  };
  const runtime = { sandboxes: [], runs: [run] };
  probes.follow('u', pod, runtime);
  probes.follow('u', pod, runtime);
  await clock.advance(500);
  expect(asked).toEqual(['startup']);
  expect(said).toEqual(['Unhealthy Startup probe failed: startup says no']);
  answers.set('startup', 0);
  await clock.advance(10_000);
  expect(probes.health(pod, run)).toMatchObject({ isStarted: true, isReady: false });
  answers.set('ready', 0);
  await clock.advance(11_000);
  expect(probes.health(pod, run).isReady).toBe(true);
  expect(asked.filter((name) => name === 'startup')).toHaveLength(2);
  expect(new Set(changed)).toEqual(new Set(['u']));
  probes.follow('u', pod, { sandboxes: [], runs: [] });
  const before = asked.length;
  await clock.advance(60_000);
  expect(asked).toHaveLength(before);
});

test('AGT81: what a probe asks and what its answer means', async () => {
  const seen: unknown[] = [];
  const deps = {
    exec: async () => ({ exitCode: 3, output: 'no' }),
    dialer: {
      get: async (request: object) => {
        seen.push(request);
        return 503;
      },
      connect: async (request: object) => {
        seen.push(request);
      },
    },
  };
  const container = { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] };
  const ask = (of: Probe) => runProbe(deps, { containerId: 'id', container, probe: of, ip: '10.0.0.1' });
  expect(await ask({ exec: { command: ['x'] } })).toEqual({ isGood: false, output: 'no' });
  const failed = { isGood: false, output: 'HTTP probe failed with statuscode: 503' };
  expect(await ask({ httpGet: { port: 'web', path: '/up' }, timeoutSeconds: 2 })).toEqual(failed);
  expect(seen[0]).toMatchObject({ host: '10.0.0.1', port: 8080, path: '/up', isTls: false, timeoutMs: 2000 });
  expect(await ask({ tcpSocket: { port: 9 } })).toEqual({ isGood: true, output: '' });
  expect(seen[1]).toEqual({ host: '10.0.0.1', port: 9, timeoutMs: 1000 });
  expect((await ask({ tcpSocket: { port: 'none' } })).output).toBe('container "c" has no port "none"');
});
