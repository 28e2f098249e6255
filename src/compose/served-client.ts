// Lists of kinds that the server does not serve are empty, not a failure: whoever proves that no group snapshot stands in
// the way must be able to on a cluster that has none (CMP3). Only as long as each list says anew that the kind is missing.
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ApiHandler } from '#api/request.ts';
import type { ApiClient, ListQuery } from '#client/api-client.ts';
import { hasReason } from '#client/api-error.ts';
import type { IsServed } from './served-informers.ts';

/** `api` for the server that `send` leads to. */
export function servedClient(
  api: ApiClient,
  { send, isServed }: { readonly send: ApiHandler; readonly isServed: IsServed },
): ApiClient {
  return {
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
    get: (type, name, signal) => api.get(type, name, signal),
    find: (type, name, signal) => api.find(type, name, signal),
    create: (type, object, signal) => api.create(type, object, signal),
    update: (type, object, signal) => api.update(type, object, signal),
    updateStatus: (type, object, signal) => api.updateStatus(type, object, signal),
    updateSubresource: (type, object, subresource, signal) =>
      api.updateSubresource(type, object, subresource, signal),
    patch: (type, name, patch, signal) => api.patch(type, name, patch, signal),
    delete: (type, name, options, signal) => api.delete(type, name, options, signal),
    createSubresource: (type, name, subresource, body, signal) =>
      api.createSubresource(type, name, subresource, body, signal),
    watch: (type, query, signal) => api.watch(type, query, signal),
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
