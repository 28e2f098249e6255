// What the namespaces loop knows: the namespace from its cache, and what is in it from live lists.
import type { Namespace } from '#api/generated/core-v1.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import {
  configMaps,
  events,
  leases,
  persistentVolumeClaims,
  pods,
  secrets,
  serviceAccounts,
} from '#api/resources.ts';

/** Held by the namespace's spec until the namespace is empty. */
export const NAMESPACE_FINALIZER = 'kubernetes';

/** Pods first: what they use must not go before them. Events last: they tell how the rest went. */
export const DELETION_ORDER: readonly ResourceType[] = [
  pods,
  persistentVolumeClaims,
  leases,
  configMaps,
  secrets,
  serviceAccounts,
  events,
];

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
