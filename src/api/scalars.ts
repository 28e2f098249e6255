// The scalar types of the schema: what each accepts in JSON and the one form it is kept in (quantities canonical,
// times in UTC), as a round trip through Kubernetes' own types would leave it.
import type { JsonValue } from './json.ts';
import { isJsonObject } from './json.ts';
import { canonicalQuantity, QUANTITY_ERROR } from './quantity.ts';
import type { Scalar } from './schema.ts';

/** The kept form, or what is wrong. */
export type ScalarResult = { readonly value: JsonValue } | { readonly problem: string };

const INT32_MAX = 2 ** 31 - 1;

export function jsonTypeOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function mismatch(value: JsonValue, wanted: string): ScalarResult {
  const shown = typeof value === 'number' ? `number ${value}` : jsonTypeOf(value);
  return { problem: `cannot unmarshal ${shown} into a value of type ${wanted}` };
}

export function decodeScalar(scalar: Scalar, value: JsonValue): ScalarResult {
  switch (scalar) {
    case 'string':
      return typeof value === 'string' ? { value: value.toWellFormed() } : mismatch(value, 'string');
    case 'bool':
      return typeof value === 'boolean' ? { value } : mismatch(value, 'bool');
    case 'int32':
    case 'int64':
      return decodeInteger(scalar, value);
    case 'double':
      return typeof value === 'number' ? { value } : mismatch(value, 'float64');
    case 'bytes':
      return typeof value === 'string' ? decodeBase64(value) : mismatch(value, 'bytes (base64)');
    case 'Time':
      return typeof value === 'string' ? decodeTime(value, false) : mismatch(value, 'Time');
    case 'MicroTime':
      return typeof value === 'string' ? decodeTime(value, true) : mismatch(value, 'MicroTime');
    case 'Duration':
      return typeof value === 'string' ? decodeDuration(value) : mismatch(value, 'Duration');
    case 'Quantity':
      return decodeQuantity(value);
    case 'IntOrString':
      return typeof value === 'string' ? { value: value.toWellFormed() } : decodeInteger('int32', value);
    case 'FieldsV1':
    case 'object':
      return isJsonObject(value) ? { value } : mismatch(value, 'object');
    case 'RawExtension':
    case 'any':
      return { value };
  }
}

function decodeInteger(scalar: 'int32' | 'int64', value: JsonValue): ScalarResult {
  if (typeof value !== 'number' || !Number.isInteger(value)) return mismatch(value, scalar);
  if (scalar === 'int32' && (value > INT32_MAX || value < -INT32_MAX - 1)) return mismatch(value, scalar);
  // JSON numbers beyond this are no longer exact here: refused rather than changed in silence.
  if (!Number.isSafeInteger(value)) {
    return { problem: `number ${value} is beyond ±${Number.MAX_SAFE_INTEGER}, which cannot be kept exactly` };
  }
  return { value: value === 0 ? 0 : value };
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function decodeBase64(text: string): ScalarResult {
  const packed = text.replace(/[\r\n]/gu, '');
  const valid = packed.length % 4 === 0 && BASE64.test(packed);
  return valid ? { value: packed } : { problem: 'illegal base64 data' };
}

const TIME =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

const PLAIN_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

function decodeTime(text: string, micros: boolean): ScalarResult {
  // As the server itself writes times, and as they come back with every update; no month ends before the 29th.
  if (!micros && PLAIN_TIME.test(text)) return { value: text };
  const [, local = '', fraction = '', zone = ''] = TIME.exec(text) ?? [];
  if (local === '' || secondsText(Date.parse(`${local}Z`)) !== local) {
    const wanted = 'an RFC 3339 time like "2006-01-02T15:04:05Z" is needed';
    return { problem: `parsing time ${JSON.stringify(text)}: ${wanted}` };
  }
  const seconds = secondsText(Date.parse(`${local}${zone}`));
  return { value: micros ? `${seconds}.${`${fraction}000000`.slice(0, 6)}Z` : `${seconds}Z` };
}

/** Empty for no time at all. A day beyond its month's end comes back as another day: the caller compares. */
function secondsText(epoch: number): string {
  return Number.isNaN(epoch) ? '' : new Date(epoch).toISOString().slice(0, 19);
}

const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

function decodeDuration(text: string): ScalarResult {
  if (text.length <= 64 && DURATION.test(text)) return { value: text };
  return { problem: `time: invalid duration ${JSON.stringify(text)}` };
}

function decodeQuantity(value: JsonValue): ScalarResult {
  if (typeof value !== 'string' && typeof value !== 'number') return mismatch(value, 'Quantity');
  const canonical = canonicalQuantity(typeof value === 'number' ? plainNumber(value) : value.trim());
  return canonical === undefined ? { problem: QUANTITY_ERROR } : { value: canonical };
}

/** JavaScript prints large numbers as `1e+21`, which is a quantity too. */
function plainNumber(value: number): string {
  return String(value);
}

/** What a null element of a list or map becomes, and what an absent field that is always shown holds. */
export function zeroOf(scalar: Scalar): JsonValue | undefined {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'IntOrString':
      return 0;
    case 'Quantity':
      return '0';
    case 'Duration':
      return '0s';
    default:
      return undefined;
  }
}
