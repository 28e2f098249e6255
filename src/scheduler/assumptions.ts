// What the scheduler has decided and the caches do not show yet: pods on nodes, and volumes or nodes for claims. It is
// memory only: after a restart the claims' selected-node and the volumes' claimRef, which are stored, lead to the same
// node again. Forgetting an assumption undoes all of it at once.
import type { Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';

/** What is to be done for one delayed claim of the pod. */
export type Plan =
  | { readonly kind: 'match'; readonly claimKey: string; readonly claimUid: string; readonly volume: string }
  | { readonly kind: 'provision'; readonly claimKey: string; readonly claimUid: string };

export interface Assumption {
  readonly pod: Stored<Pod>;
  readonly nodeName: string;
  readonly plans: readonly Plan[];
  /** Monotonic milliseconds: when the claims must be bound. */
  readonly deadline: number;
  /** Keys of claims whose plan was written. */
  readonly written: ReadonlySet<string>;
  /** True once the pod's binding was sent: only the cache is awaited. */
  readonly isBindingSent: boolean;
}

export class Assumptions {
  readonly #byPod = new Map<string, Assumption>();

  /** The assumption for the pod with this key. */
  get(podKey: string): Assumption | undefined {
    return this.#byPod.get(podKey);
  }

  assume(assumption: Assumption): void {
    this.#byPod.set(keyOf(assumption.pod), assumption);
  }

  forget(podKey: string): void {
    this.#byPod.delete(podKey);
  }

  podsOn(nodeName: string): readonly Stored<Pod>[] {
    return [...this.#byPod.values()].filter((one) => one.nodeName === nodeName).map(({ pod }) => pod);
  }

  /** True when a plan for another claim holds the volume. */
  isVolumeTaken(volume: string, claimKey: string): boolean {
    for (const { plans } of this.#byPod.values()) {
      const isTaken = plans.some(
        (plan) => plan.kind === 'match' && plan.volume === volume && plan.claimKey !== claimKey,
      );
      if (isTaken) return true;
    }
    return false;
  }

  /** What another pod's assumption plans for the claim. */
  planFor(claimKey: string, exceptPod: string): { nodeName: string; plan: Plan } | undefined {
    for (const [podKey, { nodeName, plans }] of this.#byPod) {
      const plan = podKey === exceptPod ? undefined : plans.find((one) => one.claimKey === claimKey);
      if (plan !== undefined) return { nodeName, plan };
    }
    return undefined;
  }
}
