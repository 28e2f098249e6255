// Lists of kinds that the server does not serve are empty, not a failure: whoever proves that no group snapshot stands in
// the way must be able to on a cluster that has none (CMP3). Only as long as each list says anew that the kind is missing.
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ApiHandler } from '#api/request.ts';
import type { ApiClient, ListQuery } from '#client/api-client.ts';
import { hasReason } from '#client/api-error.ts';
import { forwardingClient } from '#client/forwarding-client.ts';
import type { IsServed } from './served-informers.ts';

/** `api` for the server that `send` leads to. */
export function servedClient(
  api: ApiClient,
  { send, isServed }: { readonly send: ApiHandler; readonly isServed: IsServed },
): ApiClient {
  return {
    ...forwardingClient(api),
    async list<T extends ApiObject>(type: ResourceType<T>, query?: ListQuery, signal?: AbortSignal) {
      try {
        return await api.list(type, query, signal);
      } catch (error) {
        // A kind that was there at the start and is missing now is not taken for empty: that may be a broken way.
        if (isServed(type) || !hasReason(error, 'NotFound')) throw error;
        // In another version its objects may well be there.
        if (!(await isGroupAbsent(send, type.group, signal))) throw error;
        return { resourceVersion: '', items: [] };
      }
    },
  };
}

/** True only when the server says that it has the group in no version. */
async function isGroupAbsent(
  send: ApiHandler,
  group: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<boolean> {
  const headers = { accept: 'application/json' };
  const { status } = await send({ method: 'GET', path: `/apis/${group}`, headers, user: undefined, signal });
  return status === 404;
}
