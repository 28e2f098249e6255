// What a pod's spec means for its placement, read once for each version of the pod: amounts, host ports, priority,
// affinity terms. Pods are looked at once for every pod that comes after them, so nothing is parsed twice.
import type { Container, Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { quantityToMilli } from '#api/quantity.ts';
import { type AffinityTerms, affinityTermsOf } from '#rules/pod-affinity.ts';
import { type Amounts, requestsOfPod } from '#rules/pod-resources.ts';
import { priorityOf } from '#rules/preemption.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface PodFacts {
  readonly key: string;
  readonly pod: Stored<Pod>;
  readonly requests: Amounts;
  /** For scores only: containers that ask for nothing count as a little, so that they spread too. Milli and bytes. */
  readonly weight: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
  readonly priority: number;
  readonly terms: AffinityTerms;
}

/** Reads a pod. */
export function factsOf(pod: Stored<Pod>): PodFacts {
  return {
    key: keyOf(pod),
    pod,
    requests: requestsOfPod(pod),
    weight: weightOf(pod),
    ports: hostPortsOf(pod),
    priority: priorityOf(pod),
    terms: affinityTermsOf(pod),
  };
}

// Upstream's DefaultMilliCPURequest and DefaultMemoryRequest.
const DEFAULT_CPU = 100;
const DEFAULT_MEMORY = 200 * 1024 * 1024;

function weightOf(pod: Pod): PodFacts['weight'] {
  let cpu = 0;
  let memory = 0;
  for (const container of runningContainers(pod)) {
    const requests = { ...container.resources?.limits, ...container.resources?.requests };
    cpu += requests['cpu'] === undefined ? DEFAULT_CPU : Number(quantityToMilli(requests['cpu']));
    memory +=
      requests['memory'] === undefined ? DEFAULT_MEMORY : Number(quantityToMilli(requests['memory'])) / 1000;
  }
  return { cpu, memory };
}

/** The containers that run together for the pod's life: its own and its side-cars. */
function runningContainers({ spec }: Pod): readonly Container[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...(spec?.containers ?? []), ...sidecars];
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const isOnHost = pod.spec?.hostNetwork === true;
  return runningContainers(pod).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, hostIP = '', protocol = 'TCP' }) => {
      const port = hostPort ?? (isOnHost ? containerPort : 0);
      return port > 0 ? [{ ip: hostIP === '' ? ANY : hostIP, protocol, port }] : [];
    }),
  );
}

const ANY = '0.0.0.0';

/** True when both cannot be open on one node: an address of all zeroes stands for every address. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === ANY || b.ip === ANY;
}
