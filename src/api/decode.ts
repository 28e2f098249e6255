// Strict, schema-driven decoding: bytes or a JSON value to the plain object that Kubernetes' own types would hold.
// Unknown and duplicate fields are named (an error, a warning or nothing, as asked) and dropped; a wrong type is a
// 400 with its path; null is absent; zeros that the type does not tell from absent are dropped.
import { getOwn, isJsonObject, type JsonObject, type JsonValue, setOwn } from './json.ts';
import type { CustomForm } from './kind.ts';
import { boundBody, expectObject, mediaType, parseBodyStrictly } from './parse-body.ts';
import { decodeProtobuf } from './protobuf/decode.ts';
import { PROTOBUF_TYPE } from './protobuf/encode.ts';
import { decodeScalar, jsonTypeOf, zeroOf } from './scalars.ts';
import { type FieldSchema, type TypeRef, type TypeSchema, typeNamed } from './schema.ts';
import { badRequest } from './status.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface DecodeOptions {
  /** `core/v1.Pod` */
  readonly typeName: string;
  readonly validation: FieldValidation;
  /** What the URL asks for: a body that says otherwise is refused; one that says nothing gets it. */
  readonly apiVersion?: string;
  readonly kind?: string;
  /** Set for a custom resource: its form takes the place of the type's. */
  readonly custom?: CustomForm | undefined;
}

export interface Decoded {
  readonly object: JsonObject;
  /** Texts for Warning headers: `unknown field "spec.x"`. */
  readonly warnings: readonly string[];
}

// As many as Kubernetes names before it stops looking.
const MAX_STRICT_ERRORS = 100;

/** Decodes a request body. Throws StatusErrors: 400 (malformed, wrong type, strict), 413, 415. */
export function decodeObject(
  bytes: Uint8Array,
  options: DecodeOptions & { readonly contentType: string },
): Decoded {
  if (mediaType(options.contentType) === PROTOBUF_TYPE) {
    boundBody(bytes);
    return decodeValue(decodeProtobuf(bytes, options.typeName), options);
  }
  const { value, duplicates } = parseBodyStrictly(bytes, options.contentType);
  return decodeValue(expectObject(value), options, duplicates);
}

/** Decodes a value that has already been parsed (the result of a patch). */
export function decodeValue(
  value: JsonObject,
  options: DecodeOptions,
  duplicates: readonly string[] = [],
): Decoded {
  checkTypeMeta(value, options);
  const decoder = new Decoder(options.validation !== 'Ignore');
  const typed = problemsNamed(options, value, () =>
    options.custom === undefined
      ? decoder.struct(typeNamed(options.typeName), value)
      : decoder.custom(options.custom, value),
  );
  const strict = [...decoder.unknown, ...duplicates];
  if (options.validation === 'Strict' && strict.length > 0) {
    throw badRequest(`strict decoding error: ${strict.slice(0, MAX_STRICT_ERRORS).join(', ')}`);
  }
  const object = withTypeMeta(typed, options);
  return { object, warnings: options.validation === 'Warn' ? strict.slice(0, MAX_STRICT_ERRORS) : [] };
}

/** The object with every field that the schema does not know left out, and in canonical form. */
export function pruneObject(object: JsonObject, typeName: string): JsonObject {
  return new Decoder(false).struct(typeNamed(typeName), object);
}

function checkTypeMeta(value: JsonObject, { apiVersion, kind }: DecodeOptions): void {
  const found = getOwn(value, 'apiVersion');
  const foundKind = getOwn(value, 'kind');
  if (apiVersion !== undefined && typeof found === 'string' && found !== '' && found !== apiVersion) {
    const text = 'does not match the expected API version';
    throw badRequest(`the API version in the data (${found}) ${text} (${apiVersion})`);
  }
  if (kind !== undefined && typeof foundKind === 'string' && foundKind !== '' && foundKind !== kind) {
    throw badRequest(`the kind in the data (${foundKind}) does not match the expected kind (${kind})`);
  }
}

function withTypeMeta(object: JsonObject, { apiVersion, kind }: DecodeOptions): JsonObject {
  const version = apiVersion ?? object.apiVersion;
  const name = kind ?? object.kind;
  const typeMeta: Record<string, JsonValue> = {};
  if (version !== undefined) typeMeta.apiVersion = version;
  if (name !== undefined) typeMeta.kind = name;
  return { ...typeMeta, ...object, ...typeMeta };
}

class DecodeProblem extends Error {}

function problemsNamed<T>(options: DecodeOptions, value: JsonObject, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof DecodeProblem)) throw error;
    const kind = options.kind ?? textOr(value.kind, options.typeName);
    const version = options.apiVersion ?? textOr(value.apiVersion, '');
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${error.message}`);
  }
}

function textOr(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

class Decoder {
  readonly unknown: string[] = [];
  readonly #namesUnknown: boolean;
  readonly #path: (string | number)[] = [];

  constructor(namesUnknown: boolean) {
    this.#namesUnknown = namesUnknown;
  }

  struct(type: TypeSchema, value: JsonObject): JsonObject {
    const out: Record<string, JsonValue> = {};
    for (const key of Object.keys(value)) {
      const member = value[key];
      const field = type.fields.get(key);
      if (field === undefined) this.#reportUnknown(key);
      else if (member !== null && member !== undefined) this.#field(out, field, member);
    }
    for (const field of type.fields.values()) {
      if (field.always && !field.pointer && !Object.hasOwn(out, field.name)) this.#zero(out, field);
    }
    return out;
  }

  /** A custom object: metadata is everyone's, the rest is as its own schema says. */
  custom(form: CustomForm, value: JsonObject): JsonObject {
    const { metadata, ...rest } = value;
    const { object, unknown } = form.shape(rest);
    for (const path of unknown) this.#report(formatPath(path));
    if (metadata === undefined || metadata === null) return object;
    this.#path.push('metadata');
    const type = typeNamed('meta/v1.ObjectMeta');
    const decoded = isJsonObject(metadata)
      ? this.struct(type, metadata)
      : this.#mismatch(metadata, type.name);
    this.#path.pop();
    return { ...object, metadata: decoded };
  }

  #field(out: Record<string, JsonValue>, field: FieldSchema, member: JsonValue): void {
    this.#path.push(field.name);
    const decoded = this.#value(field.type, member);
    this.#path.pop();
    const droppable = !field.pointer && !field.always && isDroppable(field.type, decoded);
    if (!droppable) out[field.name] = decoded;
  }

  #zero(out: Record<string, JsonValue>, { name, type }: FieldSchema): void {
    const zero = this.#zeroValue(type);
    if (zero !== undefined) out[name] = zero;
  }

  #zeroValue(type: TypeRef): JsonValue | undefined {
    switch (type.kind) {
      case 'scalar':
        return zeroOf(type.scalar);
      case 'list':
        return [];
      case 'map':
        return {};
      case 'ref': {
        const named = typeNamed(type.name);
        return named.alias === undefined ? this.struct(named, {}) : undefined;
      }
    }
  }

  #value(type: TypeRef, value: JsonValue): JsonValue {
    switch (type.kind) {
      case 'scalar': {
        const result = decodeScalar(type.scalar, value);
        return 'value' in result ? result.value : this.#fail(result.problem);
      }
      case 'list':
        return this.#list(type.of, value);
      case 'map':
        return this.#map(type.of, value);
      case 'ref': {
        const named = typeNamed(type.name);
        if (named.alias !== undefined) return this.#value(named.alias, value);
        return isJsonObject(value) ? this.struct(named, value) : this.#mismatch(value, named.name);
      }
    }
  }

  #list(of: TypeRef, value: JsonValue): JsonValue {
    if (!Array.isArray(value)) return this.#mismatch(value, 'array');
    return value.map((item: JsonValue, index) => {
      this.#path.push(index);
      const decoded = item === null ? (this.#zeroValue(of) ?? null) : this.#value(of, item);
      this.#path.pop();
      return decoded;
    });
  }

  #map(of: TypeRef, value: JsonValue): JsonValue {
    if (!isJsonObject(value)) return this.#mismatch(value, 'map');
    const out: Record<string, JsonValue> = {};
    for (const [key, member] of Object.entries(value)) {
      this.#path.push(key);
      const decoded = member === null || member === undefined ? this.#zeroValue(of) : this.#value(of, member);
      if (decoded !== undefined) setOwn(out, key.toWellFormed(), decoded);
      this.#path.pop();
    }
    return out;
  }

  #mismatch(value: JsonValue, wanted: string): never {
    const shown = typeof value === 'number' ? `number ${value}` : jsonTypeOf(value);
    return this.#fail(`cannot unmarshal ${shown} into a value of type ${wanted}`);
  }

  #fail(problem: string): never {
    throw new DecodeProblem(`field "${formatPath(this.#path)}": ${problem}`);
  }

  #reportUnknown(key: string): void {
    if (this.#namesUnknown) this.#report(formatPath([...this.#path, key]));
  }

  #report(path: string): void {
    if (!this.#namesUnknown || this.unknown.length >= MAX_STRICT_ERRORS) return;
    this.unknown.push(`unknown field "${path}"`);
  }
}

/** `spec.containers[0].name` */
export function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

function isDroppable(type: TypeRef, value: JsonValue): boolean {
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  if (type.kind === 'map') return isJsonObject(value) && Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}
