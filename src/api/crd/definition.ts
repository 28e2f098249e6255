// The spec of a CustomResourceDefinition, read from JSON: from a stored definition or from the built-in ones, which
// are the same form with the schema one level higher.
import { getOwn, isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { readSchema, type StructuralSchema } from './structural-schema.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority: number;
  readonly format: string;
  readonly description: string;
}

export interface CustomVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning: string | undefined;
  readonly hasStatus: boolean;
  readonly columns: readonly PrinterColumn[];
  readonly selectableFields: readonly string[];
  readonly schema: StructuralSchema;
}

export interface CustomDefinition {
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly versions: readonly CustomVersion[];
}

/** Reads `spec` of a CustomResourceDefinition. What is missing reads as empty: validation is another part's. */
export function readDefinition(spec: JsonObject): CustomDefinition {
  const names = object(getOwn(spec, 'names'));
  const kind = text(names, 'kind');
  return {
    group: text(spec, 'group'),
    plural: text(names, 'plural'),
    singular: text(names, 'singular') || kind.toLowerCase(),
    kind,
    listKind: text(names, 'listKind') || `${kind}List`,
    shortNames: texts(getOwn(names, 'shortNames')),
    categories: texts(getOwn(names, 'categories')),
    namespaced: text(spec, 'scope') === 'Namespaced',
    versions: list(getOwn(spec, 'versions')).map((version) => readVersion(object(version))),
  };
}

function readVersion(version: JsonObject): CustomVersion {
  const schema = object(getOwn(version, 'schema'));
  return {
    name: text(version, 'name'),
    served: getOwn(version, 'served') !== false,
    storage: getOwn(version, 'storage') === true,
    deprecated: getOwn(version, 'deprecated') === true,
    deprecationWarning: text(version, 'deprecationWarning') || undefined,
    hasStatus: isJsonObject(getOwn(object(getOwn(version, 'subresources')), 'status')),
    columns: list(getOwn(version, 'additionalPrinterColumns')).map((column) => readColumn(object(column))),
    selectableFields: list(getOwn(version, 'selectableFields')).map((one) => text(object(one), 'jsonPath')),
    schema: readSchema(getOwn(schema, 'openAPIV3Schema') ?? schema),
  };
}

function readColumn(column: JsonObject): PrinterColumn {
  const priority = getOwn(column, 'priority');
  return {
    name: text(column, 'name'),
    type: text(column, 'type'),
    jsonPath: text(column, 'jsonPath'),
    priority: typeof priority === 'number' ? priority : 0,
    format: text(column, 'format'),
    description: text(column, 'description'),
  };
}

function object(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function text(value: JsonObject, name: string): string {
  const found = getOwn(value, name);
  return typeof found === 'string' ? found : '';
}

function texts(value: JsonValue | undefined): readonly string[] {
  return list(value).filter((item) => typeof item === 'string');
}
