// Nodes for which the volumes of a pod could not be made. Without this a pod would be sent to the same best node over
// and over while the driver has room elsewhere. It is memory only: after a restart each node is tried once more.
import type { Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';

interface Declined {
  readonly uid: string;
  /** In the order in which they declined last. */
  readonly nodes: Set<string>;
  times: number;
  notBefore: number;
}

const NONE: ReadonlySet<string> = new Set();
/** The distances of upstream's back-off queue: where every node declines, the claim is written no more often. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;

export class DeclinedNodes {
  readonly #byPod = new Map<string, Declined>();

  /** Notes that the pod's volumes were not made for the node; returns the milliseconds until the pod is tried again. */
  decline(pod: Stored<Pod>, nodeName: string, now: number): number {
    const { uid } = pod.metadata;
    const known = this.#of(pod) ?? { uid, nodes: new Set<string>(), times: 0, notBefore: 0 };
    known.nodes.delete(nodeName);
    known.nodes.add(nodeName);
    const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(known.times, 4));
    known.times++;
    known.notBefore = now + delay;
    this.#byPod.set(keyOf(pod), known);
    return delay;
  }

  /** The nodes that have declined, the one longest ago first. */
  for(pod: Stored<Pod>): ReadonlySet<string> {
    return this.#of(pod)?.nodes ?? NONE;
  }

  /** Milliseconds until the pod may be tried again; 0: now. */
  delayOf(pod: Stored<Pod>, now: number): number {
    return Math.max(0, (this.#of(pod)?.notBefore ?? 0) - now);
  }

  forget(podKey: string): void {
    this.#byPod.delete(podKey);
  }

  #of(pod: Stored<Pod>): Declined | undefined {
    const known = this.#byPod.get(keyOf(pod));
    return known?.uid === pod.metadata.uid ? known : undefined;
  }
}
