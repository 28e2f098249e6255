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
    for (const value of this.#standing.get(key) ?? []) this.#remove(value, key);
    this.#standing.delete(key);
    if (event.kind === 'deleted') return;
    const values = this.#valuesOf(event.object);
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
