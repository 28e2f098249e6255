// A place in an object that is being validated: its path as Kubernetes prints it and the value found there. Reads are
// of own properties only, and a value of another type than asked for reads as absent (the decoder has refused it).
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';

export class Field {
  readonly path: string;
  readonly value: JsonValue | undefined;

  constructor(path: string, value: JsonValue | undefined) {
    this.path = path;
    this.value = value ?? undefined;
  }

  /** The member `name`: `spec` to `spec.containers`. */
  child(name: string): Field {
    const path = this.path === '' ? name : `${this.path}.${name}`;
    return new Field(path, own(this.value, name));
  }

  /** The map entry `key`: `spec.capacity` to `spec.capacity[storage]`. */
  key(key: string): Field {
    return new Field(`${this.path}[${key}]`, own(this.value, key));
  }

  at(...names: readonly string[]): Field {
    return names.reduce<Field>((field, name) => field.child(name), this);
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  /** The string here; empty when absent, as Go reads it. */
  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }

  get number(): number | undefined {
    return typeof this.value === 'number' ? this.value : undefined;
  }

  get flag(): boolean | undefined {
    return typeof this.value === 'boolean' ? this.value : undefined;
  }

  get object(): JsonObject {
    return isJsonObject(this.value) ? this.value : {};
  }

  /** The elements of the list here, each with its index in the path. */
  get items(): readonly Field[] {
    if (!Array.isArray(this.value)) return [];
    return this.value.map((item: JsonValue, index) => new Field(`${this.path}[${index}]`, item));
  }

  /** The entries of the map here, in key order: paths `labels[key]`. */
  get entries(): readonly { readonly name: string; readonly field: Field }[] {
    return Object.keys(this.object)
      .sort()
      .map((name) => ({ name, field: this.key(name) }));
  }

  get texts(): readonly string[] {
    return this.items.map((item) => item.text);
  }

  /** Elements of a list, or keys of a map. */
  get size(): number {
    return Array.isArray(this.value) ? this.value.length : Object.keys(this.object).length;
  }
}

/** The whole object as a field with an empty path. */
export function rootOf(object: JsonObject): Field {
  return new Field('', object);
}

/** The own property `name` of a JSON object, else undefined. */
export function own(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
