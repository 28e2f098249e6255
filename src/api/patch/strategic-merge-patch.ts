// Strategic merge patch, driven by the schema table: lists with a merge key are merged by it, the directives `$patch`,
// `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder` are carried out, everything else is a merge patch.
import { getOwn, isJsonObject, type JsonObject, type JsonValue, setOwn } from '../json.ts';
import { type FieldSchema, findType, type TypeRef } from '../schema.ts';
import { badRequest } from '../status.ts';
import { followsOrder, mergeOrder, positions } from './element-order.ts';

const PATCH = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

type Members = Record<string, JsonValue | undefined>;

export function applyStrategicMergePatch(
  original: JsonObject,
  patch: JsonObject,
  typeName: string,
): JsonObject {
  return mergeObject(original, patch, { kind: 'ref', name: typeName });
}

/** What the schema says of one member of an object of type `type`; undefined where it says nothing. */
function memberSchema(type: TypeRef | undefined, key: string): FieldSchema | undefined {
  return type?.kind === 'ref' ? findType(type.name)?.fields.get(key) : undefined;
}

function memberType(type: TypeRef | undefined, key: string): TypeRef | undefined {
  return type?.kind === 'map' ? type.of : memberSchema(type, key)?.type;
}

function mergeObject(original: JsonObject, patch: JsonObject, type: TypeRef | undefined): JsonObject {
  const directive = getOwn(patch, PATCH);
  if (directive === 'replace') return mapMembers(patch, replacingValue);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive);
  const merged: Members = { ...retained(original, patch) };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_PRIMITIVES))
      deletePrimitives(merged, key.slice(DELETE_PRIMITIVES.length), value);
  }
  for (const key of patchedKeys(patch)) {
    const value = mergeMember(original, merged, patch, key, type);
    if (value === undefined) delete merged[key];
    else setOwn(merged, key, value);
  }
  return merged;
}

function unknownDirective(directive: JsonValue): Error {
  return badRequest(
    `unknown "$patch" directive ${JSON.stringify(directive)}: replace, merge or delete is needed`,
  );
}

/** The members that the patch touches, by itself or by an order that it gives. */
function patchedKeys(patch: JsonObject): string[] {
  const keys = Object.keys(patch).flatMap((key) => {
    if (key.startsWith(ELEMENT_ORDER)) return [key.slice(ELEMENT_ORDER.length)];
    return key === PATCH || key === RETAIN_KEYS || key.startsWith(DELETE_PRIMITIVES) ? [] : [key];
  });
  return [...new Set(keys)];
}

function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const keep = getOwn(patch, RETAIN_KEYS);
  if (keep === undefined) return original;
  if (!Array.isArray(keep)) throw badRequest(`"${RETAIN_KEYS}" must be a list of field names`);
  for (const key of patchedKeys(patch)) {
    if (getOwn(patch, key) !== null && !keep.includes(key)) {
      throw badRequest(`"${RETAIN_KEYS}" does not name the field "${key}" that the patch sets`);
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
}

function deletePrimitives(merged: Members, key: string, values: JsonValue | undefined): void {
  const list = merged[key];
  if (!Array.isArray(values)) throw badRequest(`"${DELETE_PRIMITIVES}${key}" must be a list`);
  if (Array.isArray(list))
    setOwn(
      merged,
      key,
      list.filter((item: JsonValue) => !values.includes(item)),
    );
}

function mergeMember(
  original: JsonObject,
  merged: Members,
  patch: JsonObject,
  key: string,
  type: TypeRef | undefined,
): JsonValue | undefined {
  const field = memberSchema(type, key);
  const current = getOwn(merged, key);
  const change = getOwn(patch, key);
  const order = getOwn(patch, `${ELEMENT_ORDER}${key}`);
  if (change === null) return undefined;
  if (order !== undefined) return orderedList(original, current, patch, key, field);
  if (change === undefined) return current;
  if (Array.isArray(change) && Array.isArray(current)) return mergeList(current, change, field);
  if (!isJsonObject(change) || !isJsonObject(current)) return addedValue(change);
  if (field?.patch.includes('replace') === true) return replacingValue(change);
  return mergeObject(current, change, memberType(type, key));
}

function orderedList(
  original: JsonObject,
  current: JsonValue | undefined,
  patch: JsonObject,
  key: string,
  field: FieldSchema | undefined,
): JsonValue | undefined {
  const order = getOwn(patch, `${ELEMENT_ORDER}${key}`);
  const change = getOwn(patch, key) ?? [];
  if (!Array.isArray(order) || !Array.isArray(change)) {
    throw badRequest(`"${ELEMENT_ORDER}${key}" and the list that it orders must be lists`);
  }
  if (current === undefined && change.length === 0) return undefined;
  const identity = identityOf(field?.mergeKey);
  const listed = change.filter((item) => directiveOf(item) === undefined);
  if (!followsOrder(listed, order, identity)) {
    throw badRequest(`the order in the patch list "${key}" does not match "${ELEMENT_ORDER}${key}"`);
  }
  const merged = mergeList(Array.isArray(current) ? current : [], change, field);
  const before = getOwn(original, key);
  return mergeOrder(merged, order, Array.isArray(before) ? before : [], identity);
}

type Identity = (item: JsonValue | undefined) => JsonValue | undefined;

function identityOf(mergeKey: string | undefined): Identity {
  if (mergeKey === undefined) return (item) => item;
  return (item) => (isJsonObject(item) ? getOwn(item, mergeKey) : undefined);
}

function mergeList(
  current: readonly JsonValue[],
  change: readonly JsonValue[],
  field: FieldSchema | undefined,
): readonly JsonValue[] {
  if (field?.patch.includes('merge') !== true) return change.map(replacingValue);
  if (change.some((item) => directiveOf(item) === 'replace')) {
    return change.filter((item) => directiveOf(item) === undefined).map(replacingValue);
  }
  if (field.mergeKey === undefined) {
    const known = new Set(current);
    const added = [...new Set(change)].filter((item) => !known.has(item));
    return mergeOrder([...current, ...added], change, current, identityOf(undefined));
  }
  return mergeByKey(current, change, field.mergeKey, elementType(field.type));
}

function directiveOf(item: JsonValue): JsonValue | undefined {
  return isJsonObject(item) ? getOwn(item, PATCH) : undefined;
}

function elementType(type: TypeRef): TypeRef | undefined {
  return type.kind === 'list' ? type.of : undefined;
}

function mergeByKey(
  current: readonly JsonValue[],
  change: readonly JsonValue[],
  mergeKey: string,
  type: TypeRef | undefined,
): readonly JsonValue[] {
  const identity = identityOf(mergeKey);
  const merged: (JsonValue | undefined)[] = [...current];
  const places = positions(current, identity);
  const kept: JsonValue[] = [];
  const elements = change.map((item) => keyedElement(item, mergeKey));
  for (const element of elements.filter((item) => directiveOf(item) === 'delete')) {
    const at = places.get(identity(element));
    if (at !== undefined) merged[at] = undefined;
    places.delete(identity(element));
  }
  for (const element of elements.filter((item) => directiveOf(item) !== 'delete')) {
    const at = places.get(identity(element)) ?? merged.length;
    const old = merged[at];
    merged[at] = mergeObject(isJsonObject(old) ? old : {}, element, type);
    places.set(identity(element), at);
    kept.push(element);
  }
  const present = merged.filter((item) => item !== undefined);
  return mergeOrder(present, kept, current, identity);
}

function keyedElement(item: JsonValue, mergeKey: string): JsonObject {
  if (!isJsonObject(item))
    throw badRequest(`an element of a list that merges by "${mergeKey}" must be an object`);
  if (getOwn(item, mergeKey) === undefined) {
    const found = JSON.stringify(Object.keys(item));
    throw badRequest(`map: ${found} does not contain declared merge key: ${mergeKey}`);
  }
  return item;
}

/**
 * A value for a member that was absent or of another type. As in Kubernetes, an object within it that carries `$patch`
 * goes as a whole, because there is nothing that the directive could apply to.
 */
function addedValue(value: JsonValue): JsonValue | undefined {
  if (isJsonObject(value) && getOwn(value, PATCH) !== undefined) return undefined;
  return mapValue(value, addedValue);
}

/** A value that replaces one by directive or by the schema's rule: only the directives themselves go. */
function replacingValue(value: JsonValue): JsonValue {
  return mapValue(value, replacingValue);
}

function mapValue(value: JsonValue, map: (inner: JsonValue) => JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map(map).filter((item) => item !== undefined);
  return isJsonObject(value) ? mapMembers(value, map) : value;
}

function mapMembers(object: JsonObject, map: (inner: JsonValue) => JsonValue | undefined): JsonObject {
  const plain: Members = {};
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined || value === null || isDirective(key)) continue;
    const kept = map(value);
    if (kept !== undefined) setOwn(plain, key, kept);
  }
  return plain;
}

function isDirective(key: string): boolean {
  return (
    key === PATCH || key === RETAIN_KEYS || key.startsWith(DELETE_PRIMITIVES) || key.startsWith(ELEMENT_ORDER)
  );
}
