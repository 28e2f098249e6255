// What a pod's status says about whether it can still use anything.
import type { Pod } from '#api/generated/core-v1.ts';

/** True when the pod's containers have ended for good; its volumes are no longer used (RUL70). */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** `namespace/name` of a pod, for messages. */
export function podLabel(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`;
}
