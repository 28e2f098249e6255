// One resource type's cache with its subscribers, indexes and those who wait for it. Each caller gets a view with the
// indexes it asked for; the objects are the same frozen ones for all.
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { Indexes, Informer, InformerEvent } from './informer.ts';
import { InformerCache, keyOfStored } from './informer-cache.ts';
import { ObjectIndex } from './object-index.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import type { Slices } from './slices.ts';

type Listener<T extends ApiObject> = (event: InformerEvent<T>) => void;

export class SharedInformer<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly #log: Log;
  readonly #cache = new InformerCache<T>();
  readonly #listeners = new Set<Listener<T>>();
  /** Before the listeners: whoever hears of an event may look into any index. */
  readonly #indexes: ObjectIndex<T>[] = [];
  readonly #revisionWaiters = new RevisionWaiters();
  readonly #syncWaiters = new Set<() => void>();
  #synced = false;

  constructor(type: ResourceType<T>, log: Log) {
    this.type = type;
    this.#log = log;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get revision(): number {
    return this.#cache.revision;
  }

  /** A view with these indexes. */
  view(indexes: Indexes<T>): Informer<T> {
    const own = new Map(Object.entries(indexes).map(([name, valuesOf]) => [name, this.#index(valuesOf)]));
    return new InformerView(this, own);
  }

  get(key: string): Stored<T> | undefined {
    return this.#cache.get(key);
  }

  values(): Iterable<Stored<T>> {
    return this.#cache.values();
  }

  put(object: Stored<T>): void {
    this.#deliver(this.#cache.put(object));
  }

  remove(last: Stored<T>): void {
    this.#deliver(this.#cache.remove(last));
  }

  /**
   * `objects` is everything there was at `revision`. Subscribers hear of one object after the other, a slice at a time;
   * `synced` and `revision` say so only when all are in.
   */
  async replace(
    objects: ReadonlyMap<string, Stored<T>>,
    revision: number,
    slices?: Pick<Slices, 'next'>,
  ): Promise<void> {
    for (const events of this.#cache.replace(objects)) {
      this.#deliver(events);
      const slice = slices?.next();
      if (slice !== undefined) await slice;
    }
    this.advance(revision);
    if (this.#synced) return;
    this.#synced = true;
    for (const waiter of Array.from(this.#syncWaiters)) waiter();
  }

  advance(revision: number): void {
    this.#cache.advance(revision);
    this.#revisionWaiters.reach(this.revision);
  }

  subscribe(listener: Listener<T>): () => void {
    // A wrapper of its own, so that one function can subscribe twice and be stopped once.
    const own: Listener<T> = (event) => listener(event);
    this.#listeners.add(own);
    for (const object of Array.from(this.#cache.values())) this.#call(own, { kind: 'added', object });
    return () => {
      this.#listeners.delete(own);
    };
  }

  onRevision(revision: number, reached: () => void): () => void {
    if (revision <= this.revision) {
      reached();
      return () => undefined;
    }
    return this.#revisionWaiters.add(revision, reached);
  }

  /** Resolves once synced, or when `signal` aborts. */
  whenSynced(signal: AbortSignal): Promise<void> {
    if (this.#synced || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#syncWaiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#syncWaiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #index(valuesOf: (object: Stored<T>) => readonly string[]): ObjectIndex<T> {
    const index = new ObjectIndex(valuesOf);
    this.#indexes.push(index);
    for (const object of this.#cache.values()) this.#place(index, { kind: 'added', object });
    return index;
  }

  #deliver(events: readonly InformerEvent<T>[]): void {
    for (const event of events) {
      const key = keyOfStored(event.object);
      for (const index of this.#indexes) this.#place(index, event, key);
    }
    for (const event of events) {
      for (const listener of Array.from(this.#listeners)) this.#call(listener, event);
    }
    this.#revisionWaiters.reach(this.revision);
  }

  #place(index: ObjectIndex<T>, event: InformerEvent<T>, key = keyOfStored(event.object)): void {
    this.#call((one) => index.apply(one, key), event);
  }

  /** One object that a listener cannot read must not keep the others from the rest (law 8). */
  #call(listener: Listener<T>, event: InformerEvent<T>): void {
    try {
      listener(event);
    } catch (error) {
      const { namespace, name } = event.object.metadata;
      const fields = { type: this.type.plural, namespace, name, error: messageOf(error) };
      this.#log.error('a subscriber failed on an event of the cache', fields);
    }
  }
}

class InformerView<T extends ApiObject> implements Informer<T> {
  readonly #shared: SharedInformer<T>;
  readonly #indexes: ReadonlyMap<string, ObjectIndex<T>>;

  constructor(shared: SharedInformer<T>, indexes: ReadonlyMap<string, ObjectIndex<T>>) {
    this.#shared = shared;
    this.#indexes = indexes;
  }

  get type(): ResourceType<T> {
    return this.#shared.type;
  }

  get synced(): boolean {
    return this.#shared.synced;
  }

  get revision(): number {
    return this.#shared.revision;
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#shared.whenSynced(signal);
  }

  get(key: string): Stored<T> | undefined {
    return this.#shared.get(key);
  }

  list(): Iterable<Stored<T>> {
    return this.#shared.values();
  }

  byIndex(index: string, value: string): readonly Stored<T>[] {
    const found = this.#indexes.get(index);
    if (found === undefined)
      throw new TypeError(`The informer of ${this.type.plural} has no index "${index}"`);
    return found.get(value);
  }

  subscribe(listener: Listener<T>): () => void {
    return this.#shared.subscribe(listener);
  }

  onRevision(revision: number, reached: () => void): () => void {
    return this.#shared.onRevision(revision, reached);
  }
}
