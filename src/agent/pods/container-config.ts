// The CRI configuration of a pod's sandbox and containers, from the pod's spec. Pure.
import type { Container, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes, quantityToMilli } from '#api/quantity.ts';
import type { Sparse } from '#runtime/cri-client.ts';
import type {
  ContainerConfig,
  LinuxContainerConfig,
  LinuxContainerResources,
  Mount,
  NamespaceOption,
  PodSandboxConfig,
} from '#runtime/generated/cri.ts';
import { podLogDirectory } from '../paths.ts';
import { ContainerConfigError } from './environment.ts';
import { expandVariables } from './expand.ts';
import { CONTAINER_NAME, GRACE_PERIOD, podLabels } from './labels.ts';

/** Kubernetes' default for terminationGracePeriodSeconds. */
export const DEFAULT_GRACE_SECONDS = 30;

export function identityOfPod(pod: Stored<Pod>): { namespace: string; name: string; uid: string } {
  const { namespace = '', name, uid } = pod.metadata;
  return { namespace, name, uid };
}

function namespaceOptions({ spec }: Pod): Sparse<NamespaceOption> {
  const containersPid = spec?.shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: spec?.hostNetwork === true ? 'NODE' : 'POD',
    pid: spec?.hostPID === true ? 'NODE' : containersPid,
    ipc: spec?.hostIPC === true ? 'NODE' : 'POD',
  };
}

function int64(value: number | undefined): { readonly value: string } | null {
  return value === undefined ? null : { value: String(value) };
}

function supplementalGroups({ spec }: Pod): readonly string[] {
  const { fsGroup, supplementalGroups: groups = [] } = spec?.securityContext ?? {};
  return [...(fsGroup === undefined ? [] : [fsGroup]), ...groups].map(String);
}

export function sandboxConfig(
  pod: Stored<Pod>,
  options: { readonly attempt: number; readonly logsRoot: string; readonly agentId: string },
): Sparse<PodSandboxConfig> {
  const identity = identityOfPod(pod);
  const security = pod.spec?.securityContext;
  return {
    metadata: { ...identity, attempt: options.attempt },
    // A host name of Linux holds 63 bytes.
    hostname: pod.spec?.hostNetwork === true ? '' : (pod.spec?.hostname ?? identity.name).slice(0, 63),
    logDirectory: podLogDirectory(options.logsRoot, identity),
    labels: { ...pod.metadata.labels, ...podLabels(identity, options.agentId) },
    annotations: { ...pod.metadata.annotations, [GRACE_PERIOD]: String(graceSecondsOf(pod)) },
    linux: {
      securityContext: {
        namespaceOptions: namespaceOptions(pod),
        runAsUser: int64(security?.runAsUser),
        runAsGroup: int64(security?.runAsGroup),
        supplementalGroups: supplementalGroups(pod),
      },
    },
  };
}

/** The period of a deletion in progress, or the one of the spec. */
export function graceSecondsOf(pod: Pod): number {
  return (
    pod.metadata.deletionGracePeriodSeconds ??
    pod.spec?.terminationGracePeriodSeconds ??
    DEFAULT_GRACE_SECONDS
  );
}

export interface ContainerInput {
  readonly pod: Stored<Pod>;
  readonly container: Container;
  readonly attempt: number;
  readonly agentId: string;
  /** What the runtime calls the image; the spec's name when it uses none. */
  readonly imageRef: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly Sparse<Mount>[];
  readonly devices: readonly { readonly hostPath: string; readonly containerPath: string }[];
}

export function containerConfig(input: ContainerInput): Sparse<ContainerConfig> {
  const { pod, container, attempt, environment } = input;
  const expand = (text: string): string => expandVariables(text, environment);
  return {
    metadata: { name: container.name, attempt },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: input.mounts,
    devices: input.devices.map((device) => ({ ...device, permissions: 'rwm' })),
    labels: { ...podLabels(identityOfPod(pod), input.agentId), [CONTAINER_NAME]: container.name },
    annotations: { [GRACE_PERIOD]: String(graceSecondsOf(pod)) },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: linuxConfig(pod, container),
  };
}

function linuxConfig(pod: Pod, container: Container): Sparse<LinuxContainerConfig> {
  const security = { ...pod.spec?.securityContext, ...container.securityContext };
  if (security.runAsNonRoot === true && (security.runAsUser ?? 0) === 0) {
    throw new ContainerConfigError('container has runAsNonRoot and would run as root: a runAsUser is needed');
  }
  const { capabilities, privileged = false } = container.securityContext ?? {};
  return {
    resources: resourcesOf(container),
    securityContext: {
      privileged,
      capabilities: { addCapabilities: capabilities?.add ?? [], dropCapabilities: capabilities?.drop ?? [] },
      namespaceOptions: namespaceOptions(pod),
      runAsUser: int64(security.runAsUser),
      runAsGroup: int64(security.runAsGroup),
      readonlyRootfs: container.securityContext?.readOnlyRootFilesystem ?? false,
      supplementalGroups: supplementalGroups(pod),
      noNewPrivs: container.securityContext?.allowPrivilegeEscalation === false,
    },
  };
}

// The kubelet's arithmetic: 1024 shares a core, at least 2; the quota of a 100 ms period.
const SHARES_PER_CPU = 1024n;
const MIN_SHARES = 2n;
const PERIOD_US = 100_000n;

function resourcesOf({ resources }: Container): Sparse<LinuxContainerResources> {
  const { requests = {}, limits = {} } = resources ?? {};
  const requestMilli = quantityToMilli(requests.cpu ?? limits.cpu ?? '0');
  const limitMilli = quantityToMilli(limits.cpu ?? '0');
  const shares = (requestMilli * SHARES_PER_CPU) / 1000n;
  return {
    cpuShares: String(shares < MIN_SHARES ? MIN_SHARES : shares),
    cpuPeriod: limitMilli > 0n ? String(PERIOD_US) : '0',
    cpuQuota: String((limitMilli * PERIOD_US) / 1000n),
    memoryLimitInBytes: String(quantityToBytes(limits.memory ?? '0')),
  };
}
