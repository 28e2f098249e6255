// The state of one informer: what is known, by key, and how each frame from the server changes it. Pure but for its own
// maps: changes go in, the events for the subscribers come out.
//
// 1. Never older: an object is replaced only by one with a higher resourceVersion; `revision` never falls.
// 2. A changed UID is a deletion and an addition, since the first object is gone for good (k/k#80475).
// 3. A full state replaces the cache object by object; what it lacks is delivered as deleted.
import { type ApiObject, keyOf, type Stored } from '#api/object.ts';
import type { InformerEvent } from './informer.ts';

export class InformerCache<T extends ApiObject> {
  readonly #objects = new Map<string, Stored<T>>();
  #revision = 0;

  get revision(): number {
    return this.#revision;
  }

  get(key: string): Stored<T> | undefined {
    return this.#objects.get(key);
  }

  values(): Iterable<Stored<T>> {
    return this.#objects.values();
  }

  /** The object is there in this form. */
  put(object: Stored<T>): readonly InformerEvent<T>[] {
    const events = this.#set(object);
    this.advance(revisionOf(object));
    return events;
  }

  #set(object: Stored<T>): readonly InformerEvent<T>[] {
    const key = keyOfStored(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && !isNewer(object, previous)) return [];
    this.#objects.set(key, deepFreeze(object));
    if (previous === undefined) return [{ kind: 'added', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ kind: 'updated', object, previous }];
    return [
      { kind: 'deleted', object: previous },
      { kind: 'added', object },
    ];
  }

  /** The object is gone; `last` is its last state, with the revision of the deletion. */
  remove(last: Stored<T>): readonly InformerEvent<T>[] {
    const key = keyOfStored(last);
    const known = this.#objects.get(key);
    this.advance(revisionOf(last));
    if (known === undefined || revisionOf(known) > revisionOf(last)) return [];
    this.#objects.delete(key);
    const isSame = known.metadata.uid === last.metadata.uid;
    return [{ kind: 'deleted', object: isSame ? deepFreeze(last) : known }];
  }

  /**
   * `objects` is everything there was at some revision: what is missing goes, then the others come, the events of one
   * object at a time. Only when all are through has the cache reached that revision: `advance` says so.
   */
  *replace(objects: ReadonlyMap<string, Stored<T>>): Generator<readonly InformerEvent<T>[]> {
    for (const [key, object] of this.#objects) {
      if (objects.has(key)) continue;
      this.#objects.delete(key);
      yield [{ kind: 'deleted', object }];
    }
    for (const object of objects.values()) yield this.#set(object);
  }

  advance(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }
}

export function revisionOf(object: Stored<ApiObject>): number {
  return Number(object.metadata.resourceVersion);
}

export function keyOfStored<T extends ApiObject>(object: Stored<T>): string {
  return keyOf({ metadata: object.metadata });
}

function isNewer(object: Stored<ApiObject>, previous: Stored<ApiObject>): boolean {
  return revisionOf(object) > revisionOf(previous);
}

/** Caches are shared by every loop of the process, so nobody may change what is in them. */
function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
