// Brings a custom object into the form its schema describes: members without a place are dropped (and named), defaults
// are filled in. Nothing else changes: unlike for built-in kinds, an empty value is a value.
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from '../json.ts';
import type { StructuralSchema } from './structural-schema.ts';

type Path = readonly (string | number)[];

export interface Pruned {
  readonly value: JsonValue;
  /** Where members were dropped. */
  readonly unknown: readonly Path[];
}

/** Members of every embedded object, whatever its schema says. */
const TYPE_META = ['apiVersion', 'kind', 'metadata'];

export function prune(schema: StructuralSchema, value: JsonValue): Pruned {
  const unknown: Path[] = [];
  return { value: pruneValue(schema, value, [], unknown), unknown };
}

function pruneValue(schema: StructuralSchema, value: JsonValue, path: Path, unknown: Path[]): JsonValue {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    return value.map((item: JsonValue, index) => pruneValue(items, item, [...path, index], unknown));
  }
  return isJsonObject(value) ? pruneObject(schema, value, path, unknown) : value;
}

function pruneObject(schema: StructuralSchema, value: JsonObject, path: Path, unknown: Path[]): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const known = schema.properties.get(name) ?? schema.additional;
    if (known !== true && known !== false) {
      setOwn(out, name, pruneValue(known, member, [...path, name], unknown));
    } else if (known || keepsAnything(schema) || (schema.isEmbedded && TYPE_META.includes(name))) {
      setOwn(out, name, member);
    } else {
      unknown.push([...path, name]);
    }
  }
  return out;
}

function keepsAnything({ preservesUnknown, type, isIntOrString }: StructuralSchema): boolean {
  return preservesUnknown || (type === '' && !isIntOrString);
}

/** `value` with the schema's defaults; a null where none may stand gives way to its default. */
export function withSchemaDefaults(schema: StructuralSchema, value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? value
      : sameOr(
          value,
          value.map((item: JsonValue) => withSchemaDefaults(items, item)),
        );
  }
  if (!isJsonObject(value)) return value;
  let changed = false;
  const out: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const known = schema.properties.get(name) ?? schema.additional;
    const next = typeof known === 'boolean' ? member : withSchemaDefaults(known, member);
    changed ||= next !== member;
    setOwn(out, name, next);
  }
  for (const [name, property] of schema.properties) {
    if (property.default === undefined) continue;
    const present = Object.hasOwn(out, name) && (out[name] !== null || property.nullable);
    if (present) continue;
    setOwn(out, name, withSchemaDefaults(property, property.default));
    changed = true;
  }
  return changed ? out : value;
}

function sameOr(old: readonly JsonValue[], now: readonly JsonValue[]): JsonValue {
  return now.every((item, index) => item === old[index]) ? old : now;
}
