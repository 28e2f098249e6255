// What the records say, as CRI messages. Pure.
import { assertNever } from '#base/assert.ts';
import type {
  Container,
  ContainerFilter,
  ContainerState,
  ContainerStatus,
  LinuxPodSandboxStatus,
  PodSandbox,
  PodSandboxFilter,
  PodSandboxStatus,
} from '../generated/cri.ts';
import type { ContainerRecord, PodRecord, StringMap } from './records.ts';

/** Nanoseconds as the CRI wants them, from milliseconds. */
export function nanoseconds(epochMs: number): string {
  return String(BigInt(Math.round(epochMs)) * 1_000_000n);
}

/** What a container's namespaces really are: the network is always the machine's, the processes always its own. */
const NAMESPACES: LinuxPodSandboxStatus = {
  namespaces: {
    options: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD', targetId: '', usernsOptions: null },
  },
};

export function podStatus(record: PodRecord, isReady: boolean, ip: string): PodSandboxStatus {
  return {
    ...podListItem(record, isReady),
    network: { ip: isReady ? ip : '', additionalIps: [] },
    linux: NAMESPACES,
  };
}

export function podListItem(record: PodRecord, isReady: boolean): PodSandbox {
  const { id, metadata, labels, annotations, runtimeHandler, createdAtMs } = record;
  return {
    id,
    metadata,
    state: isReady ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    createdAt: nanoseconds(createdAtMs),
    labels,
    annotations,
    runtimeHandler,
  };
}

export function containerState(record: ContainerRecord): ContainerState {
  switch (record.phase.kind) {
    case 'created':
    case 'starting':
      return 'CONTAINER_CREATED';
    case 'running':
      return 'CONTAINER_RUNNING';
    case 'exited':
      return 'CONTAINER_EXITED';
    default:
      return assertNever(record.phase);
  }
}

export function containerListItem(record: ContainerRecord): Container {
  const { id, podId, metadata, image, labels, annotations, createdAtMs } = record;
  return {
    id,
    podSandboxId: podId,
    metadata,
    image,
    imageRef: image.image,
    state: containerState(record),
    createdAt: nanoseconds(createdAtMs),
    labels,
    annotations,
    imageId: image.image,
  };
}

export function containerStatus(record: ContainerRecord): ContainerStatus {
  const { phase, plan } = record;
  const exit = phase.kind === 'exited' ? phase : undefined;
  const startedAtMs = phase.kind === 'running' ? phase.startedAtMs : (exit?.startedAtMs ?? 0);
  return {
    id: record.id,
    metadata: record.metadata,
    state: containerState(record),
    createdAt: nanoseconds(record.createdAtMs),
    startedAt: nanoseconds(startedAtMs),
    finishedAt: nanoseconds(exit?.finishedAtMs ?? 0),
    exitCode: exit?.exitCode ?? 0,
    image: record.image,
    imageRef: record.image.image,
    reason: exit?.reason ?? '',
    message: exit?.message ?? '',
    labels: record.labels,
    annotations: record.annotations,
    mounts: plan.mounts,
    logPath: record.logPath,
    resources: null,
    imageId: record.image.image,
    user: {
      linux: {
        uid: String(plan.user.uid),
        gid: String(plan.user.gid),
        supplementalGroups: plan.user.groups.map(String),
      },
    },
    stopSignal: plan.stopSignal,
  };
}

/** True when the container passes every part of the filter that is set. */
export function matchesContainer(record: ContainerRecord, filter: ContainerFilter | null): boolean {
  if (filter === null) return true;
  const isState = filter.state === null || filter.state.state === containerState(record);
  const isPod = filter.podSandboxId === '' || record.podId === filter.podSandboxId;
  return (
    isState && isPod && matchesId(record.id, filter.id) && hasLabels(record.labels, filter.labelSelector)
  );
}

export function matchesPod(record: PodRecord, isReady: boolean, filter: PodSandboxFilter | null): boolean {
  if (filter === null) return true;
  const isState = filter.state === null || (filter.state.state === 'SANDBOX_READY') === isReady;
  return isState && matchesId(record.id, filter.id) && hasLabels(record.labels, filter.labelSelector);
}

// The CRI lets a caller shorten an id.
function matchesId(id: string, wanted: string): boolean {
  return wanted === '' || id.startsWith(wanted);
}

function hasLabels(labels: StringMap, selector: StringMap): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
