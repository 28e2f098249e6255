// One index of an informer: which objects stand under which value.
import type { ApiObject, Stored } from '#api/object.ts';
import type { InformerEvent } from './informer.ts';
import { keyOfStored } from './informer-cache.ts';

export class ObjectIndex<T extends ApiObject> {
  readonly #valuesOf: (object: Stored<T>) => readonly string[];
  readonly #standing = new Map<string, readonly string[]>();
  readonly #byValue = new Map<string, Map<string, Stored<T>>>();

  constructor(valuesOf: (object: Stored<T>) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  get(value: string): readonly Stored<T>[] {
    return [...(this.#byValue.get(value)?.values() ?? [])];
  }

  apply(event: InformerEvent<T>): void {
    const key = keyOfStored(event.object);
    // By what it stood under before, not by what the last state says: a deletion may change the object too.
    const before = this.#standing.get(key) ?? [];
    const values = event.kind === 'deleted' ? [] : this.#valuesOf(event.object);
    // Most changes move nothing: then the object only takes its own place again.
    for (const value of before) if (!values.includes(value)) this.#remove(value, key);
    if (event.kind === 'deleted') {
      this.#standing.delete(key);
      return;
    }
    this.#standing.set(key, values);
    for (const value of values) {
      const under = this.#byValue.get(value) ?? new Map<string, Stored<T>>();
      under.set(key, event.object);
      this.#byValue.set(value, under);
    }
  }

  #remove(value: string, key: string): void {
    const under = this.#byValue.get(value);
    under?.delete(key);
    if (under?.size === 0) this.#byValue.delete(value);
  }
}
