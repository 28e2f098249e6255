// Bytes of a request to a plain JSON value: content type, UTF-8, size, depth, syntax, and which keys were given twice.
// What the value means is decode.ts's business.
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { countMembers, duplicatePaths, shapeOf } from './json-text.ts';
import { badRequest, bodyTooLarge, unsupportedMediaType } from './status.ts';
import { parseYaml } from './yaml.ts';

/** The largest request body, as in Kubernetes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

// Far deeper than any API object; shallow enough that a recursive walk cannot overflow the stack.
const MAX_DEPTH = 200;

export const JSON_TYPE = 'application/json';
export const YAML_TYPE = 'application/yaml';
export const BODY_TYPES = [JSON_TYPE, YAML_TYPE] as const;

export interface ParsedBody {
  readonly value: JsonValue;
  /** Texts of strict decoding (`duplicate field "spec.x"`), worked out only when there are duplicates. */
  readonly duplicates: readonly string[];
}

/** `application/json` for `Application/JSON; charset=utf-8`. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** The value alone. Throws StatusErrors: 400, 413, 415. */
export function parseBody(bytes: Uint8Array, contentType: string): JsonValue {
  return parseBodyStrictly(bytes, contentType).value;
}

/** Throws a 413 for a body that is too large. */
export function boundBody(bytes: Uint8Array): void {
  if (bytes.byteLength > MAX_BODY_BYTES) throw bodyTooLarge(MAX_BODY_BYTES);
}

export function parseBodyStrictly(bytes: Uint8Array, contentType: string): ParsedBody {
  boundBody(bytes);
  switch (mediaType(contentType)) {
    case '':
    case JSON_TYPE:
      return parseJson(decodeUtf8(bytes));
    case YAML_TYPE:
    case 'application/x-yaml':
    case 'text/yaml':
      return parseYamlBody(decodeUtf8(bytes));
    default:
      throw unsupportedMediaType(BODY_TYPES);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('the body is not valid UTF-8: JSON or YAML in UTF-8 is needed');
  }
}

function parseJson(text: string): ParsedBody {
  const shape = shapeOf(text);
  if (shape.depth > MAX_DEPTH) {
    throw badRequest(`the JSON body is nested ${shape.depth} deep: at most ${MAX_DEPTH} is accepted`);
  }
  const value = parseJsonText(text);
  if (countMembers(value) === shape.members) return { value, duplicates: [] };
  return { value, duplicates: duplicatePaths(text).map((path) => `duplicate field "${path}"`) };
}

function parseJsonText(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch (error) {
    throw badRequest(`the body is not valid JSON: ${syntaxProblem(error, text)}`);
  }
}

/** The engine's message without the piece of the body that it quotes, which may hold a secret. */
function syntaxProblem(error: unknown, text: string): string {
  if (text.trim() === '') return 'it is empty';
  const message = error instanceof Error ? error.message : '';
  return message.replace(/,? ?(?:\.\.\.)?"[\s\S]*$/u, '').trim() || 'unexpected token';
}

function parseYamlBody(text: string): ParsedBody {
  const { value, duplicate } = parseYaml(text);
  return { value, duplicates: duplicate === undefined ? [] : [`yaml: unmarshal errors:\n  ${duplicate}`] };
}

/** The value as an object. Throws a 400 that says what it is instead. */
export function expectObject(value: JsonValue): JsonObject {
  if (isJsonObject(value)) return value;
  const found = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  throw badRequest(`the body is ${found}: an object is needed`);
}
