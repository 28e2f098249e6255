// The API as a node may list and watch it: its own pods and its own Node, narrowed by field selectors, which the node
// authorizer demands. Every other call passes unchanged.
import type { ApiObject, ResourceType } from '#api/object.ts';
import { nodes, pods } from '#api/resources.ts';
import type { ApiClient, ListQuery } from '#client/api-client.ts';
import { forwardingClient } from '#client/forwarding-client.ts';

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
    ...forwardingClient(api),
    list: (type, query, signal) => api.list(type, narrow(type, query ?? {}), signal),
    watch: (type, query, signal) => api.watch(type, narrow(type, query), signal),
  };
}
