// The checks of one value that need no other: its type, bounds, pattern and format.
import * as errors from '../field-errors.ts';
import type { JsonValue } from '../json.ts';
import { isJsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { findsPattern } from './linear-regexp.ts';
import type { StructuralSchema } from './structural-schema.ts';
import type { Place } from './validate.ts';

export function typeFits({ type, isIntOrString }: StructuralSchema, value: JsonValue): boolean {
  if (isIntOrString) return typeof value === 'string' || Number.isInteger(value);
  switch (type) {
    case 'string':
    case 'boolean':
    case 'number':
      return typeof value === type;
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isJsonObject(value);
    default:
      return true;
  }
}

/** False for a list beyond its bound: its items are not looked at then. */
export function sizeFits({ bounds }: StructuralSchema, value: readonly JsonValue[]): boolean {
  return bounds.maxItems === undefined || value.length <= bounds.maxItems;
}

export function checkBounds(schema: StructuralSchema, place: Place): readonly FieldError[] {
  const { value } = place;
  if (typeof value === 'number') return checkNumber(schema, place, value);
  if (typeof value === 'string') return checkText(schema, place, value);
  if (Array.isArray(value)) return checkSize(schema, place, value);
  return isJsonObject(value) ? checkMembers(schema, place, Object.keys(value).length) : [];
}

function checkNumber({ bounds }: StructuralSchema, { path }: Place, value: number): readonly FieldError[] {
  const { minimum, maximum, multipleOf } = bounds;
  const found: FieldError[] = [];
  const refuse = (text: string): number =>
    found.push(errors.invalidValue(path, value, `${path} in body ${text}`));
  if (minimum !== undefined && (bounds.exclusiveMinimum ? value <= minimum : value < minimum)) {
    refuse(`should be greater than ${bounds.exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
  }
  if (maximum !== undefined && (bounds.exclusiveMaximum ? value >= maximum : value > maximum)) {
    refuse(`should be less than ${bounds.exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    refuse(`should be a multiple of ${multipleOf}`);
  }
  return found;
}

function checkText(
  { bounds, pattern }: StructuralSchema,
  { path }: Place,
  value: string,
): readonly FieldError[] {
  const found: FieldError[] = [];
  // Counted as code points, as Go counts runes.
  const length = bounds.minLength === undefined && bounds.maxLength === undefined ? 0 : [...value].length;
  if (bounds.minLength !== undefined && length < bounds.minLength) {
    found.push(
      errors.invalidValue(path, value, `${path} in body should be at least ${bounds.minLength} chars long`),
    );
  }
  if (bounds.maxLength !== undefined && length > bounds.maxLength) {
    found.push(errors.tooLong(path, bounds.maxLength));
  }
  if (pattern !== undefined && findsPattern(pattern, value) !== true) {
    found.push(errors.invalidValue(path, value, `${path} in body should match '${pattern}'`));
  }
  return found;
}

function checkSize(
  { bounds }: StructuralSchema,
  { path }: Place,
  value: readonly JsonValue[],
): readonly FieldError[] {
  const { minItems, maxItems } = bounds;
  const found: FieldError[] = [];
  if (minItems !== undefined && value.length < minItems) {
    found.push(
      errors.invalidValue(path, value.length, `${path} in body should have at least ${minItems} items`),
    );
  }
  if (maxItems !== undefined && value.length > maxItems) {
    found.push(errors.tooMany(path, value.length, maxItems));
  } else if (bounds.uniqueItems && new Set(value.map((item) => JSON.stringify(item))).size < value.length) {
    found.push(errors.invalidValue(path, value, `${path} in body shouldn't contain duplicates`));
  }
  return found;
}

function checkMembers({ bounds }: StructuralSchema, { path }: Place, count: number): readonly FieldError[] {
  const { minProperties, maxProperties } = bounds;
  if (minProperties !== undefined && count < minProperties) {
    const text = `${path} in body should have at least ${minProperties} properties`;
    return [errors.invalidValue(path, count, text)];
  }
  if (maxProperties !== undefined && count > maxProperties) {
    return [errors.tooMany(path, count, maxProperties)];
  }
  return [];
}

const INT32 = 2 ** 31;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const UUID = /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/;

const FORMATS: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  int32: (value) => typeof value !== 'number' || (value >= -INT32 && value < INT32),
  'date-time': (value) =>
    typeof value !== 'string' || (DATE_TIME.test(value) && !Number.isNaN(Date.parse(value))),
  date: (value) =>
    typeof value !== 'string' || (/^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))),
  uuid: (value) => typeof value !== 'string' || UUID.test(value),
  byte: (value) => typeof value !== 'string' || /^[A-Za-z0-9+/]*={0,2}$/.test(value),
};

/** Formats that Kubernetes checks; another one is a note to readers. */
export function checkFormat({ format }: StructuralSchema, { path, value }: Place): readonly FieldError[] {
  const check = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (check === undefined || check(value)) return [];
  const text = `${path} in body must be of type ${format}: ${JSON.stringify(value)}`;
  return [errors.invalidValue(path, value, text)];
}
