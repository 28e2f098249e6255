// What a node says to a pod, volumes and other pods aside: readiness, cordon, taints, selectors, resources, host ports.
// All reasons are collected.
import type { Pod, Taint } from '#api/generated/core-v1.ts';
import { podAcceptsNode } from '#rules/node-affinity.ts';
import { missingAmounts } from '#rules/pod-resources.ts';
import { isCordonedFor, isNodeReady, tolerates, untoleratedTaint } from '#rules/taints.ts';
import { NOT_READY_TAINT } from '#rules/well-known.ts';
import type { NodeState } from './node-info.ts';
import { type PodFacts, portsConflict } from './pod-facts.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';

/** The reasons why the pod cannot be placed on the node; none: it can (SCH10 to SCH15). */
export function refusalsOfNode(facts: PodFacts, state: NodeState): readonly Refusal[] {
  const { pod, requests, ports } = facts;
  const { node, used, allocatable } = state;
  const refusals: Refusal[] = [];
  if (isCordonedFor(pod, node)) {
    refusals.push({
      cause: 'node',
      reason: 'node(s) were unschedulable',
      detail: 'spec.unschedulable is true', // SCH11
    });
  }
  const taint = untoleratedTaint(pod, node);
  if (taint !== undefined)
    refusals.push(tainted(taint)); // SCH12
  else if (!isNodeReady(node) && !toleratesNotReady(pod)) refusals.push(NOT_READY); // SCH10
  if (!podAcceptsNode(pod, node)) refusals.push(NOT_CHOSEN); // SCH13
  for (const resource of missingAmounts(allocatable, requests, used)) {
    refusals.push(lack(facts, state, resource)); // SCH14
  }
  for (const port of ports) {
    if (!state.ports.some((taken) => portsConflict(port, taken))) continue;
    const detail = `port ${port.port}/${port.protocol} of the pod's spec.containers[].ports[].hostPort is taken`;
    const reason = "node(s) didn't have free ports for the requested pod ports";
    refusals.push({ cause: 'ports', reason, detail }); // SCH15
    break;
  }
  return refusals.length === 0 ? NO_REFUSALS : refusals;
}

const NOT_READY: Refusal = {
  cause: 'node',
  reason: 'node(s) were not ready',
  detail: 'its Ready condition is not True',
};

const NOT_CHOSEN: Refusal = {
  cause: 'node',
  reason: "node(s) didn't match Pod's node affinity/selector",
  detail: "the pod's spec.nodeSelector or spec.affinity.nodeAffinity refuses its labels",
};

function tainted({ key, value = '', effect }: Taint): Refusal {
  const reason = `node(s) had untolerated taint {${key}: ${value}}`;
  return { cause: 'node', reason, detail: `spec.taints has ${key}:${effect}` };
}

function toleratesNotReady(pod: Pod): boolean {
  const taint = { key: NOT_READY_TAINT, effect: 'NoSchedule' } as const;
  return (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}

function lack({ requests }: PodFacts, { node, used }: NodeState, resource: string): Refusal {
  const has = node.status?.allocatable?.[resource] ?? '0';
  const wants = `${Number(requests.get(resource) ?? 0n) / 1000}`;
  const taken = `${Number(used.get(resource) ?? 0n) / 1000}`;
  const reason = resource === 'pods' ? 'Too many pods' : `Insufficient ${resource}`;
  const detail = `status.allocatable.${resource} is ${has}, ${taken} is taken, ${wants} is requested`;
  return { cause: 'resources', reason, detail };
}
