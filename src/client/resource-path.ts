// The URL of a resource in the Kubernetes grammar. Pure.
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ListQuery, ObjectName, WatchOptions } from './api-client.ts';

/** `/api/v1/namespaces/default/pods`, `/apis/storage.k8s.io/v1/storageclasses`. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope =
    type.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${root}${scope}/${type.plural}`;
}

export function objectPath(
  type: ResourceType,
  { namespace, name }: ObjectName,
  subresource?: string,
): string {
  const path = `${collectionPath(type, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** How messages name an object: `persistentvolumeclaims "default/data"`. */
export function describeObject(type: ResourceType, { namespace, name }: ObjectName): string {
  return namespace === undefined || namespace === ''
    ? `${type.plural} "${name}"`
    : `${type.plural} "${namespace}/${name}"`;
}

export function nameOf(object: ApiObject): ObjectName {
  const { namespace, name = '' } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

export function listPath(
  type: ResourceType,
  query: ListQuery,
  page: { readonly limit?: number; readonly continue?: string },
): string {
  return withQuery(collectionPath(type, query.namespace), { ...selectors(query), ...page });
}

export function watchPath(type: ResourceType, query: WatchOptions): string {
  const sendInitialEvents = query.sendInitialEvents ?? query.resourceVersion === undefined;
  return withQuery(collectionPath(type, query.namespace), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    ...selectors(query),
    resourceVersion: query.resourceVersion,
    sendInitialEvents: sendInitialEvents ? 'true' : undefined,
    resourceVersionMatch: sendInitialEvents ? 'NotOlderThan' : undefined,
    timeoutSeconds: query.timeoutSeconds,
  });
}

function selectors({ labelSelector, fieldSelector }: ListQuery) {
  return { labelSelector, fieldSelector };
}

function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}
