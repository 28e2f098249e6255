// Carries out one step of a pod. No policy: decide.ts has chosen.
import { pods } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import { messageOf } from '#base/errors.ts';
import { hasReason } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import { podLogDirectory } from '../paths.ts';
import { identityOfPod, sandboxConfig } from './container-config.ts';
import { tellContainer } from './container-events.ts';
import { ContainerStartError, startContainer } from './container-start.ts';
import type { PodStep, PodView } from './decide.ts';
import { removePodDirectories } from './pod-directory.ts';
import type { PodMemory } from './pod-memory.ts';
import type { PodWorkersDeps } from './pod-workers-deps.ts';
import { latestRun } from './runtime-state.ts';
import { releaseSubPaths } from './sub-path.ts';
import { provePodEmpty, provePodEnded, UnprovenError } from '../world/unmount-proof.ts';

export interface StepInput {
  readonly uid: string;
  readonly memory: PodMemory;
  readonly view: PodView;
  readonly step: PodStep;
}

/** `done`: look again; `finished`: nothing of the pod is left; an Outcome: the step did not succeed. */
export type StepResult = 'done' | 'finished' | Outcome;

export async function performStep(deps: PodWorkersDeps, input: StepInput): Promise<StepResult> {
  const { uid, memory, view, step } = input;
  const { runtime } = deps;
  switch (step.kind) {
    case 'run-sandbox':
      return runSandbox(deps, memory, step.attempt);
    case 'stop-sandbox':
      await runtime.stopSandbox(step.id);
      return 'done';
    case 'start-container':
      return start(deps, input, step);
    case 'remove-container':
      await runtime.removeContainer(step.id);
      return 'done';
    case 'stop-containers':
      await stopContainers(deps, input, step);
      return 'done';
    case 'restart-sick': {
      const { id, name, probe } = step.run;
      const message = `Container ${name} failed ${probe} probe, will be restarted`;
      tellKilling(deps, memory, name, message);
      await runtime.stopContainer(id, step.graceSeconds);
      return 'done';
    }
    case 'release-volumes':
      await releaseSubPaths(deps, deps.paths.pod(uid), await provePodEnded(deps, uid));
      deps.desired.release(uid);
      deps.volumes.lookAgainAt(uid);
      return 'done';
    case 'remove-runtime':
      await runtime.removePod(view.runtime);
      return 'done';
    case 'finalize':
      return finalize(deps, uid, memory);
    case 'settled':
    case 'wait':
    case 'wait-until':
      return 'done';
    default:
      return assertNever(step);
  }
}

/** Failed sandboxes: 1 s doubling to 30 s. What an attempt leaves in the runtime wakes the pod before that. */
const SANDBOX_FIRST_MS = 1000;
const SANDBOX_MAX_MS = 30_000;

async function runSandbox(deps: PodWorkersDeps, memory: PodMemory, attempt: number): Promise<StepResult> {
  const { pod } = memory;
  if (pod === undefined) return 'done';
  const waitMs = (memory.sandboxFailures?.retryAt ?? 0) - deps.clock.elapsed();
  if (waitMs > 0) return { kind: 'blocked', because: 'sandbox back-off', retryAfterMs: waitMs };
  try {
    await deps.runtime.runSandbox(
      sandboxConfig(pod, { attempt, logsRoot: deps.logsRoot, agentId: deps.agentId }),
    );
    memory.sandboxFailures = undefined;
    return 'done';
  } catch (error) {
    const count = (memory.sandboxFailures?.count ?? 0) + 1;
    const retryAfterMs = Math.min(SANDBOX_MAX_MS, SANDBOX_FIRST_MS * 2 ** (count - 1));
    memory.sandboxFailures = { count, retryAt: deps.clock.elapsed() + retryAfterMs };
    // The name of each attempt would make every event a new one.
    const because = messageOf(error).replace(/ "[0-9a-f]{64}"/g, '');
    const message = `Failed to create pod sandbox: ${because}`;
    deps.events.record(pod, { type: 'Warning', reason: 'FailedCreatePodSandBox', message });
    return { kind: 'failed', error };
  }
}

function tellKilling(deps: PodWorkersDeps, { pod }: PodMemory, name: string, message: string): void {
  if (pod !== undefined)
    tellContainer(deps.events, pod, { name, type: 'Normal', reason: 'Killing', message });
}

async function stopContainers(
  deps: PodWorkersDeps,
  { memory, view }: StepInput,
  step: Extract<PodStep, { kind: 'stop-containers' }>,
): Promise<void> {
  const stopped = view.runtime.runs.filter(({ id }) => step.ids.includes(id));
  for (const { name } of stopped) tellKilling(deps, memory, name, `Stopping container ${name}`);
  await Promise.all(step.ids.map((id) => deps.runtime.stopContainer(id, step.graceSeconds)));
}

/** Failed starts: 1 s doubling to 5 min, reset by a success. */
const START_FIRST_MS = 1000;
const START_MAX_MS = 300_000;

async function start(
  deps: PodWorkersDeps,
  { uid, memory, view }: StepInput,
  step: Extract<PodStep, { kind: 'start-container' }>,
): Promise<StepResult> {
  const { pod } = memory;
  const all = [...(pod?.spec?.initContainers ?? []), ...(pod?.spec?.containers ?? [])];
  const container = all.find(({ name }) => name === step.name);
  if (pod === undefined || container === undefined) return 'done';
  const failures = memory.startFailures.get(step.name);
  const now = deps.clock.elapsed();
  if (failures !== undefined && failures.retryAt > now) {
    return { kind: 'blocked', because: 'start back-off', retryAfterMs: failures.retryAt - now };
  }
  const { ready: volumes } = await deps.volumes.podVolumes(uid);
  try {
    await startContainer(deps, { pod, container, attempt: step.attempt, sandbox: step.sandbox, volumes });
  } catch (error) {
    if (!(error instanceof ContainerStartError)) throw error;
    return startFailed(deps, { memory, name: step.name, error });
  }
  const ended = latestRun(view.runtime, step.name);
  if (ended !== undefined) memory.backoff.restarted(step.name, ended.finishedAt);
  memory.startFailures.delete(step.name);
  memory.waiting.delete(step.name);
  return 'done';
}

function startFailed(
  deps: PodWorkersDeps,
  failed: { readonly memory: PodMemory; readonly name: string; readonly error: ContainerStartError },
): Outcome {
  const { memory, name, error } = failed;
  const count = (memory.startFailures.get(name)?.count ?? 0) + 1;
  const retryAfterMs = Math.min(START_MAX_MS, START_FIRST_MS * 2 ** (count - 1));
  memory.startFailures.set(name, { count, retryAt: deps.clock.elapsed() + retryAfterMs });
  memory.waiting.set(name, error.waiting);
  if (memory.pod !== undefined) {
    for (const message of failureTexts(error)) {
      tellContainer(deps.events, memory.pod, { name, type: 'Warning', reason: 'Failed', message });
    }
  }
  return { kind: 'blocked', because: error.waiting.reason, retryAfterMs };
}

/** A pull is told with its cause, then by its name, as the kubelet does. */
function failureTexts({ message, waiting }: ContainerStartError): readonly string[] {
  if (waiting.reason !== 'ErrImagePull') return [`Error: ${message}`];
  return [`Failed to pull image: ${message}`, 'Error: ErrImagePull'];
}

/** Only with proof; without it the directory stays, reported, since what stands there is not ours to remove. */
async function cleanUp(deps: PodWorkersDeps, uid: string, logs: string | undefined): Promise<void> {
  try {
    const proof = await provePodEmpty(deps, uid);
    await removePodDirectories(deps, { pod: deps.paths.pod(uid), logs }, proof);
  } catch (error) {
    if (!(error instanceof UnprovenError)) throw error;
    deps.log.error('a pod directory is left alone', { pod: uid, because: error.message });
  }
}

/** The last step: the pod's own directories, then the object, with its UID. */
async function finalize(deps: PodWorkersDeps, uid: string, memory: PodMemory): Promise<StepResult> {
  const { pod } = memory;
  const logs = pod === undefined ? undefined : podLogDirectory(deps.logsRoot, identityOfPod(pod));
  await cleanUp(deps, uid, logs);
  if (pod === undefined || memory.isGone) return 'finished';
  const { namespace = '', name } = pod.metadata;
  try {
    const options = { preconditions: { uid }, gracePeriodSeconds: 0 };
    await deps.api.delete(pods, { namespace, name }, options);
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
  return 'finished';
}
