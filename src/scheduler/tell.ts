// Tells users about a pod, in an event.
import type { Pod } from '#api/generated/core-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import type { LoopDeps } from '#client/loop.ts';

/** Records an event about the pod; the recorder counts equal ones. */
export function tell(
  { events }: Pick<LoopDeps, 'events'>,
  pod: Stored<Pod>,
  facts: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
): void {
  const about: ApiObject = { ...pod, apiVersion: 'v1', kind: 'Pod' };
  events.record(about, facts);
}
