// The next step of one pod. Pure. Rules AGT20 to AGT33 of SPEC.md.
//
//   volumes resolved -> sandbox -> volumes published -> init containers, one after the other -> containers (restarted by policy)
//   end (deleted, or nothing left to run): stop containers -> stop sandbox -> release volumes -> volumes gone
//   deleted, volumes gone: remove from the runtime -> remove directories -> delete the object
import type { Container, Pod } from '#api/generated/core-v1.ts';
import { type ContainerRun, latestRun, type PodRuntime, type SandboxRun } from './runtime-state.ts';

export interface PodView {
  readonly spec: PodSpecView;
  /** Deleted through the API, or gone from it. */
  readonly isTerminating: boolean;
  readonly graceSeconds: number;
  /** The API already says Succeeded or Failed. */
  readonly wasTerminal: boolean;
  /** Every used volume is known: it will be published without anyone's doing. */
  readonly areVolumesResolved: boolean;
  readonly areVolumesReady: boolean;
  /** Taken out of the desired world. */
  readonly areVolumesReleased: boolean;
  /** Nothing of the pod's volumes is recorded on this node. */
  readonly areVolumesGone: boolean;
  readonly runtime: PodRuntime;
  /** Milliseconds that the container rests after its end. */
  readonly restartDelayMs: (container: string, endedAt: number) => number;
  /** The highest restart count known of a container whose runs the runtime has forgotten. */
  readonly knownRestarts: (container: string) => number | undefined;
  /** Containers that a probe found sick, and why. */
  readonly sick: readonly SickRun[];
  /** The startup probe of this run has succeeded, or there is none. */
  readonly isStarted: (runId: string) => boolean;
  readonly now: number;
}

export interface SickRun {
  readonly id: string;
  readonly name: string;
  readonly probe: 'startup' | 'liveness';
}

export interface PodSpecView {
  readonly initContainers: readonly Pick<Container, 'name' | 'restartPolicy'>[];
  readonly containers: readonly Pick<Container, 'name'>[];
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
}

export type PodStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'wait'; readonly because: 'volumes' | 'volumes-gone' | 'running' }
  | { readonly kind: 'wait-until'; readonly at: number }
  | { readonly kind: 'run-sandbox'; readonly attempt: number }
  | { readonly kind: 'stop-sandbox'; readonly id: string }
  | {
      readonly kind: 'start-container';
      readonly name: string;
      readonly attempt: number;
      readonly sandbox: SandboxRun;
    }
  | { readonly kind: 'remove-container'; readonly id: string }
  | { readonly kind: 'stop-containers'; readonly ids: readonly string[]; readonly graceSeconds: number }
  | { readonly kind: 'restart-sick'; readonly run: SickRun; readonly graceSeconds: number }
  | { readonly kind: 'release-volumes' }
  | { readonly kind: 'remove-runtime' }
  | { readonly kind: 'finalize' };

export function specView({ spec }: Pod): PodSpecView {
  return {
    initContainers: spec?.initContainers ?? [],
    containers: spec?.containers ?? [],
    restartPolicy: spec?.restartPolicy ?? 'Always',
  };
}

export function decidePod(view: PodView): PodStep {
  if (view.isTerminating || view.wasTerminal || isFinished(view)) return decideEnd(view);
  // Before everything else, so that a crash loop leaves at most two dead runs of a container.
  const surplus = surplusRun(view.runtime);
  if (surplus !== undefined) return { kind: 'remove-container', id: surplus.id }; // AGT31
  const [sick] = view.sick;
  if (sick !== undefined) return { kind: 'restart-sick', run: sick, graceSeconds: view.graceSeconds }; // AGT79
  const next = nextContainer(view);
  if (next.kind !== 'start') return next.step;
  if (!view.areVolumesResolved) return { kind: 'wait', because: 'volumes' }; // AGT20
  // The sandbox needs no volume, so it starts while they are attached and staged.
  const [sandbox] = view.runtime.sandboxes;
  if (sandbox === undefined) return { kind: 'run-sandbox', attempt: 0 }; // AGT21
  if (!sandbox.isReady) return { kind: 'run-sandbox', attempt: sandbox.attempt + 1 }; // AGT22
  if (!view.areVolumesReady) return { kind: 'wait', because: 'volumes' }; // AGT20
  return { kind: 'start-container', name: next.name, attempt: next.attempt, sandbox }; // AGT23
}

type Next = { readonly kind: 'start'; readonly name: string; readonly attempt: number } | Idle;
interface Idle {
  readonly kind: 'idle';
  readonly step: PodStep;
}

const RUNNING: Idle = { kind: 'idle', step: { kind: 'wait', because: 'running' } };

/** The container to start now, or why none is. */
function nextContainer(view: PodView): Next {
  const sandboxId = currentSandbox(view);
  for (const { name, restartPolicy } of view.spec.initContainers) {
    const run = view.runtime.runs.find((one) => one.name === name && one.sandboxId === sandboxId);
    const isSidecar = restartPolicy === 'Always';
    if (run?.state === 'exited' && run.exitCode === 0 && !isSidecar) continue; // AGT24
    if (run?.state === 'running' && isSidecar && view.isStarted(run.id)) continue; // AGT78
    return nextRun(view, name, run); // AGT24
  }
  let idle: Idle = RUNNING;
  for (const { name } of view.spec.containers) {
    const run = latestRun(view.runtime, name);
    if (run?.state === 'exited' && !mayRestart(view, run)) continue; // AGT25
    const next = nextRun(view, name, run);
    if (next.kind === 'start') return next;
    if (isSooner(next.step, idle.step)) idle = next;
  }
  return idle;
}

function currentSandbox({ runtime }: PodView): string | undefined {
  return runtime.sandboxes.find((sandbox) => sandbox.isReady)?.id;
}

function isSooner(step: PodStep, than: PodStep): boolean {
  if (step.kind === 'wait') return false;
  if (step.kind !== 'wait-until' || than.kind !== 'wait-until') return true;
  return step.at < than.at;
}

function nextRun(view: PodView, name: string, run: ContainerRun | undefined): Next {
  const start = (attempt: number): Next => ({ kind: 'start', name, attempt });
  if (run === undefined) {
    const earlier = latestRun(view.runtime, name)?.attempt ?? view.knownRestarts(name);
    return start(earlier === undefined ? 0 : earlier + 1); // AGT23
  }
  switch (run.state) {
    case 'running':
      return RUNNING;
    case 'created':
      // OBSERVED: the agent ended between create and start; nobody knows with which mounts it was made.
      return { kind: 'idle', step: { kind: 'remove-container', id: run.id } }; // AGT30
    case 'unknown':
      return { kind: 'idle', step: { kind: 'stop-containers', ids: [run.id], graceSeconds: 0 } };
    case 'exited': {
      const at = run.finishedAt + view.restartDelayMs(name, run.finishedAt);
      return at > view.now ? { kind: 'idle', step: { kind: 'wait-until', at } } : start(run.attempt + 1); // AGT26
    }
  }
}

function mayRestart({ spec }: PodView, run: ContainerRun): boolean {
  if (spec.restartPolicy === 'Always') return true;
  return spec.restartPolicy === 'OnFailure' && run.exitCode !== 0;
}

/** Nothing is left that may run: every container ended for good, or an init container failed under Never. */
export function isFinished(view: Pick<PodView, 'spec' | 'runtime'> & Partial<PodView>): boolean {
  const { spec, runtime } = view;
  const failedInit = spec.initContainers.some(({ name }) => {
    const run = latestRun(runtime, name);
    return spec.restartPolicy === 'Never' && run?.state === 'exited' && run.exitCode !== 0;
  });
  if (failedInit) return true; // AGT24
  return spec.containers.every(({ name }) => {
    const run = latestRun(runtime, name);
    if (run?.state !== 'exited' || spec.restartPolicy === 'Always') return false;
    return spec.restartPolicy === 'Never' || run.exitCode === 0;
  }); // AGT25
}

/** The newest run tells the state, the one before it the last state and `logs --previous`. */
const KEPT_RUNS = 2;

function surplusRun({ runs }: PodRuntime): ContainerRun | undefined {
  return runs.find(
    (run) =>
      run.state === 'exited' &&
      runs.filter((other) => other.name === run.name && other.attempt > run.attempt).length >= KEPT_RUNS,
  );
}

function decideEnd(view: PodView): PodStep {
  const { runtime, graceSeconds } = view;
  const alive = runtime.runs.filter((run) => run.state === 'running' || run.state === 'unknown');
  if (alive.length > 0) return { kind: 'stop-containers', ids: alive.map(({ id }) => id), graceSeconds }; // AGT27
  const sandbox = runtime.sandboxes.find((one) => one.isReady);
  if (sandbox !== undefined) return { kind: 'stop-sandbox', id: sandbox.id }; // AGT27
  if (!view.areVolumesReleased) return { kind: 'release-volumes' }; // AGT28
  if (!view.areVolumesGone) return { kind: 'wait', because: 'volumes-gone' }; // AGT28
  if (!view.isTerminating) return { kind: 'settled' }; // AGT29
  if (runtime.sandboxes.length > 0 || runtime.runs.length > 0) return { kind: 'remove-runtime' }; // AGT29
  return { kind: 'finalize' }; // AGT29
}
