// One index of an informer: which objects stand under which value. Most values have one object, which then stands there
// itself: with 100,000 claims and a dozen indexes a Map for each would cost more memory than the objects.
import type { ApiObject, Stored } from '#api/object.ts';
import type { InformerEvent } from './informer.ts';

type Standing<T extends ApiObject> =
  | { readonly kind: 'one'; readonly key: string; object: Stored<T> }
  | { readonly kind: 'many'; readonly objects: Map<string, Stored<T>> };

export class ObjectIndex<T extends ApiObject> {
  readonly #valuesOf: (object: Stored<T>) => readonly string[];
  /** By key; objects that stand nowhere are not in it. */
  readonly #valuesByKey = new Map<string, readonly string[]>();
  readonly #byValue = new Map<string, Standing<T>>();

  constructor(valuesOf: (object: Stored<T>) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  get(value: string): readonly Stored<T>[] {
    const standing = this.#byValue.get(value);
    if (standing === undefined) return [];
    return standing.kind === 'one' ? [standing.object] : [...standing.objects.values()];
  }

  /** `key`: of the event's object, as the cache has it. */
  apply(event: InformerEvent<T>, key: string): void {
    // By what it stood under before, not by what the last state says: a deletion may change the object too.
    const before = this.#valuesByKey.get(key) ?? [];
    const values = event.kind === 'deleted' ? [] : this.#valuesOf(event.object);
    // Most changes move nothing: then the object only takes its own place again.
    for (const value of before) if (!values.includes(value)) this.#remove(value, key);
    if (values.length > 0) this.#valuesByKey.set(key, values);
    else if (before.length > 0) this.#valuesByKey.delete(key);
    for (const value of values) this.#put(value, key, event.object);
  }

  #put(value: string, key: string, object: Stored<T>): void {
    const standing = this.#byValue.get(value);
    if (standing === undefined) this.#byValue.set(value, { kind: 'one', key, object });
    else if (standing.kind === 'many') standing.objects.set(key, object);
    else if (standing.key === key) standing.object = object;
    else {
      const objects = new Map([[standing.key, standing.object]]).set(key, object);
      this.#byValue.set(value, { kind: 'many', objects });
    }
  }

  #remove(value: string, key: string): void {
    const standing = this.#byValue.get(value);
    if (standing === undefined) return;
    if (standing.kind === 'many') {
      standing.objects.delete(key);
      if (standing.objects.size === 0) this.#byValue.delete(value);
    } else if (standing.key === key) this.#byValue.delete(value);
  }
}
