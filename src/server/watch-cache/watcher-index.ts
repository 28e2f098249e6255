// Watchers found by what they can see: an event reaches those of its object's name, node and namespace and those of
// the whole kind, not every watcher there is.
import type { CacheEvent } from './cache-event.ts';
import { nodeOf } from './object-selector.ts';
import type { Watcher } from './watcher.ts';

const EVERY = '*';

export class WatcherIndex {
  readonly #groups = new Map<string, Set<Watcher>>();
  #byNode = 0;

  get size(): number {
    let count = 0;
    for (const group of this.#groups.values()) count += group.size;
    return count;
  }

  add(watcher: Watcher): void {
    const at = placeOf(watcher);
    if (at.startsWith('node:')) this.#byNode += 1;
    const group = this.#groups.get(at);
    if (group === undefined) this.#groups.set(at, new Set([watcher]));
    else group.add(watcher);
  }

  remove(watcher: Watcher): void {
    const at = placeOf(watcher);
    const group = this.#groups.get(at);
    if (group?.delete(watcher) !== true) return;
    if (at.startsWith('node:')) this.#byNode -= 1;
    if (group.size === 0) this.#groups.delete(at);
  }

  offer(event: CacheEvent): void {
    for (const place of this.#places(event)) {
      for (const watcher of this.#groups.get(place) ?? []) watcher.offer(event);
    }
  }

  *all(): Iterable<Watcher> {
    for (const group of this.#groups.values()) yield* group;
  }

  #places(event: CacheEvent): Iterable<string> {
    const places = new Set([EVERY]);
    for (const stored of [event.previous, event.current]) {
      if (stored === undefined) continue;
      places.add(`namespace:${stored.namespace}`);
      places.add(`name:${stored.name}`);
      const node = this.#byNode > 0 ? nodeOf(stored) : undefined;
      if (node !== undefined) places.add(`node:${node}`);
    }
    return places;
  }
}

function placeOf(watcher: Watcher): string {
  const { name, node, namespace } = watcher.selector;
  if (name !== undefined) return `name:${name}`;
  // An object without a node has no place of its own: `spec.nodeName=` looks at all.
  if (node !== undefined && node !== '') return `node:${node}`;
  return namespace === undefined ? EVERY : `namespace:${namespace}`;
}
