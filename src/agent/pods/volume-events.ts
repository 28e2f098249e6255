// Tells users why a pod waits for its volumes, in the kubelet's words, and whether a pod's volumes follow objects.
import type { Pod, Volume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { EventRecorder } from '#client/events.ts';
import type { UnresolvedVolume } from '../world/resolve.ts';
import type { PendingVolume } from '../world/volume-world.ts';

/** Types whose content the agent writes, from objects that may change. */
export function isAgentWritten({ configMap, secret, projected, downwardAPI }: Volume): boolean {
  return [configMap, secret, projected, downwardAPI].some((one) => one !== undefined);
}

/** True when the content of some volume of the pod follows an object. */
export function bySource(pod: Pod | undefined): boolean {
  return (pod?.spec?.volumes ?? []).some(isAgentWritten);
}

/** Records what stands in the way. Waits that are the normal course of an attach are not worth an event. */
export function tellVolumes(
  events: EventRecorder,
  pod: Stored<Pod>,
  state: { readonly unresolved: readonly UnresolvedVolume[]; readonly pending: readonly PendingVolume[] },
): void {
  for (const { volume, because } of state.unresolved) warn(events, pod, volume, because);
  for (const { volume, because } of state.pending) {
    const isNormal =
      because === undefined || ['waiting: in-use-not-stored', 'waiting: not-attached'].includes(because);
    if (!isNormal) warn(events, pod, volume, because);
  }
}

function warn(events: EventRecorder, pod: Stored<Pod>, volume: string, because: string): void {
  const message = `Unable to set up volume "${volume}" of pod "${pod.metadata.name}": ${because}`;
  events.record(pod, { type: 'Warning', reason: 'FailedMount', message });
}
