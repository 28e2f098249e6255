// What a node says to a pod, volumes aside: readiness, cordon, taints, selectors, resources. All reasons are collected.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import { podAcceptsNode } from '#rules/node-affinity.ts';
import { type Amounts, missingResources } from '#rules/pod-resources.ts';
import { isCordonedFor, isNodeReady, tolerates, untoleratedTaint } from '#rules/taints.ts';
import { NOT_READY_TAINT } from '#rules/well-known.ts';
import type { Refusal } from './refusal.ts';
import type { NodeState } from './view.ts';

/** The reasons why the pod cannot be placed on the node; none: it can (SCH10 to SCH14). */
export function refusalsOfNode(pod: Pod, requests: Amounts, { node, used }: NodeState): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (isCordonedFor(pod, node)) {
    refusals.push({ reason: 'node(s) were unschedulable', detail: 'spec.unschedulable is true' }); // SCH11
  }
  const taint = untoleratedTaint(pod, node);
  if (taint !== undefined) {
    const value = taint.value === undefined ? '' : taint.value;
    const reason = `node(s) had untolerated taint {${taint.key}: ${value}}`;
    refusals.push({ reason, detail: `spec.taints has ${taint.key}:${taint.effect}` }); // SCH12
  } else if (!isNodeReady(node) && !toleratesNotReady(pod)) {
    refusals.push({ reason: 'node(s) were not ready', detail: 'its Ready condition is not True' }); // SCH10
  }
  if (!podAcceptsNode(pod, node)) {
    const detail = "the pod's spec.nodeSelector or spec.affinity.nodeAffinity refuses its labels";
    refusals.push({ reason: "node(s) didn't match Pod's node affinity/selector", detail }); // SCH13
  }
  for (const resource of missingResources(node, requests, used)) {
    refusals.push(lack(node, resource, requests, used)); // SCH14
  }
  return refusals;
}

function toleratesNotReady(pod: Pod): boolean {
  const taint = { key: NOT_READY_TAINT, effect: 'NoSchedule' } as const;
  return (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}

function lack(node: Node, resource: string, requests: Amounts, used: Amounts): Refusal {
  const has = node.status?.allocatable?.[resource] ?? '0';
  const wants = `${Number(requests.get(resource) ?? 0n) / 1000}`;
  const taken = `${Number(used.get(resource) ?? 0n) / 1000}`;
  const reason = resource === 'pods' ? 'Too many pods' : `Insufficient ${resource}`;
  return {
    reason,
    detail: `status.allocatable.${resource} is ${has}, ${taken} is taken, ${wants} is requested`,
  };
}
