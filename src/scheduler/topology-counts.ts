// Counts by label key and value: how many of something stand in each place.
import type { Node } from '#api/generated/core-v1.ts';
import { topologyValue } from '#rules/topology-spread.ts';

export class TopologyCounts {
  readonly #byKey = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Adds to the place where the node stands; a node without the label stands nowhere. */
  add(key: string, node: Node, count: number): void {
    const value = topologyValue(node, key);
    if (value === undefined) return;
    const byValue = this.#byKey.get(key) ?? new Map<string, number>();
    this.#byKey.set(key, byValue.set(value, (byValue.get(value) ?? 0) + count));
  }

  at(key: string, node: Node): number {
    const value = topologyValue(node, key);
    return value === undefined ? 0 : (this.#byKey.get(key)?.get(value) ?? 0);
  }

  /** The first key by which the node stands where something was counted. */
  keyAt(node: Node): string | undefined {
    for (const key of this.#byKey.keys()) if (this.at(key, node) > 0) return key;
    return undefined;
  }

  /** The sum over all keys. */
  sumAt(node: Node): number {
    let sum = 0;
    for (const key of this.#byKey.keys()) sum += this.at(key, node);
    return sum;
  }
}
