// A client that passes every call on to another one: for wrappers that change one or two of its calls.
import type { ApiClient } from './api-client.ts';

/** The calls of `api`, to be spread and partly replaced; a class instance cannot be spread. */
export function forwardingClient(api: ApiClient): ApiClient {
  return {
    get: (type, name, signal) => api.get(type, name, signal),
    find: (type, name, signal) => api.find(type, name, signal),
    list: (type, query, signal) => api.list(type, query, signal),
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
