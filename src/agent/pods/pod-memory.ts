// What the agent remembers of a pod between passes. Nothing here decides about destruction: it is lost with the
// process, and what matters is found again in the API, the runtime, the records and the kernel.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { UnresolvedVolume } from '../world/resolve.ts';
import { RestartBackoff } from './restart-backoff.ts';
import type { Rejection, Waiting } from './status.ts';

export class PodMemory {
  /** The newest known object: from the cache, or the answer to a write. */
  pod: Stored<Pod> | undefined;
  /** The API no longer has the pod, by a live read. */
  isGone = false;
  /** Why the pod has to end before its time: what its status will say. */
  rejection: Rejection | undefined;
  isResolved = false;
  unresolved: readonly UnresolvedVolume[] = [];
  /** Since when its volumes are waited for (monotonic milliseconds). */
  waitingSince: number | undefined;
  /** Looks in a row that left something unresolved. */
  unresolvedLooks = 0;
  /** When the objects behind its volumes are read again (monotonic milliseconds). */
  resolveAgainAt = 0;
  /** Failed attempts in a row at the pod's sandbox. */
  sandboxFailures: { readonly count: number; readonly retryAt: number } | undefined;
  /** Failed starts in a row, by container. */
  readonly startFailures = new Map<string, { readonly count: number; readonly retryAt: number }>();
  readonly waiting = new Map<string, Waiting>();
  readonly backoff = new RestartBackoff();
  readonly terminationMessages = new Map<string, string>();

  /** Keeps the newer of two states of the same pod. */
  learn(pod: Stored<Pod>): void {
    const known = this.pod;
    const isOlder =
      known !== undefined && Number(pod.metadata.resourceVersion) < Number(known.metadata.resourceVersion);
    if (!isOlder) this.pod = pod;
  }
}
