// The structural schema of a custom resource: OpenAPI v3 as a CustomResourceDefinition carries it, read once into a
// form that pruning, defaulting, validation and rules walk. Unknown members of a schema are ignored, as Kubernetes does.
import { getOwn, isJsonObject, type JsonObject, type JsonValue } from '../json.ts';

export interface ValidationRule {
  readonly rule: string;
  readonly message: string | undefined;
  readonly messageExpression: string | undefined;
  readonly reason: string | undefined;
  readonly fieldPath: string | undefined;
  readonly optionalOldSelf: boolean;
}

export interface StructuralSchema {
  /** Empty where any type may stand. */
  readonly type: string;
  readonly format: string;
  readonly nullable: boolean;
  readonly properties: ReadonlyMap<string, StructuralSchema>;
  /** The schema of members without one of their own; true: anything may stand there. */
  readonly additional: StructuralSchema | boolean;
  readonly items: StructuralSchema | undefined;
  readonly required: readonly string[];
  readonly default: JsonValue | undefined;
  readonly preservesUnknown: boolean;
  /** The value is itself an object of the API with kind and metadata. */
  readonly isEmbedded: boolean;
  readonly isIntOrString: boolean;
  readonly listType: string;
  readonly listKeys: readonly string[];
  readonly rules: readonly ValidationRule[];
  readonly enum: readonly JsonValue[] | undefined;
  readonly pattern: string | undefined;
  readonly bounds: Bounds;
  readonly allOf: readonly StructuralSchema[];
  readonly anyOf: readonly StructuralSchema[];
  readonly oneOf: readonly StructuralSchema[];
  readonly not: StructuralSchema | undefined;
  /** As written, for OpenAPI. */
  readonly source: JsonObject;
}

export interface Bounds {
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly exclusiveMinimum: boolean;
  readonly exclusiveMaximum: boolean;
  readonly multipleOf: number | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly minItems: number | undefined;
  readonly maxItems: number | undefined;
  readonly minProperties: number | undefined;
  readonly maxProperties: number | undefined;
  readonly uniqueItems: boolean;
}

/** Reads a schema; what is no object reads as an empty one. */
export function readSchema(value: JsonValue | undefined): StructuralSchema {
  const source = isJsonObject(value) ? value : {};
  const additional = getOwn(source, 'additionalProperties');
  return {
    type: text(source, 'type') ?? '',
    format: text(source, 'format') ?? '',
    nullable: flag(source, 'nullable'),
    properties: readProperties(getOwn(source, 'properties')),
    additional: isJsonObject(additional) ? readSchema(additional) : additional === true,
    items: isJsonObject(getOwn(source, 'items')) ? readSchema(getOwn(source, 'items')) : undefined,
    required: texts(getOwn(source, 'required')),
    default: getOwn(source, 'default'),
    preservesUnknown: flag(source, 'x-kubernetes-preserve-unknown-fields'),
    isEmbedded: flag(source, 'x-kubernetes-embedded-resource'),
    isIntOrString: flag(source, 'x-kubernetes-int-or-string'),
    listType: text(source, 'x-kubernetes-list-type') ?? 'atomic',
    listKeys: texts(getOwn(source, 'x-kubernetes-list-map-keys')),
    rules: list(getOwn(source, 'x-kubernetes-validations')).map(readRule),
    enum: Array.isArray(source['enum']) ? source['enum'] : undefined,
    pattern: text(source, 'pattern'),
    bounds: readBounds(source),
    allOf: list(getOwn(source, 'allOf')).map(readSchema),
    anyOf: list(getOwn(source, 'anyOf')).map(readSchema),
    oneOf: list(getOwn(source, 'oneOf')).map(readSchema),
    not: isJsonObject(getOwn(source, 'not')) ? readSchema(getOwn(source, 'not')) : undefined,
    source,
  };
}

function readProperties(value: JsonValue | undefined): ReadonlyMap<string, StructuralSchema> {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  return new Map(entries.map(([name, schema]) => [name, readSchema(schema)]));
}

function readRule(value: JsonValue): ValidationRule {
  const rule = isJsonObject(value) ? value : {};
  return {
    rule: text(rule, 'rule') ?? '',
    message: text(rule, 'message'),
    messageExpression: text(rule, 'messageExpression'),
    reason: text(rule, 'reason'),
    fieldPath: text(rule, 'fieldPath'),
    optionalOldSelf: flag(rule, 'optionalOldSelf'),
  };
}

function readBounds(source: JsonObject): Bounds {
  return {
    minimum: number(source, 'minimum'),
    maximum: number(source, 'maximum'),
    exclusiveMinimum: flag(source, 'exclusiveMinimum'),
    exclusiveMaximum: flag(source, 'exclusiveMaximum'),
    multipleOf: number(source, 'multipleOf'),
    minLength: number(source, 'minLength'),
    maxLength: number(source, 'maxLength'),
    minItems: number(source, 'minItems'),
    maxItems: number(source, 'maxItems'),
    minProperties: number(source, 'minProperties'),
    maxProperties: number(source, 'maxProperties'),
    uniqueItems: flag(source, 'uniqueItems'),
  };
}

function text(source: JsonObject, name: string): string | undefined {
  const value = getOwn(source, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(source: JsonObject, name: string): number | undefined {
  const value = getOwn(source, name);
  return typeof value === 'number' ? value : undefined;
}

function flag(source: JsonObject, name: string): boolean {
  return getOwn(source, name) === true;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: JsonValue | undefined): readonly string[] {
  return list(value).filter((item) => typeof item === 'string');
}

/**
 * The schema of the whole object for walking it: kind, apiVersion and metadata are the machinery's own, whatever the
 * schema says of them.
 */
export function rootSchema(schema: StructuralSchema): StructuralSchema {
  const properties = new Map(schema.properties);
  for (const name of ['apiVersion', 'kind', 'metadata']) properties.delete(name);
  return { ...schema, type: 'object', isEmbedded: true, properties };
}
