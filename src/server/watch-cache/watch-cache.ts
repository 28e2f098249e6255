// The server's copy of the newest state, fed by one watch on the store. Reads of the newest state, lists and watches
// are answered from here; only lists of an older revision go to the store. A read first waits until the cache has
// reached what the store had committed when the read came, so it never misses an acknowledged write.
import { assert } from '#base/assert.ts';
import type { Clock } from '#base/clock.ts';
import type { KindDefinition } from '#api/kind.ts';
import { timeout } from '#api/status.ts';
import { type ChangeBatch, prefixEnd, type Revision, type Store } from '#store/store.ts';
import { kindPathOf, objectKey, parseKey, REGISTRY_PREFIX } from '../registry/keys.ts';
import { type CacheLimits, KindCache } from './kind-cache.ts';
import { type StoredObject, storedObject } from './stored-object.ts';

export const DEFAULT_CACHE_LIMITS: CacheLimits = { history: 2048, backlog: 2048, watchers: 4096 };

/** How long a read may wait for a revision that has not been seen yet. */
const REVISION_WAIT_MS = 3_000;

export interface WatchCache extends Disposable {
  /** Everything up to here is visible. */
  readonly revision: Revision;
  /** The cache of a served kind. */
  kind(definition: KindDefinition): KindCache;
  get(definition: KindDefinition, namespace: string | undefined, name: string): StoredObject | undefined;
  /** Resolves true once the cache shows `revision`; false when it does not come in time. */
  reach(revision: Revision): Promise<boolean>;
  /** Resolves once everything is visible that the store has committed by now. */
  fresh(): Promise<void>;
  /** Sends a bookmark to every watcher that wants one. */
  bookmarkAll(): void;
  /** Ends every watch. */
  closeWatchers(): void;
}

interface CacheDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly limits?: CacheLimits;
  /** The store has ended the watch: the cache can no longer be trusted. */
  readonly onLost: (why: string) => void;
}

/** Reads the whole registry once and follows it from there. */
export async function openWatchCache(deps: CacheDeps): Promise<WatchCache> {
  const end = prefixEnd(REGISTRY_PREFIX);
  const initial = await deps.store.range({ start: REGISTRY_PREFIX, end });
  assert(initial.kind === 'range', 'the newest revision of the store must be readable');
  const limits = deps.limits ?? DEFAULT_CACHE_LIMITS;
  const cache = new StoreCache(deps, limits, initial.revision);
  for (const entry of initial.items) {
    const stored = storedObject(entry);
    const parts = parseKey(entry.key);
    if (stored !== undefined && parts !== undefined) cache.at(parts.kindPath).load(stored);
  }
  cache.follow(end);
  return cache;
}

class StoreCache implements WatchCache {
  readonly #deps: CacheDeps;
  readonly #limits: CacheLimits;
  /** Of every kind that has objects or was asked for, served or not: a definition may come after its objects. */
  readonly #caches = new Map<string, KindCache>();
  #revision: Revision;
  readonly #waiting = new Set<{ readonly revision: Revision; readonly done: (reached: boolean) => void }>();
  #stop: () => void = () => undefined;

  constructor(deps: CacheDeps, limits: CacheLimits, revision: Revision) {
    this.#deps = deps;
    this.#limits = limits;
    this.#revision = revision;
  }

  get revision(): Revision {
    return this.#revision;
  }

  follow(end: string): void {
    const query = { start: REGISTRY_PREFIX, end, after: this.#revision };
    this.#stop = this.#deps.store.watch(query, {
      onBatch: (batch) => this.#apply(batch),
      onEnd: (reason) => this.#deps.onLost(reason.kind),
    });
  }

  kind(definition: KindDefinition): KindCache {
    return this.at(kindPathOf(definition.resource));
  }

  at(kindPath: string): KindCache {
    const known = this.#caches.get(kindPath);
    if (known !== undefined) return known;
    // Nothing of this kind has been there until now, so the cache is complete from here on.
    const made = new KindCache(this.#revision, this.#limits);
    this.#caches.set(kindPath, made);
    return made;
  }

  get(definition: KindDefinition, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.kind(definition).get(objectKey(definition.resource, namespace, name));
  }

  reach(revision: Revision): Promise<boolean> {
    if (revision <= this.#revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = {
        revision,
        done: (reached: boolean) => {
          this.#waiting.delete(waiter);
          timer.cancel();
          resolve(reached);
        },
      };
      const timer = this.#deps.clock.after(REVISION_WAIT_MS, 'deadline', () => waiter.done(false));
      this.#waiting.add(waiter);
    });
  }

  async fresh(): Promise<void> {
    if (!(await this.reach(this.#deps.store.revision))) {
      throw timeout('reading the newest state: the cache has not caught up with the store');
    }
  }

  bookmarkAll(): void {
    for (const cache of this.#caches.values()) {
      for (const watcher of cache.watchers()) watcher.bookmark(this.#revision);
    }
  }

  closeWatchers(): void {
    for (const cache of this.#caches.values()) {
      for (const watcher of cache.watchers()) watcher.close();
    }
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.closeWatchers();
  }

  #apply(batch: ChangeBatch): void {
    for (const { kind, entry } of batch.events) {
      const parts = parseKey(entry.key);
      if (parts === undefined) continue;
      this.at(parts.kindPath).apply(
        batch.revision,
        entry.key,
        kind === 'put' ? storedObject(entry) : undefined,
      );
    }
    this.#revision = batch.revision;
    for (const waiter of this.#waiting) {
      if (waiter.revision <= batch.revision) waiter.done(true);
    }
  }
}
