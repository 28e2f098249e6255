// Validation of a custom object against its structural schema, with the texts of the Kubernetes API server. What an
// update left as it was is not held against it (ratcheting): a schema may become stricter over stored objects.
import * as errors from '../field-errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, sameJson } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { checkBounds, checkFormat, sizeFits, typeFits } from './value-checks.ts';
import type { StructuralSchema } from './structural-schema.ts';

export interface Place {
  /** As messages print it: `spec.source`, `spec.list[0]`, `spec.map[key]`. */
  readonly path: string;
  readonly value: JsonValue;
  /** The value an update replaces; undefined on create, and where nothing corresponds. */
  readonly old: JsonValue | undefined;
}

export function validateValue(schema: StructuralSchema, place: Place): readonly FieldError[] {
  const { value, old } = place;
  if (old !== undefined && sameJson(value, old)) return [];
  if (value === null) {
    return schema.nullable ? [] : [wrongType(schema, place)];
  }
  if (!typeFits(schema, value)) return [wrongType(schema, place)];
  const found = [...checkEnum(schema, place), ...checkBounds(schema, place), ...checkFormat(schema, place)];
  if (isJsonObject(value)) found.push(...checkObject(schema, place, value));
  if (Array.isArray(value)) found.push(...checkList(schema, place, value));
  return [...found, ...checkAlternatives(schema, place)];
}

function wrongType(schema: StructuralSchema, { path, value }: Place): FieldError {
  const wanted = schema.isIntOrString ? 'integer,string' : schema.type;
  const shown = jsonType(value);
  const text = `${path} in body must be of type ${wanted}: ${JSON.stringify(shown)}`;
  return { ...errors.invalidValue(path, shown, text), reason: 'FieldValueTypeInvalid' };
}

function jsonType(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkEnum(schema: StructuralSchema, { path, value }: Place): readonly FieldError[] {
  const allowed = schema.enum;
  if (allowed === undefined || allowed.some((one) => sameJson(one, value))) return [];
  return [errors.notSupported(path, value, allowed.map(textOf))];
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function checkObject(schema: StructuralSchema, place: Place, value: JsonObject): readonly FieldError[] {
  const found: FieldError[] = [];
  for (const name of schema.required) {
    if (!Object.hasOwn(value, name)) found.push(errors.required(join(place.path, name)));
  }
  for (const [name, member] of Object.entries(value)) {
    const own = schema.properties.get(name);
    const known = own ?? schema.additional;
    if (typeof known === 'boolean' || member === undefined) continue;
    const path = own === undefined ? `${place.path}.${name}` : join(place.path, name);
    found.push(...validateValue(known, { path, value: member, old: memberOf(place.old, name) }));
  }
  return found;
}

function checkList(
  schema: StructuralSchema,
  place: Place,
  value: readonly JsonValue[],
): readonly FieldError[] {
  const found = [...checkDistinct(schema, place, value)];
  const { items } = schema;
  if (items === undefined || !sizeFits(schema, value)) return found;
  for (const [index, item] of value.entries()) {
    const path = `${place.path}[${index}]`;
    found.push(
      ...validateValue(items, { path, value: item, old: correspondingItem(schema, place.old, item) }),
    );
  }
  return found;
}

/** Lists that are sets hold each value once, lists that are maps each key. */
function checkDistinct(
  { listType, listKeys }: StructuralSchema,
  { path }: Place,
  value: readonly JsonValue[],
): readonly FieldError[] {
  if (listType !== 'set' && listType !== 'map') return [];
  const seen = new Set<string>();
  const found: FieldError[] = [];
  for (const [index, item] of value.entries()) {
    const key =
      listType === 'set' ? item : Object.fromEntries(listKeys.map((name) => [name, memberOf(item, name)]));
    const text = JSON.stringify(key);
    if (seen.has(text)) found.push(errors.duplicate(`${path}[${index}]`, key));
    seen.add(text);
  }
  return found;
}

/** In a list that is a map: the old item of the same keys. Elsewhere items have no identity. */
export function correspondingItem(
  { listType, listKeys }: StructuralSchema,
  old: JsonValue | undefined,
  item: JsonValue,
): JsonValue | undefined {
  if (listType !== 'map' || !Array.isArray(old)) return undefined;
  const isSame = (candidate: JsonValue): boolean =>
    listKeys.every((name) => sameJson(memberOf(candidate, name), memberOf(item, name)));
  return old.find(isSame);
}

function checkAlternatives(schema: StructuralSchema, place: Place): readonly FieldError[] {
  const { path } = place;
  const fails = (branch: StructuralSchema): boolean =>
    validateValue(branch, { ...place, old: undefined }).length > 0;
  const found = schema.allOf.flatMap((branch) => validateValue(branch, { ...place, old: undefined }));
  const named = path === '' ? '<nil>' : path;
  const refuse = (text: string): number =>
    found.push(errors.invalidValue(path, '', `${JSON.stringify(named)} ${text}`));
  if (schema.anyOf.length > 0 && schema.anyOf.every(fails))
    refuse('must validate at least one schema (anyOf)');
  if (schema.oneOf.length > 0) {
    const valid = schema.oneOf.filter((branch) => !fails(branch)).length;
    if (valid === 0) refuse('must validate one and only one schema (oneOf). Found none valid');
    if (valid > 1) refuse(`must validate one and only one schema (oneOf). Found ${valid} valid alternatives`);
  }
  if (schema.not !== undefined && !fails(schema.not)) refuse('must not validate the schema (not)');
  return found;
}

/** `spec` and `source` to `spec.source`. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

export function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
