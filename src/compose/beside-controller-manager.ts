// Refuses to run a loop beside a live kube-controller-manager, which has the same loops: two bindings or two attachers
// of one cluster undo each other's work. Live is one whose Lease changes within its duration, as seen by our own clock.
// Rules CMP2 and ATT51 are carried out here too.
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Stored } from '#api/object.ts';
import { leases } from '#api/resources.ts';
import { type Clock, sleep } from '#base/clock.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { Service } from '#client/loop.ts';

const LEASE = { namespace: 'kube-system', name: 'kube-controller-manager' };
const LOOK_MS = 500;
const DEFAULT_DURATION_SECONDS = 15;

/** A loop was not started, since a live kube-controller-manager has the same one. */
export class BesideControllerManagerError extends Error {
  override readonly name = 'BesideControllerManagerError';
}

export interface ControllerManagerGuard {
  /** `service`, which starts only when no kube-controller-manager is live, or at once when it was named. */
  guard(service: Service): Service;
}

/** One look for all loops. `named`: loops that run all the same, by the operator's word. */
export function controllerManagerGuard(
  deps: { readonly api: Pick<ApiClient, 'find'>; readonly clock: Clock },
  named: readonly string[],
): ControllerManagerGuard {
  let look: Promise<string | undefined> | undefined;
  return {
    guard: (service) => ({
      name: service.name,
      async run(signal) {
        if (!named.includes(service.name)) {
          look ??= liveHolder(deps, signal);
          const holder = await look.catch((error: unknown) => {
            // Told to stop in the middle of a look: that is no failure.
            if (!signal.aborted) throw error;
            return undefined;
          });
          if (holder !== undefined) throw new BesideControllerManagerError(refusal(service.name, holder));
        }
        if (!signal.aborted) await service.run(signal);
      },
    }),
  };
}

function refusal(loop: string, holder: string): string {
  return (
    `Cannot start the loop "${loop}": the kube-controller-manager "${holder}" is live and has the same loop: stop ` +
    `it, switch its loop off, name ours with --controllers *,${loop}, or leave it out with --controllers *,-${loop}`
  );
}

/** Who holds the Lease and renews it; undefined when nobody does for its whole duration. */
async function liveHolder(
  { api, clock }: { readonly api: Pick<ApiClient, 'find'>; readonly clock: Clock },
  signal: AbortSignal,
): Promise<string | undefined> {
  const first = await api.find(leases, LEASE, signal);
  if (holderOf(first) === '') return undefined;
  const durationMs = (first?.spec?.leaseDurationSeconds ?? DEFAULT_DURATION_SECONDS) * 1000;
  const since = clock.elapsed();
  while (!signal.aborted && clock.elapsed() - since < durationMs) {
    await sleep(clock, LOOK_MS, 'periodic', signal);
    const now = await api.find(leases, LEASE, signal);
    if (holderOf(now) === '') return undefined;
    if (now?.metadata.resourceVersion !== first?.metadata.resourceVersion) return holderOf(now);
  }
  return undefined;
}

function holderOf(lease: Stored<Lease> | undefined): string {
  return lease?.spec?.holderIdentity ?? '';
}
