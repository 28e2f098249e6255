// The Node object as this agent states it: labels, capacity, addresses, node information, conditions. Pure.
import type { Node, NodeCondition, NodeStatus, NodeSystemInfo } from '#api/generated/core-v1.ts';
import { formatBytes } from '#api/quantity.ts';
import { formatTime } from '#base/clock.ts';
import { HONOURS_BOOT_ID } from '#rules/well-known.ts';
import type { MachineFacts } from './machine.ts';

export interface NodeIdentity {
  readonly nodeName: string;
  readonly internalIp: string;
  readonly agentPort: number;
  readonly agentVersion: string;
  readonly runtimeVersion: string;
  readonly bootId: string;
}

/** Pods a node takes, the kubelet's default. */
const MAX_PODS = '110';

export function nodeLabels(identity: NodeIdentity, facts: MachineFacts): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': facts.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': facts.architecture,
    'kubernetes.io/hostname': identity.nodeName,
    'kubernetes.io/os': 'linux',
  };
}

/** What this agent promises, for the control plane to rely on (AGT76). */
export const NODE_PROMISES: Readonly<Record<string, string>> = { [HONOURS_BOOT_ID]: 'true' };

export function newNode(identity: NodeIdentity, facts: MachineFacts): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: identity.nodeName,
      labels: nodeLabels(identity, facts),
      annotations: { ...NODE_PROMISES },
    },
    spec: {},
  };
}

const KIBIBYTE = 1024n;

function wholeKibibytes(bytes: bigint): bigint {
  return (bytes / KIBIBYTE) * KIBIBYTE;
}

/** In the server's canonical form: what it stores must read the same, or it would be written for ever. */
function capacity(facts: MachineFacts): Readonly<Record<string, string>> {
  return {
    cpu: String(facts.cpuCount),
    memory: formatBytes(wholeKibibytes(facts.memoryBytes)),
    'ephemeral-storage': formatBytes(wholeKibibytes(facts.ephemeralStorageBytes)),
    pods: MAX_PODS,
  };
}

function nodeInfo(identity: NodeIdentity, facts: MachineFacts): NodeSystemInfo {
  return {
    architecture: facts.architecture,
    bootID: identity.bootId,
    containerRuntimeVersion: identity.runtimeVersion,
    kernelVersion: facts.kernelVersion,
    kubeProxyVersion: '',
    kubeletVersion: identity.agentVersion,
    machineID: facts.machineId,
    operatingSystem: 'linux',
    osImage: facts.osImage,
    systemUUID: facts.systemUuid,
  };
}

export interface Readiness {
  readonly isReady: boolean;
  readonly message: string;
}

interface StatedCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function statedConditions(readiness: Readiness): readonly StatedCondition[] {
  return [
    {
      type: 'MemoryPressure',
      status: 'False',
      reason: 'KubeletHasSufficientMemory',
      message: 'kubelet has sufficient memory available',
    },
    {
      type: 'DiskPressure',
      status: 'False',
      reason: 'KubeletHasNoDiskPressure',
      message: 'kubelet has no disk pressure',
    },
    {
      type: 'PIDPressure',
      status: 'False',
      reason: 'KubeletHasSufficientPID',
      message: 'kubelet has sufficient PID available',
    },
    {
      type: 'Ready',
      status: readiness.isReady ? 'True' : 'False',
      reason: readiness.isReady ? 'KubeletReady' : 'KubeletNotReady',
      message: readiness.message,
    },
  ];
}

/** The conditions with kept transition times; heartbeats move only when `isHeartbeatDue` or something changed. */
function conditions(
  readiness: Readiness,
  previous: readonly NodeCondition[],
  { now, isHeartbeatDue }: { readonly now: number; readonly isHeartbeatDue: boolean },
): readonly NodeCondition[] {
  const time = formatTime(now);
  return statedConditions(readiness).map((stated) => {
    const old = previous.find((one) => one.type === stated.type);
    const isSame =
      old?.status === stated.status && old.reason === stated.reason && old.message === stated.message;
    return {
      ...stated,
      lastHeartbeatTime: isSame && !isHeartbeatDue ? (old.lastHeartbeatTime ?? time) : time,
      lastTransitionTime: old?.status === stated.status ? (old.lastTransitionTime ?? time) : time,
    };
  });
}

export interface StatusInput {
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly readiness: Readiness;
  readonly volumesInUse: readonly string[];
  readonly previous: NodeStatus;
  readonly now: number;
  readonly isHeartbeatDue: boolean;
}

/** The part of the status that the agent owns; volumesAttached is the attachment controller's. */
export function ownedStatus(input: StatusInput): NodeStatus {
  const { identity, facts, previous } = input;
  return {
    addresses: [
      { type: 'InternalIP', address: identity.internalIp },
      { type: 'Hostname', address: identity.nodeName },
    ],
    allocatable: capacity(facts),
    capacity: capacity(facts),
    conditions: conditions(input.readiness, previous.conditions ?? [], input),
    daemonEndpoints: { kubeletEndpoint: { Port: identity.agentPort } },
    nodeInfo: nodeInfo(identity, facts),
    volumesInUse: [...input.volumesInUse].sort(),
  };
}
