// Rows of pod to step.
import { expect, test } from 'vitest';
import { decidePod, type PodStep, type PodView } from './decide.ts';
import type { ContainerRun, SandboxRun } from './runtime-state.ts';

const sandbox: SandboxRun = { id: 's0', attempt: 0, isReady: true, ip: '' };
const aRun = (changes: Partial<ContainerRun> = {}): ContainerRun => ({
  id: 'c0',
  name: 'main',
  attempt: 0,
  sandboxId: 's0',
  state: 'running',
  startedAt: 1000,
  finishedAt: 0,
  exitCode: 0,
  reason: '',
  message: '',
  imageRef: '',
  imageId: '',
  ...changes,
});
const exited = (changes: Partial<ContainerRun> = {}): ContainerRun =>
  aRun({ state: 'exited', finishedAt: 5000, ...changes });
const aPod = (changes: Partial<PodView> = {}): PodView => ({
  spec: { initContainers: [], containers: [{ name: 'main' }], restartPolicy: 'Always' },
  isTerminating: false,
  graceSeconds: 30,
  wasTerminal: false,
  areVolumesResolved: true,
  areVolumesReady: true,
  areVolumesReleased: false,
  areVolumesGone: false,
  runtime: { sandboxes: [sandbox], runs: [] },
  restartDelayMs: () => 0,
  knownRestarts: () => undefined,
  sick: [],
  isStarted: () => true,
  now: 10_000,
  ...changes,
});
const withInit = { initContainers: [{ name: 'one' }, { name: 'two' }], containers: [{ name: 'main' }] };
const runs = (...all: ContainerRun[]): PodView['runtime'] => ({ sandboxes: [sandbox], runs: all });
const start = (name: string, attempt: number): PodStep => ({
  kind: 'start-container',
  name,
  attempt,
  sandbox,
});
const never = { initContainers: [], containers: [{ name: 'main' }], restartPolicy: 'Never' } as const;
const over = { areVolumesReleased: true, areVolumesGone: true } as const;
const stopped = { sandboxes: [{ ...sandbox, isReady: false }], runs: [exited()] };

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly view: PodView;
  readonly step: PodStep;
}

const rows: readonly Row[] = [
  {
    rule: 'AGT20',
    when: 'volumes are missing',
    view: aPod({ areVolumesReady: false }),
    step: { kind: 'wait', because: 'volumes' },
  },
  {
    rule: 'AGT20',
    when: 'a running pod loses sight of its volumes: it is left alone',
    view: aPod({ areVolumesReady: false, runtime: runs(aRun()) }),
    step: { kind: 'wait', because: 'running' },
  },
  {
    rule: 'AGT20',
    when: 'a claim is not bound: not even a sandbox',
    view: aPod({ areVolumesResolved: false, areVolumesReady: false, runtime: { sandboxes: [], runs: [] } }),
    step: { kind: 'wait', because: 'volumes' },
  },
  {
    rule: 'AGT21',
    when: 'volumes are on their way',
    view: aPod({ areVolumesReady: false, runtime: { sandboxes: [], runs: [] } }),
    step: { kind: 'run-sandbox', attempt: 0 },
  },
  {
    rule: 'AGT21',
    when: 'there is no sandbox',
    view: aPod({ runtime: { sandboxes: [], runs: [] } }),
    step: { kind: 'run-sandbox', attempt: 0 },
  },
  {
    rule: 'AGT22',
    when: 'the sandbox has ended',
    view: aPod({ runtime: { sandboxes: [{ ...sandbox, isReady: false }], runs: [exited()] } }),
    step: { kind: 'run-sandbox', attempt: 1 },
  },
  { rule: 'AGT23', when: 'nothing has run', view: aPod(), step: start('main', 0) },
  {
    rule: 'AGT23',
    when: 'the runtime has forgotten three restarts',
    view: aPod({ knownRestarts: () => 3 }),
    step: start('main', 4),
  },
  {
    rule: 'AGT79',
    when: 'a liveness probe has failed',
    view: aPod({ runtime: runs(aRun()), sick: [{ id: 'c0', name: 'main', probe: 'liveness' }] }),
    step: { kind: 'restart-sick', run: { id: 'c0', name: 'main', probe: 'liveness' }, graceSeconds: 30 },
  },
  {
    rule: 'AGT78',
    when: 'a sidecar runs and has not started',
    view: aPod({
      spec: {
        ...withInit,
        initContainers: [{ name: 'one', restartPolicy: 'Always' }],
        restartPolicy: 'Always',
      },
      runtime: runs(aRun({ name: 'one' })),
      isStarted: () => false,
    }),
    step: { kind: 'wait', because: 'running' },
  },
  {
    rule: 'AGT24',
    when: 'the first init container has ended',
    view: aPod({ spec: { ...withInit, restartPolicy: 'Always' }, runtime: runs(exited({ name: 'one' })) }),
    step: start('two', 0),
  },
  {
    rule: 'AGT24',
    when: 'an init container is running',
    view: aPod({ spec: { ...withInit, restartPolicy: 'Always' }, runtime: runs(aRun({ name: 'one' })) }),
    step: { kind: 'wait', because: 'running' },
  },
  {
    rule: 'AGT24',
    when: 'an init container failed under Never',
    view: aPod({
      spec: { ...withInit, restartPolicy: 'Never' },
      runtime: runs(exited({ name: 'one', exitCode: 1 })),
    }),
    step: { kind: 'stop-sandbox', id: 's0' },
  },
  {
    rule: 'AGT24',
    when: 'a sidecar is running',
    view: aPod({
      spec: {
        ...withInit,
        initContainers: [{ name: 'one', restartPolicy: 'Always' }],
        restartPolicy: 'Always',
      },
      runtime: runs(aRun({ name: 'one' })),
    }),
    step: start('main', 0),
  },
  {
    rule: 'AGT25',
    when: 'the last container ended under Never',
    view: aPod({ spec: never, runtime: runs(exited({ exitCode: 1 })) }),
    step: { kind: 'stop-sandbox', id: 's0' },
  },
  {
    rule: 'AGT25',
    when: 'a container failed under OnFailure',
    view: aPod({ spec: { ...never, restartPolicy: 'OnFailure' }, runtime: runs(exited({ exitCode: 1 })) }),
    step: start('main', 1),
  },
  {
    rule: 'AGT26',
    when: 'the first end: restart at once',
    view: aPod({ runtime: runs(exited()) }),
    step: start('main', 1),
  },
  {
    rule: 'AGT26',
    when: 'the back-off has not passed',
    view: aPod({ runtime: runs(exited()), restartDelayMs: () => 10_000 }),
    step: { kind: 'wait-until', at: 15_000 },
  },
  {
    rule: 'AGT27',
    when: 'a deleted pod runs',
    view: aPod({ isTerminating: true, graceSeconds: 7, runtime: runs(aRun()) }),
    step: { kind: 'stop-containers', ids: ['c0'], graceSeconds: 7 },
  },
  {
    rule: 'AGT27',
    when: 'its containers have stopped',
    view: aPod({ isTerminating: true, runtime: runs(exited()) }),
    step: { kind: 'stop-sandbox', id: 's0' },
  },
  {
    rule: 'AGT28',
    when: 'its sandbox has stopped',
    view: aPod({ isTerminating: true, runtime: stopped }),
    step: { kind: 'release-volumes' },
  },
  {
    rule: 'AGT28',
    when: 'its volumes are released and still there',
    view: aPod({ isTerminating: true, runtime: stopped, areVolumesReleased: true }),
    step: { kind: 'wait', because: 'volumes-gone' },
  },
  {
    rule: 'AGT29',
    when: 'its volumes are gone',
    view: aPod({ isTerminating: true, runtime: stopped, ...over }),
    step: { kind: 'remove-runtime' },
  },
  {
    rule: 'AGT29',
    when: 'nothing is left of it',
    view: aPod({ isTerminating: true, runtime: { sandboxes: [], runs: [] }, ...over }),
    step: { kind: 'finalize' },
  },
  {
    rule: 'AGT29',
    when: 'it ended by itself: its object and its logs stay',
    view: aPod({ wasTerminal: true, runtime: stopped, ...over }),
    step: { kind: 'settled' },
  },
  {
    rule: 'AGT30',
    when: 'a container was created and not started',
    view: aPod({ runtime: runs(aRun({ state: 'created' })) }),
    step: { kind: 'remove-container', id: 'c0' },
  },
  {
    rule: 'AGT31',
    when: 'a third run has begun',
    view: aPod({
      runtime: runs(aRun({ id: 'c2', attempt: 2 }), exited({ id: 'c1', attempt: 1 }), exited({ id: 'c0' })),
    }),
    step: { kind: 'remove-container', id: 'c0' },
  },
];

test.each(rows)('$rule: $when', ({ view, step }) => {
  expect(decidePod(view)).toEqual(step);
});
