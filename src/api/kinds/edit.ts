// Pure edits of JSON objects, for defaults and write strategies. Every function returns a new object, or the same one
// when nothing changes, and drops undefined members.
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { own } from './field.ts';

/** `object` with `name` set to `value`, or without `name` when `value` is undefined. */
export function withMember(object: JsonObject, name: string, value: JsonValue | undefined): JsonObject {
  if (own(object, name) === value) return object;
  if (value !== undefined) return { ...object, [name]: value };
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

/** `object` with each member of `defaults` that it lacks (absent or null). */
export function withDefaults(object: JsonObject, defaults: JsonObject): JsonObject {
  const missing = Object.entries(defaults).filter(([name]) => isAbsent(own(object, name)));
  return missing.length === 0 ? object : { ...object, ...Object.fromEntries(missing) };
}

/** `object` with the object under `name` changed by `edit`; nothing happens when there is none. */
export function editMember(
  object: JsonObject,
  name: string,
  edit: (member: JsonObject) => JsonObject,
): JsonObject {
  const member = own(object, name);
  return isJsonObject(member) ? withMember(object, name, edit(member)) : object;
}

/** The same for every object in the list under `name`. */
export function editItems(
  object: JsonObject,
  name: string,
  edit: (item: JsonObject) => JsonObject,
): JsonObject {
  const list = own(object, name);
  if (!Array.isArray(list)) return object;
  return withMember(
    object,
    name,
    list.map((item: JsonValue) => (isJsonObject(item) ? edit(item) : item)),
  );
}

/** Ensures an object under `name`, then edits it. */
export function editOrAdd(
  object: JsonObject,
  name: string,
  edit: (member: JsonObject) => JsonObject,
): JsonObject {
  const member = own(object, name);
  return withMember(object, name, edit(isJsonObject(member) ? member : {}));
}

/** `object` with `name` as `from` has it. */
export function takeMember(object: JsonObject, from: JsonObject, name: string): JsonObject {
  return withMember(object, name, own(from, name));
}

function isAbsent(value: JsonValue | undefined): boolean {
  return value === undefined || value === null;
}
