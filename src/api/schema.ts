// The run-time reader of the generated schema table. One JSON text is parsed at the first look-up; each type's fields
// are resolved when that type is first asked for. Drives decoding, pruning, patches, OpenAPI and protobuf.
import { assert } from '#base/assert.ts';
import { TABLE_JSON } from './generated/table.ts';
import { isJsonObject, type JsonObject } from './json.ts';

export const SCALARS = [
  'string',
  'bool',
  'int32',
  'int64',
  'double',
  'bytes',
  'Time',
  'MicroTime',
  'Duration',
  'Quantity',
  'IntOrString',
  'RawExtension',
  'FieldsV1',
  'object',
  'any',
] as const;
export type Scalar = (typeof SCALARS)[number];

export type TypeRef =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'list'; readonly of: TypeRef }
  | { readonly kind: 'map'; readonly of: TypeRef }
  | { readonly kind: 'ref'; readonly name: string };

export interface FieldSchema {
  readonly name: string;
  readonly type: TypeRef;
  /** Protobuf number; two of them: the second inside the message inlined at the first. Empty: not on that wire. */
  readonly proto: readonly number[];
  /** Absent and zero are different. */
  readonly pointer: boolean;
  /** JSON shows the field even when it is zero. */
  readonly always: boolean;
  /** Strategic merge patch. */
  readonly patch: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly mergeKey: string | undefined;
  /** Server-side apply. */
  readonly list: 'atomic' | 'set' | 'map' | undefined;
  readonly listKeys: readonly string[];
  readonly map: 'atomic' | 'granular' | undefined;
  readonly default: unknown;
  readonly enum: readonly string[] | undefined;
}

export interface TypeSchema {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly required: readonly string[];
  /** The type is this JSON form instead of an object with fields. */
  readonly alias: TypeRef | undefined;
  readonly map: 'atomic' | 'granular' | undefined;
}

let table: JsonObject | undefined;
const resolved = new Map<string, TypeSchema>();

function readTable(): JsonObject {
  if (table === undefined) {
    const parsed: unknown = JSON.parse(TABLE_JSON);
    assert(isJsonObject(parsed), 'the generated schema table must be a JSON object');
    table = parsed;
  }
  return table;
}

/** Undefined when the table has no such type. */
export function findType(name: string): TypeSchema | undefined {
  const known = resolved.get(name);
  if (known !== undefined) return known;
  const types = readTable();
  const row = Object.hasOwn(types, name) ? types[name] : undefined;
  if (!isJsonObject(row)) return undefined;
  const type = readType(name, row);
  resolved.set(name, type);
  return type;
}

/** The type `name`, which must be in the table. */
export function typeNamed(name: string): TypeSchema {
  const type = findType(name);
  assert(type !== undefined, `the schema table must hold the type "${name}"`);
  return type;
}

/** Every type name of the table. */
export function typeNames(): readonly string[] {
  return Object.keys(readTable());
}

/** `core/v1.Pod` for ('', 'v1', 'Pod'); `storage/v1.StorageClass` for ('storage.k8s.io', 'v1', 'StorageClass'). */
export function typeNameOf(group: string, version: string, kind: string): string {
  return `${group === '' ? 'core' : group.slice(0, `${group}.`.indexOf('.'))}/${version}.${kind}`;
}

function readType(name: string, row: JsonObject): TypeSchema {
  const fields = isJsonObject(row.fields) ? row.fields : {};
  return {
    name,
    fields: new Map(
      Object.entries(fields).map(([field, value]) => {
        assert(isJsonObject(value), `field "${field}" of type "${name}" must be an object`);
        return [field, readField(field, value)];
      }),
    ),
    required: strings(row.required),
    alias: typeof row.alias === 'string' ? parseTypeRef(row.alias) : undefined,
    map: oneOf(row.map, ['atomic', 'granular']),
  };
}

function readField(name: string, row: JsonObject): FieldSchema {
  assert(typeof row.type === 'string', `field "${name}" must have a type`);
  return {
    name,
    type: parseTypeRef(row.type),
    proto: typeof row.proto === 'number' ? [row.proto] : numbers(row.proto),
    pointer: row.pointer === true,
    always: row.always === true,
    patch: typeof row.patch === 'string' ? row.patch.split(',').flatMap(patchStrategy) : [],
    mergeKey: typeof row.mergeKey === 'string' ? row.mergeKey : undefined,
    list: oneOf(row.list, ['atomic', 'set', 'map']),
    listKeys: strings(row.listKeys),
    map: oneOf(row.map, ['atomic', 'granular']),
    default: row.default,
    enum: row.enum === undefined ? undefined : strings(row.enum),
  };
}

function parseTypeRef(text: string): TypeRef {
  if (text.startsWith('[]')) return { kind: 'list', of: parseTypeRef(text.slice(2)) };
  if (text.startsWith('map:')) return { kind: 'map', of: parseTypeRef(text.slice(4)) };
  const scalar = oneOf(text, SCALARS);
  return scalar === undefined ? { kind: 'ref', name: text } : { kind: 'scalar', scalar };
}

function patchStrategy(text: string): ('merge' | 'replace' | 'retainKeys')[] {
  const strategy = oneOf(text, ['merge', 'replace', 'retainKeys']);
  return strategy === undefined ? [] : [strategy];
}

function oneOf<const T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((one) => one === value);
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'number') : [];
}
