// The schema table as OpenAPI schemas: names, references, and the extensions that kubectl's patches and server-side
// apply read. The table carries no prose, so there are no descriptions.
import { assert } from '#base/assert.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { KindDefinition } from '../kind.ts';
import { type FieldSchema, type Scalar, type TypeRef, typeNamed } from '../schema.ts';

/** Where references point: `#/components/schemas/` in v3, `#/definitions/` in v2. */
export type RefPrefix = '#/components/schemas/' | '#/definitions/';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const PACKAGES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
};

/** `io.k8s.api.core.v1.Pod` for `core/v1.Pod`. */
export function schemaName(typeName: string): string {
  const slash = typeName.indexOf('/');
  const group = typeName.slice(0, slash);
  // A custom resource's type carries its whole group, and its schema the group read backwards.
  if (group.includes('.')) return `${group.split('.').reverse().join('.')}.${typeName.slice(slash + 1)}`;
  return `${PACKAGES[group] ?? `io.k8s.api.${group}`}.${typeName.slice(slash + 1)}`;
}

interface NamedScalar {
  readonly name: string;
  readonly v3: JsonObject;
  readonly v2: JsonObject;
}

const DATE_TIME: JsonObject = { type: 'string', format: 'date-time' };

function plain(name: string, schema: JsonObject): NamedScalar {
  return { name, v3: schema, v2: schema };
}

/** Scalars that are schemas of their own, so that `kubectl explain` shows their names. */
const NAMED_SCALARS: Readonly<Partial<Record<Scalar, NamedScalar>>> = {
  Time: plain(`${META}.Time`, DATE_TIME),
  MicroTime: plain(`${META}.MicroTime`, DATE_TIME),
  Duration: plain(`${META}.Duration`, { type: 'string' }),
  FieldsV1: plain(`${META}.FieldsV1`, { type: 'object' }),
  RawExtension: plain('io.k8s.apimachinery.pkg.runtime.RawExtension', { type: 'object' }),
  Quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    v2: { type: 'string' },
  },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    v2: { type: 'string', format: 'int-or-string' },
  },
};

function scalarSchema(scalar: Scalar): JsonObject {
  switch (scalar) {
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: scalar };
    case 'double':
      return { type: 'number', format: 'double' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'object':
      return { type: 'object' };
    case 'any':
      return {};
    default:
      return { type: 'string' };
  }
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Collects the schemas that a document needs, each once, following references. */
export class SchemaCollector {
  readonly #schemas = new Map<string, JsonObject>();
  readonly #prefix: RefPrefix;

  constructor(prefix: RefPrefix) {
    this.#prefix = prefix;
  }

  /** By name, sorted: the document's bytes depend on nothing but the table and the kinds. */
  schemas(): JsonObject {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A reference to a type of the table. */
  ref(typeName: string): JsonObject {
    const name = schemaName(typeName);
    if (!this.#schemas.has(name)) {
      // Reserved first: types refer to themselves (JSONSchemaProps).
      this.#schemas.set(name, {});
      this.#schemas.set(name, this.#typeSchema(typeName));
    }
    return { $ref: `${this.#prefix}${name}` };
  }

  /** Marks a type as the schema of a kind, and adds the kind's list. */
  addKind({ typeName, resource, custom }: KindDefinition): void {
    const { group, version, kind } = resource;
    if (custom === undefined) this.ref(typeName);
    else this.#schemas.set(schemaName(typeName), this.#customSchema(custom.openApi));
    this.markKind(typeName, [{ group, version, kind }]);
    this.#schemas.set(`${schemaName(typeName)}List`, {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.ref('meta/v1.ListMeta'),
        items: { type: 'array', items: this.ref(typeName) },
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: custom?.listKind ?? `${kind}List` }],
    });
  }

  markKind(typeName: string, kinds: readonly GroupVersionKind[]): void {
    const name = schemaName(typeName);
    const schema = this.#schemas.get(name);
    assert(schema !== undefined, `schema "${name}" must be collected before it is marked`);
    const listed = kinds.map((kind) => ({ ...kind }));
    this.#schemas.set(name, { ...schema, 'x-kubernetes-group-version-kind': listed });
  }

  listRef(typeName: string): JsonObject {
    return { $ref: `${this.#prefix}${schemaName(typeName)}List` };
  }

  #customSchema(source: JsonObject): JsonObject {
    const schema = this.#prefix === '#/definitions/' ? withoutV3(source) : source;
    const properties = isJsonObject(schema.properties) ? schema.properties : {};
    const typeMeta = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
    const metadata = this.ref('meta/v1.ObjectMeta');
    return { ...schema, properties: { ...properties, ...typeMeta, metadata } };
  }

  #typeSchema(typeName: string): JsonObject {
    const type = typeNamed(typeName);
    if (type.alias !== undefined) return this.#typeRef(type.alias);
    const properties = [...type.fields.values()].map((field) => [field.name, this.#property(field)] as const);
    return {
      type: 'object',
      ...(type.required.length === 0 ? {} : { required: type.required }),
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
      ...(type.map === undefined ? {} : { 'x-kubernetes-map-type': type.map }),
    };
  }

  #property(field: FieldSchema): JsonObject {
    const schema = this.#typeRef(field.type);
    const extras: JsonObject = {
      ...(field.enum === undefined ? {} : { enum: field.enum }),
      ...(typeof field.default === 'string' ? { default: field.default } : {}),
      ...(field.patch.length === 0 ? {} : { 'x-kubernetes-patch-strategy': field.patch.join(',') }),
      ...(field.mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.mergeKey }),
      ...(field.list === undefined ? {} : { 'x-kubernetes-list-type': field.list }),
      ...(field.listKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.listKeys }),
      ...(field.map === undefined ? {} : { 'x-kubernetes-map-type': field.map }),
    };
    if (Object.keys(extras).length === 0) return schema;
    // Members beside a $ref are ignored by readers.
    return schema.$ref === undefined ? { ...schema, ...extras } : { allOf: [schema], ...extras };
  }

  #typeRef(type: TypeRef): JsonObject {
    switch (type.kind) {
      case 'list':
        return { type: 'array', items: this.#typeRef(type.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#typeRef(type.of) };
      case 'ref':
        return this.ref(type.name);
      case 'scalar': {
        const named = NAMED_SCALARS[type.scalar];
        return named === undefined ? scalarSchema(type.scalar) : this.#namedScalar(named);
      }
    }
  }

  #namedScalar({ name, v2, v3 }: NamedScalar): JsonObject {
    this.#schemas.set(name, this.#prefix === '#/definitions/' ? v2 : v3);
    return { $ref: `${this.#prefix}${name}` };
  }
}

const ONLY_V3 = ['oneOf', 'anyOf', 'allOf', 'not', 'nullable', 'x-kubernetes-validations'];

/** A schema without what OpenAPI v2 has no word for. Names of properties are not words of the schema. */
function withoutV3(schema: JsonObject): JsonObject {
  const out: Record<string, JsonValue | undefined> = {};
  for (const [word, value] of Object.entries(schema)) {
    if (ONLY_V3.includes(word)) continue;
    out[word] = word === 'properties' ? eachSchema(value) : word === 'default' ? value : below(value);
  }
  return out;
}

function eachSchema(value: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, below(schema)]));
}

function below(value: JsonValue | undefined): JsonValue | undefined {
  return isJsonObject(value) ? withoutV3(value) : value;
}
