// JSON of a custom object as the values that CEL rules compute with, typed by the schema: integers are exact, times are
// timestamps, objects have the escaped names under which rules must call their members.
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { StructuralSchema } from './structural-schema.ts';

export type CelValue =
  | string
  | boolean
  | bigint
  | number
  | null
  | Date
  | Uint8Array
  | CelValue[]
  | Map<string, CelValue>;

const RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);

/** `namespace` is `__namespace__` in a rule, `a-b` is `a__dash__b`. */
export function escapedName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** The value that `json`, valid by its schema, is in a rule. */
export function celValue(schema: StructuralSchema, json: JsonValue): CelValue {
  if (json === null || typeof json === 'boolean') return json;
  if (typeof json === 'string') return textValue(schema, json);
  if (typeof json === 'number') {
    const isExact = schema.type === 'integer' || schema.isIntOrString || schema.type === '';
    return isExact && Number.isInteger(json) ? BigInt(json) : json;
  }
  return isJsonObject(json) ? objectValue(schema, json) : listValue(schema, json);
}

function textValue({ format }: StructuralSchema, text: string): CelValue {
  switch (format) {
    case 'date-time':
    case 'date':
      return new Date(text);
    case 'byte':
      return new Uint8Array(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}

function listValue(schema: StructuralSchema, list: readonly JsonValue[]): CelValue[] {
  const { items, listType } = schema;
  // The order of a set or map has no meaning, so that equality must not see it.
  const ordered =
    listType === 'set' || listType === 'map'
      ? list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : list;
  return ordered.map((item) => (items === undefined ? untyped(item) : celValue(items, item)));
}

const EMBEDDED = ['apiVersion', 'kind'];

function objectValue(schema: StructuralSchema, object: JsonObject): Map<string, CelValue> {
  const out = new Map<string, CelValue>();
  for (const [name, member] of Object.entries(object)) {
    if (member === undefined) continue;
    const own = schema.properties.get(name);
    const { additional } = schema;
    if (own !== undefined) out.set(escapedName(name), celValue(own, member));
    else if (typeof additional !== 'boolean') out.set(name, celValue(additional, member));
    else if (additional) out.set(name, untyped(member));
    else if (schema.isEmbedded && EMBEDDED.includes(name)) out.set(name, untyped(member));
    else if (schema.isEmbedded && name === 'metadata') out.set(name, embeddedMetadata(member));
  }
  return out;
}

/** Of metadata a rule sees the names alone. */
function embeddedMetadata(metadata: JsonValue): CelValue {
  const seen = isJsonObject(metadata) ? metadata : {};
  const names = ['name', 'generateName'].filter((name) => Object.hasOwn(seen, name));
  return new Map(names.map((name) => [name, untyped(seen[name] ?? null)]));
}

function untyped(json: JsonValue): CelValue {
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json;
  if (typeof json === 'number') return Number.isInteger(json) ? BigInt(json) : json;
  if (!isJsonObject(json)) return json.map(untyped);
  return new Map(
    Object.entries(json).flatMap(([name, member]) => (member === undefined ? [] : [[name, untyped(member)]])),
  );
}
