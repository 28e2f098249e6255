// The API as a node may list and watch it: its own pods and its own Node, narrowed by field selectors, which the node
// authorizer demands. Every other call passes unchanged.
import type { ApiObject, ResourceType } from '#api/object.ts';
import { nodes, pods } from '#api/resources.ts';
import type { ApiClient, ListQuery } from '#client/api-client.ts';

export function ownPodsQuery(nodeName: string): ListQuery {
  return { fieldSelector: `spec.nodeName=${nodeName}` };
}

/** `api` for the informers of the agent of `nodeName`. */
export function scopedToNode(api: ApiClient, nodeName: string): ApiClient {
  const narrow = <T extends ApiObject, Q extends ListQuery>(type: ResourceType<T>, query: Q): Q => {
    if (type.plural === pods.plural && type.group === '') return { ...query, ...ownPodsQuery(nodeName) };
    if (type.plural === nodes.plural && type.group === '') {
      return { ...query, fieldSelector: `metadata.name=${nodeName}` };
    }
    return query;
  };
  return {
    get: (type, name, signal) => api.get(type, name, signal),
    find: (type, name, signal) => api.find(type, name, signal),
    list: (type, query, signal) => api.list(type, narrow(type, query ?? {}), signal),
    create: (type, object, signal) => api.create(type, object, signal),
    update: (type, object, signal) => api.update(type, object, signal),
    updateStatus: (type, object, signal) => api.updateStatus(type, object, signal),
    updateSubresource: (type, object, subresource, signal) =>
      api.updateSubresource(type, object, subresource, signal),
    patch: (type, name, patch, signal) => api.patch(type, name, patch, signal),
    delete: (type, name, options, signal) => api.delete(type, name, options, signal),
    createSubresource: (type, name, subresource, body, signal) =>
      api.createSubresource(type, name, subresource, body, signal),
    watch: (type, query, signal) => api.watch(type, narrow(type, query), signal),
  };
}
