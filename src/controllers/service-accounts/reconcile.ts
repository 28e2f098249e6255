// Creates the default ServiceAccount of one namespace. Keys are names of namespaces.
// Rule SAC4 is carried out here too.
import type { Namespace, ServiceAccount } from '#api/generated/core-v1.ts';
import { serviceAccounts } from '#api/resources.ts';
import { hasReason } from '#client/api-error.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { decideAccount } from './decide.ts';
import { viewNamespace } from './view.ts';

export const DEFAULT_ACCOUNT = 'default';

export interface AccountCaches {
  readonly namespaces: Informer<Namespace>;
  readonly accounts: Informer<ServiceAccount>;
}

export function accountReconcile(deps: LoopDeps, { namespaces, accounts }: AccountCaches): Reconcile {
  return async (namespace, signal) => {
    const view = viewNamespace(namespaces.get(namespace), accounts.get(`${namespace}/${DEFAULT_ACCOUNT}`));
    if (decideAccount(view).kind === 'settled') return { kind: 'settled' };
    return create(deps, accounts, namespace, signal);
  };
}

async function create(
  { api }: LoopDeps,
  accounts: Informer<ServiceAccount>,
  namespace: string,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const account: ServiceAccount = { metadata: { namespace, name: DEFAULT_ACCOUNT } };
    const { metadata } = await api.create(serviceAccounts, account, signal);
    return { kind: 'progressed', wrote: { informer: accounts, resourceVersion: metadata.resourceVersion } };
  } catch (error) {
    // OBSERVED: there is one, or the namespace is gone; the caches will say so too.
    if (hasReason(error, 'AlreadyExists', 'NotFound')) return { kind: 'settled' }; // SAC3
    return { kind: 'failed', error };
  }
}
