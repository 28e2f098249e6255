// What the service-accounts loop knows of one namespace, from its caches.
import type { Namespace, ServiceAccount } from '#api/generated/core-v1.ts';

export interface NamespaceView {
  readonly isActive: boolean;
  readonly hasDefaultAccount: boolean;
}

export function viewNamespace(
  namespace: Namespace | undefined,
  account: ServiceAccount | undefined,
): NamespaceView {
  const isDeleting = namespace?.metadata.deletionTimestamp !== undefined;
  const phase = namespace?.status?.phase ?? 'Active';
  return {
    isActive: namespace !== undefined && !isDeleting && phase === 'Active',
    hasDefaultAccount: account !== undefined,
  };
}
