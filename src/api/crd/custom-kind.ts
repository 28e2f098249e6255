// Makes a served kind from one version of a CustomResourceDefinition: the same KindDefinition that built-in kinds
// have, so that everything after it (registry, watch cache, tables, discovery) takes the same road.
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { FieldError, KindDefinition } from '../kind.ts';
import { defineKind, generationOf, statusOnlyFrom, withGeneration } from '../kinds/define-kind.ts';
import { withMember } from '../kinds/edit.ts';
import { sameValue } from '../kinds/equal.ts';
import type { ResourceType } from '../object.ts';
import type { CustomDefinition, CustomVersion } from './definition.ts';
import { findByPath, parseJsonPath } from './json-path.ts';
import { printerColumns, textOf } from './printer-columns.ts';
import { prune, withSchemaDefaults } from './prune.ts';
import { checkRules } from './rules.ts';
import { rootSchema, type StructuralSchema } from './structural-schema.ts';
import { validateValue } from './validate.ts';

/** Every served version of a definition, in its order. */
export function customKinds(definition: CustomDefinition): readonly KindDefinition[] {
  return definition.versions.filter(({ served }) => served).map((version) => customKind(definition, version));
}

export function customKind(definition: CustomDefinition, version: CustomVersion): KindDefinition {
  const { group, plural, kind, namespaced } = definition;
  const resource: ResourceType = { group, version: version.name, plural, kind, namespaced };
  const schema = rootSchema(version.schema);
  const { hasStatus } = version;
  const fields = version.selectableFields.map((path) => ({ name: path.replace(/^\./, ''), path }));
  return defineKind({
    resource,
    typeName: `${group}/${version.name}.${kind}`,
    singular: definition.singular,
    shortNames: definition.shortNames,
    categories: definition.categories,
    subresources: hasStatus ? ['status'] : [],
    allowsUnconditionalUpdate: false,
    custom: {
      shape: (object) => shape(schema, object),
      openApi: version.schema.source,
      listKind: definition.listKind,
      storageVersion: definition.versions.find(({ storage }) => storage)?.name ?? version.name,
    },
    defaults: (object) => asObject(withSchemaDefaults(schema, object)),
    prepareForCreate: (object) =>
      withGeneration(hasStatus ? withMember(object, 'status', undefined) : object, 1),
    prepareForUpdate: (object, old) => prepareForUpdate(object, old, hasStatus),
    prepareForStatusUpdate: statusOnlyFrom,
    validateCreate: (object) => validate(schema, object, undefined),
    validateUpdate: (object, old) => validate(schema, object, old),
    validateStatusUpdate: (object, old) => validate(schema, object, old),
    selectableFieldNames: fields.map(({ name }) => name),
    selectableFields: (object) =>
      Object.fromEntries(fields.map(({ name, path }) => [name, fieldText(object, path)])),
    ...printerColumns(version.columns),
  });
}

function shape(
  schema: StructuralSchema,
  object: JsonObject,
): { readonly object: JsonObject; readonly unknown: readonly (readonly (string | number)[])[] } {
  const { value, unknown } = prune(schema, object);
  return { object: asObject(value), unknown };
}

/** The generation counts changes of everything but metadata, and of status where that has a door of its own. */
function prepareForUpdate(object: JsonObject, old: JsonObject, hasStatus: boolean): JsonObject {
  const kept = hasStatus ? withMember(object, 'status', old['status']) : object;
  const isCounted = (name: string): boolean => name !== 'metadata' && !(hasStatus && name === 'status');
  const counted = (one: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(one).filter(([name]) => isCounted(name)));
  const changed = !sameValue(counted(kept), counted(old));
  return withGeneration(kept, generationOf(old) + (changed ? 1 : 0));
}

const UNCHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete ' +
  'validation';
/** Causes after which rules would read values that are not of their type, or lists without a bound. */
const BLOCKING = ['FieldValueTypeInvalid', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany'];

function validate(
  schema: StructuralSchema,
  object: JsonObject,
  old: JsonObject | undefined,
): readonly FieldError[] {
  const found = validateValue(schema, { path: '', value: object, old });
  if (found.some(({ reason }) => BLOCKING.includes(reason))) {
    const message = `Invalid value: null: ${UNCHECKED}`;
    return hasRules(schema) ? [...found, { field: '<nil>', reason: 'FieldValueInvalid', message }] : found;
  }
  return [...found, ...checkRules(schema, object, old)];
}

const ruled = new WeakMap<StructuralSchema, boolean>();

function hasRules(schema: StructuralSchema): boolean {
  const known = ruled.get(schema);
  if (known !== undefined) return known;
  const below = [...schema.properties.values(), schema.items, schema.additional];
  const found =
    schema.rules.length > 0 ||
    below.some((one) => one !== undefined && typeof one !== 'boolean' && hasRules(one));
  ruled.set(schema, found);
  return found;
}

function fieldText(object: JsonObject, path: string): string {
  const parsed = parseJsonPath(path);
  const [value] = parsed === undefined ? [] : findByPath(object, parsed);
  return value === undefined || value === null ? '' : textOf(value);
}

function asObject(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}
