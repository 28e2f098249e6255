// What the scheduler has decided and the caches do not show yet: pods on nodes, and volumes or nodes for claims. It is
// memory only: after a restart the claims' selected-node and the volumes' claimRef, which are stored, lead to the same
// node again. Forgetting an assumption undoes all of it at once.
import type { Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { DeclinedNodes } from './declined-nodes.ts';

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

/** Where assumed pods count: the picture of the cluster. */
export interface Places {
  assume(pod: Stored<Pod>, nodeName: string): void;
  forget(podKey: string): void;
}

export class Assumptions {
  /** Where assumptions have failed because no volume could be made. */
  readonly declined = new DeclinedNodes();
  readonly #places: Places;
  readonly #byPod = new Map<string, Assumption>();
  readonly #podsByClaim = new Map<string, Set<string>>();
  readonly #claimsByVolume = new Map<string, Set<string>>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** The assumption for the pod with this key. */
  get(podKey: string): Assumption | undefined {
    return this.#byPod.get(podKey);
  }

  assume(assumption: Assumption): void {
    const podKey = keyOf(assumption.pod);
    const before = this.#byPod.get(podKey);
    if (before !== undefined) this.#dropPlans(podKey, before);
    this.#byPod.set(podKey, assumption);
    for (const plan of assumption.plans) {
      addTo(this.#podsByClaim, plan.claimKey, podKey);
      if (plan.kind === 'match') addTo(this.#claimsByVolume, plan.volume, plan.claimKey);
    }
    if (before?.nodeName !== assumption.nodeName) this.#places.assume(assumption.pod, assumption.nodeName);
  }

  forget(podKey: string): void {
    const before = this.#byPod.get(podKey);
    if (before === undefined) return;
    this.#byPod.delete(podKey);
    this.#dropPlans(podKey, before);
    this.#places.forget(podKey);
  }

  /** True when a plan for another claim holds the volume. */
  isVolumeTaken(volume: string, claimKey: string): boolean {
    const holders = this.#claimsByVolume.get(volume);
    return holders !== undefined && (holders.size > 1 || !holders.has(claimKey));
  }

  /** What another pod's assumption plans for the claim. */
  planFor(claimKey: string, exceptPod: string): { nodeName: string; plan: Plan } | undefined {
    for (const podKey of this.#podsByClaim.get(claimKey) ?? []) {
      const assumption = podKey === exceptPod ? undefined : this.#byPod.get(podKey);
      const plan = assumption?.plans.find((one) => one.claimKey === claimKey);
      if (assumption !== undefined && plan !== undefined) return { nodeName: assumption.nodeName, plan };
    }
    return undefined;
  }

  #dropPlans(podKey: string, { plans }: Assumption): void {
    for (const plan of plans) {
      removeFrom(this.#podsByClaim, plan.claimKey, podKey);
      const isShared = (this.#podsByClaim.get(plan.claimKey)?.size ?? 0) > 0;
      if (plan.kind === 'match' && !isShared) removeFrom(this.#claimsByVolume, plan.volume, plan.claimKey);
    }
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  sets.set(key, (sets.get(key) ?? new Set<string>()).add(value));
}

function removeFrom(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
