// Connects quotas to the loop's keys. Charges change only `status.used`: they bring up nothing.
import { keyOf } from '#api/object.ts';
import { resourceQuotas } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { quotaReconcile } from './reconcile.ts';

export interface QuotaOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that counts what ResourceQuotas limit. */
export function quotaLoop(deps: LoopDeps, { concurrency = 4 }: QuotaOptions = {}): Service {
  const quotas = deps.informers.informer(resourceQuotas);
  const reconcile = quotaReconcile(deps, quotas);
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    quotas.subscribe((event) => {
      const isCharge = event.kind === 'updated' && isSameButUsed(event.object, event.previous);
      if (!isCharge) enqueue(keyOf(event.object));
    }),
  ];
  return runLoop(deps, { name: 'quota', concurrency, reconcile, connect });
}

type Limits = { readonly spec?: unknown; readonly status?: { readonly hard?: unknown } | undefined };

function isSameButUsed(now: Limits, before: Limits): boolean {
  const text = ({ spec, status }: Limits): string => JSON.stringify([spec, status?.hard]);
  return text(now) === text(before);
}
