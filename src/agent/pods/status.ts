// The status of a pod, from its spec, the runtime and what stands in its way. Pure: a second pass over a quiet pod
// gives the same status, so nothing is written.
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '#api/generated/core-v1.ts';
import { formatTime } from '#base/clock.ts';
import type { Health } from '../probes/health.ts';
import { isFinished, specView } from './decide.ts';
import { type ContainerRun, latestRun, type PodRuntime } from './runtime-state.ts';

export interface Waiting {
  readonly reason: string;
  readonly message?: string | undefined;
}

/** What the status of a pod says that this node takes down or never starts. */
export interface Rejection {
  readonly reason: 'Evicted' | 'VolumeAttachmentLimitExceeded';
  readonly message: string;
}

export interface StatusView {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  /** Why a container was not started, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly restartDelayMs: (container: string, endedAt: number) => number;
  /** By run id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  readonly hostIp: string;
  /** `holdfast`, `containerd`: the scheme of container ids. */
  readonly runtimeName: string;
  /** False: the runtime runs containers without their images. */
  readonly usesImages: boolean;
  /** Why the pod ends before its time, or never begins. */
  readonly rejection?: Rejection | undefined;
  /** What probes say of a running container; without it, running is started and ready. */
  readonly health?: ((run: ContainerRun) => Pick<Health, 'isStarted' | 'isReady'>) | undefined;
  readonly now: number;
}

export function podStatus(view: StatusView): PodStatus {
  const { pod, now } = view;
  const init = (pod.spec?.initContainers ?? []).map((one) => containerStatus(view, one, true));
  const main = (pod.spec?.containers ?? []).map((one) => containerStatus(view, one, false));
  const phase = phaseOf(view, init, main);
  const podIp = podIpOf(view);
  return {
    phase,
    ...view.rejection,
    conditions: conditionsOf(view, { init, main, phase }),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: main,
    hostIP: view.hostIp,
    hostIPs: [{ ip: view.hostIp }],
    ...(podIp === '' ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    startTime: pod.status?.startTime ?? formatTime(now),
    observedGeneration: pod.metadata.generation,
  };
}

function podIpOf({ runtime, pod, hostIp }: StatusView): string {
  const ip = runtime.sandboxes.find((sandbox) => sandbox.isReady)?.ip ?? '';
  if (ip !== '') return ip;
  return pod.spec?.hostNetwork === true ? hostIp : (pod.status?.podIP ?? '');
}

function containerStatus(view: StatusView, container: Container, isInit: boolean): ContainerStatus {
  const { name, image = '' } = container;
  const { pod, runtime, runtimeName } = view;
  const statuses = isInit ? pod.status?.initContainerStatuses : pod.status?.containerStatuses;
  const known = statuses?.find((one) => one.name === name);
  const run = latestRun(runtime, name);
  const previous = runtime.runs.find((one) => one.name === name && one !== run && one.state === 'exited');
  if (run === undefined && known?.state?.terminated !== undefined && !view.waiting.has(name)) return known;
  const state = stateOf(view, name, run);
  const isOver = run?.state === 'exited' && state.terminated === undefined;
  const last = isOver ? run : previous;
  const isRunning = state.running !== undefined;
  const health = run === undefined || !isRunning ? undefined : view.health?.(run);
  return {
    name,
    image,
    imageID: view.usesImages ? (run?.imageId ?? '') : '',
    ...(run === undefined ? {} : { containerID: `${runtimeName}://${run.id}` }),
    ready: isInit ? state.terminated?.exitCode === 0 : isRunning && health?.isReady !== false,
    started: isRunning && health?.isStarted !== false,
    restartCount: run?.attempt ?? known?.restartCount ?? 0,
    state,
    ...(last === undefined ? {} : { lastState: { terminated: terminated(view, last) } }),
  };
}

function stateOf(view: StatusView, name: string, run: ContainerRun | undefined): ContainerState {
  const waiting = view.waiting.get(name);
  if (run?.state === 'running') return { running: { startedAt: formatTime(run.startedAt) } };
  if (waiting !== undefined) return { waiting };
  if (run?.state === 'exited') {
    const delay = isRestarted(view.pod, name, run) ? view.restartDelayMs(name, run.finishedAt) : 0;
    if (run.finishedAt + delay <= view.now) return { terminated: terminated(view, run) };
    const message = `back-off ${formatDelay(delay)} restarting failed container=${name} pod=${podTitle(view.pod)}`;
    return { waiting: { reason: 'CrashLoopBackOff', message } };
  }
  const hasInit = (view.pod.spec?.initContainers ?? []).length > 0;
  return { waiting: { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' } };
}

function isRestarted(pod: Pod, name: string, run: ContainerRun): boolean {
  const policy = pod.spec?.restartPolicy ?? 'Always';
  const isInit = pod.spec?.initContainers?.some((one) => one.name === name) === true;
  if (pod.metadata.deletionTimestamp !== undefined || policy === 'Never') return false;
  return run.exitCode !== 0 || (policy === 'Always' && !isInit);
}

function podTitle({ metadata }: Pod): string {
  return `${metadata.name ?? ''}_${metadata.namespace ?? ''}(${metadata.uid ?? ''})`;
}

/** Go's duration form for what the back-off makes: `10s`, `1m20s`, `5m0s`. */
function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function terminated(view: StatusView, run: ContainerRun): NonNullable<ContainerState['terminated']> {
  const message = view.terminationMessages.get(run.id) ?? run.message;
  return {
    exitCode: run.exitCode,
    reason: run.reason === '' ? (run.exitCode === 0 ? 'Completed' : 'Error') : run.reason,
    ...(message === '' ? {} : { message }),
    startedAt: formatTime(run.startedAt),
    finishedAt: formatTime(run.finishedAt),
    containerID: `${view.runtimeName}://${run.id}`,
  };
}

type Statuses = readonly ContainerStatus[];

function phaseOf(view: StatusView, init: Statuses, main: Statuses): NonNullable<PodStatus['phase']> {
  const { pod, runtime } = view;
  const past = pod.status?.phase;
  // A pod that ended never runs again.
  if (past === 'Succeeded' || past === 'Failed') return past;
  if (view.rejection !== undefined) return 'Failed';
  if (isFinished({ spec: specView(pod), runtime }) || isEnded(pod, main)) {
    const failed = [...init, ...main].some((one) => (one.state?.terminated?.exitCode ?? 0) !== 0);
    return failed ? 'Failed' : 'Succeeded';
  }
  if (!isInitialized(view, init)) return 'Pending';
  const isFresh = (one: ContainerStatus): boolean =>
    one.state?.waiting !== undefined && one.lastState?.terminated === undefined;
  return main.some(isFresh) ? (past === 'Running' ? 'Running' : 'Pending') : 'Running';
}

/** Deleted, and every container has ended. */
function isEnded(pod: Pod, main: Statuses): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false;
  return main.length > 0 && main.every((one) => one.state?.terminated !== undefined);
}

function isInitialized({ pod }: StatusView, init: Statuses): boolean {
  return (pod.spec?.initContainers ?? []).every(({ name, restartPolicy }) => {
    const state = init.find((one) => one.name === name)?.state;
    return restartPolicy === 'Always' ? state?.running !== undefined : state?.terminated?.exitCode === 0;
  });
}

interface Summary {
  readonly init: Statuses;
  readonly main: Statuses;
  readonly phase: NonNullable<PodStatus['phase']>;
}

function conditionsOf(view: StatusView, { init, main, phase }: Summary): readonly PodCondition[] {
  const unready = main.filter((one) => !one.ready).map((one) => one.name);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const notReady = isOver
    ? { reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const ready = unready.length === 0 ? {} : notReady;
  const hasSandbox = view.runtime.sandboxes.some((sandbox) => sandbox.isReady);
  const initialized = isInitialized(view, init) || phase === 'Succeeded';
  const stated: readonly (readonly [string, boolean, Partial<PodCondition>])[] = [
    ['PodReadyToStartContainers', hasSandbox, {}],
    ['Initialized', initialized, initialized ? {} : { reason: 'ContainersNotInitialized' }],
    ['Ready', unready.length === 0, ready],
    ['ContainersReady', unready.length === 0, ready],
    ...imageCondition(view),
  ];
  const made = stated.map(([type, isTrue, rest]) => condition(view, type, isTrue ? 'True' : 'False', rest));
  const others = (view.pod.status?.conditions ?? []).filter(
    (old) => !stated.some(([type]) => type === old.type),
  );
  return [...others, ...made];
}

/** Says honestly when a running container was not made from its image. */
function imageCondition({
  runtime,
  usesImages,
}: StatusView): readonly (readonly [string, boolean, Partial<PodCondition>])[] {
  if (usesImages || runtime.runs.length === 0) return [];
  const message =
    'the sandbox runtime runs containers on the root filesystem of the node: the image was not used';
  return [['holdfast.dev/ImageUsed', false, { reason: 'SandboxRuntime', message }]];
}

function condition(
  view: StatusView,
  type: string,
  status: string,
  rest: Partial<PodCondition>,
): PodCondition {
  const old = view.pod.status?.conditions?.find((one) => one.type === type);
  const isSame = old?.status === status;
  const lastTransitionTime = isSame ? old.lastTransitionTime : formatTime(view.now);
  return { type, status, ...rest, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) };
}

function qosClassOf({ spec }: Pod): NonNullable<PodStatus['qosClass']> {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const hasAny = containers.some(
    ({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }).length > 0,
  );
  if (!hasAny) return 'BestEffort';
  const isGuaranteed = containers.every(({ resources }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = resources?.limits?.[name];
      return limit !== undefined && (resources?.requests?.[name] ?? limit) === limit;
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
