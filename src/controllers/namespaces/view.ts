// What the namespaces loop knows: the namespace from its cache, and what is in it from live lists.
import type { CustomResourceDefinition } from '#api/generated/apiextensions-v1.ts';
import type { Namespace } from '#api/generated/core-v1.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import { servedKinds } from '#api/kinds/index.ts';
import { events, persistentVolumeClaims, pods } from '#api/resources.ts';

/** Held by the namespace's spec until the namespace is empty. */
export const NAMESPACE_FINALIZER = 'kubernetes';

const ENDS: readonly string[] = [pods, persistentVolumeClaims, events].map(({ plural }) => plural);

/** Each built-in namespaced kind once, in its first version. */
const OTHERS: readonly ResourceType[] = [
  ...new Map(
    servedKinds
      .map(({ resource }) => resource)
      .filter(({ namespaced, plural }) => namespaced && !ENDS.includes(plural))
      .toReversed()
      .map((resource) => [`${resource.group}/${resource.plural}`, resource]),
  ).values(),
];

/** Pods first: what they use must not go before them. Events last: they tell how the rest went. */
export const DELETION_ORDER: readonly ResourceType[] = [pods, persistentVolumeClaims, ...OTHERS, events];

/** The same with the namespaced kinds that users have defined, just before the events. */
export function deletionOrder(definitions: readonly CustomResourceDefinition[]): readonly ResourceType[] {
  const known = new Set(DELETION_ORDER.map(({ group, plural }) => `${group}/${plural}`));
  const defined = definitions.flatMap(({ spec: { group, names, scope, versions } }) => {
    const version = versions.find(({ served }) => served)?.name;
    const { plural, kind = '' } = names;
    if (scope !== 'Namespaced' || version === undefined || known.has(`${group}/${plural}`)) return [];
    return [{ group, version, plural, kind, namespaced: true }];
  });
  return [...DELETION_ORDER.slice(0, -1), ...defined, ...DELETION_ORDER.slice(-1)];
}

export interface NamespaceView {
  readonly isDeleting: boolean;
  readonly isMarked: boolean;
  readonly isHeld: boolean;
}

export function viewNamespace({ metadata, spec, status }: Namespace): NamespaceView {
  return {
    isDeleting: metadata.deletionTimestamp !== undefined,
    isMarked: status?.phase === 'Terminating',
    isHeld: (spec?.finalizers ?? []).includes(NAMESPACE_FINALIZER),
  };
}

export interface ContentItem {
  readonly name: string;
  readonly uid: string;
  readonly isDeleting: boolean;
  readonly finalizers: readonly string[];
}

/** What is left of one kind in the namespace. */
export interface KindContent {
  readonly type: ResourceType;
  readonly items: readonly ContentItem[];
}

/** By name, so that the order of deletes does not depend on the server's. */
export function viewContent(type: ResourceType, items: readonly Stored<ApiObject>[]): KindContent {
  const views = items.map(({ metadata }) => ({
    name: metadata.name,
    uid: metadata.uid,
    isDeleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
  }));
  return { type, items: views.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
