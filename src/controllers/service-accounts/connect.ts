// Connects namespaces and their default accounts to the loop's keys.
import { keyOf } from '#api/object.ts';
import { namespaces, serviceAccounts } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { accountReconcile, DEFAULT_ACCOUNT } from './reconcile.ts';

export interface ServiceAccountsOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that gives every active namespace its `default` ServiceAccount. */
export function serviceAccountsLoop(
  deps: LoopDeps,
  { concurrency = 4 }: ServiceAccountsOptions = {},
): Service {
  const spaces = deps.informers.informer(namespaces);
  const accounts = deps.informers.informer(serviceAccounts);
  const reconcile = accountReconcile(deps, { namespaces: spaces, accounts });
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    spaces.subscribe(({ object }) => enqueue(keyOf(object))),
    accounts.subscribe(({ kind, object }) => {
      const { name, namespace } = object.metadata;
      if (kind === 'deleted' && name === DEFAULT_ACCOUNT && namespace !== undefined) enqueue(namespace);
    }),
  ];
  return runLoop(deps, { name: 'service-accounts', concurrency, reconcile, connect });
}
