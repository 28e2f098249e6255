// Writes a pod's status when it differs from what the API has. Conditional on the pod's UID and the version it was
// made from; a conflict brings the newest object, and the next pass decides anew.
import type { Pod, PodStatus } from '#api/generated/core-v1.ts';
import { isJsonObject } from '#api/json.ts';
import type { Stored } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { hasReason } from '#client/api-error.ts';
import { covers } from '../node/same-json.ts';

export type StatusWrite =
  | { readonly kind: 'same' }
  | { readonly kind: 'written'; readonly pod: Stored<Pod> }
  /** Somebody else wrote first: `pod` is what the API has now, undefined when it is gone. */
  | { readonly kind: 'conflict'; readonly pod: Stored<Pod> | undefined };

/** Lists are compared both ways, so that an entry that has gone is written too. */
function isSame(actual: PodStatus | undefined, wanted: PodStatus): boolean {
  if (!covers(actual, wanted)) return false;
  return (
    covers(wanted.containerStatuses, actual?.containerStatuses) &&
    covers(wanted.conditions, actual?.conditions)
  );
}

export async function writeStatus(api: ApiClient, pod: Stored<Pod>, wanted: PodStatus): Promise<StatusWrite> {
  if (isSame(pod.status, wanted)) return { kind: 'same' };
  const { namespace = '', name, uid, resourceVersion } = pod.metadata;
  const status: unknown = wanted;
  if (!isJsonObject(status)) return { kind: 'same' };
  try {
    const patch = { metadata: { uid, resourceVersion }, status };
    const written = await api.patch(
      pods,
      { namespace, name },
      { type: 'merge', patch, subresource: 'status' },
    );
    return { kind: 'written', pod: written };
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
    const found = await api.find(pods, { namespace, name });
    return { kind: 'conflict', pod: found?.metadata.uid === uid ? found : undefined };
  }
}
