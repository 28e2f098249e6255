// YAML as Kubernetes reads it: YAML 1.1-ish scalars (`yes`, `off` and `y` are booleans, `012` is octal, `<<` merges,
// no timestamps, no sexagesimal numbers), string keys, values that are plain JSON. Aliases are bounded by what they
// expand to, so a small text cannot become a large object.
import {
  boolYaml11Tag,
  defineMappingTag,
  defineScalarTag,
  dump,
  FAILSAFE_SCHEMA,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  YAMLException,
} from 'js-yaml';
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from './json.ts';
import { badRequest, type StatusError } from './status.ts';

const MAX_DEPTH = 100;
const MAX_ALIASES = 100;
const MAX_MERGED_KEYS = 10_000;
// Nodes of a value once every alias stands for a copy. A 3 MiB body without aliases cannot reach it.
const MAX_NODES = 4_000_000;

const INTEGER = /^([-+]?)(?:0b([01]+)|0o?([0-7]+)|0x([0-9a-fA-F]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

function integer(source: string): number | typeof NOT_RESOLVED {
  const match = INTEGER.exec(source.replaceAll('_', ''));
  if (match === null || source.startsWith('_')) return NOT_RESOLVED;
  const [, sign, binary, octal, hex, decimal = ''] = match;
  const magnitude =
    binary !== undefined
      ? Number.parseInt(binary, 2)
      : octal !== undefined
        ? Number.parseInt(octal, 8)
        : hex !== undefined
          ? Number.parseInt(hex, 16)
          : Number(decimal);
  // 0 has no sign in JSON.
  return Number.isFinite(magnitude)
    ? sign === '-' && magnitude !== 0
      ? -magnitude
      : magnitude
    : NOT_RESOLVED;
}

function float(source: string): number | typeof NOT_RESOLVED {
  const plain = source.replaceAll('_', '');
  if (!FLOAT.test(plain) || source.startsWith('_')) return NOT_RESOLVED;
  const value = Number(plain);
  return Number.isFinite(value) ? value : NOT_RESOLVED;
}

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const intTag = defineScalarTag<number>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: ['-', '+', ...DIGITS],
  resolve: integer,
  identify: (data: unknown) => Number.isInteger(data),
});

const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: ['-', '+', '.', ...DIGITS],
  resolve: float,
  identify: (data: unknown) => typeof data === 'number' && !Number.isInteger(data),
});

type Mapping = Record<string, JsonValue | undefined>;

const mappingTag = defineMappingTag<Mapping>('tag:yaml.org,2002:map', {
  create: () => ({}),
  addPair: (mapping, key, value) => {
    if (typeof key === 'object' && key !== null) return 'a mapping key must be a string, not a collection';
    setOwn(mapping, String(key), toJson(value));
    return '';
  },
  has: (mapping, key) => Object.hasOwn(mapping, String(key)),
  keys: (mapping) => Object.keys(mapping),
  get: (mapping, key) => (Object.hasOwn(mapping, String(key)) ? mapping[String(key)] : null),
  identify: isJsonObject,
});

/** What the tags above construct is JSON; this says so to the compiler and turns a missing value into null. */
function toJson(value: unknown): JsonValue {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return isJsonObject(value) ? value : null;
}

const SCHEMA = FAILSAFE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intTag, floatTag, mergeTag, mappingTag);

export interface YamlDocuments {
  readonly documents: readonly JsonValue[];
  /** `line 6: key "x" already set in map`, for the first duplicate key; the last value won. */
  readonly duplicate: string | undefined;
}

/** Reads every document of a YAML stream; empty ones are left out. Throws a 400 StatusError. */
export function parseYamlDocuments(text: string): YamlDocuments {
  try {
    return { documents: load(text, false), duplicate: undefined };
  } catch (error) {
    if (!isDuplicateKey(error)) throw yamlError(error);
    try {
      return { documents: load(text, true), duplicate: `${where(error)}: key already set in map` };
    } catch (second) {
      throw yamlError(second);
    }
  }
}

function load(text: string, allowDuplicates: boolean): JsonValue[] {
  const loaded: unknown[] = loadAll(text, {
    schema: SCHEMA,
    json: allowDuplicates,
    maxDepth: MAX_DEPTH,
    maxAliases: MAX_ALIASES,
    maxTotalMergeKeys: MAX_MERGED_KEYS,
  });
  const documents = loaded.map(toJson);
  if (text.includes('*')) for (const document of documents) boundExpansion(document);
  return documents.filter((document) => document !== null);
}

/** Refuses a value that contains itself or that is too large once its aliases are copies. */
function boundExpansion(document: JsonValue): void {
  const sizes = new Map<object, number | 'open'>();
  const sizeOf = (value: JsonValue | undefined): number => {
    if (typeof value !== 'object' || value === null) return 1;
    const known = sizes.get(value);
    if (known === 'open') throw badRequest('the YAML body has an anchor whose value contains itself');
    if (known !== undefined) return known;
    sizes.set(value, 'open');
    const size = Object.values(value).reduce<number>((sum, item) => sum + sizeOf(item), 1);
    sizes.set(value, size);
    return size;
  };
  if (sizeOf(document) > MAX_NODES) {
    throw badRequest(`the YAML body expands through its aliases to more than ${MAX_NODES} values`);
  }
}

/** Reads exactly one document (an empty text is null). Throws a 400 StatusError. */
export function parseYaml(text: string): {
  readonly value: JsonValue;
  readonly duplicate: string | undefined;
} {
  const { documents, duplicate } = parseYamlDocuments(text);
  if (documents.length > 1) {
    throw badRequest(`the YAML body holds ${documents.length} documents; exactly one is needed`);
  }
  return { value: documents[0] ?? null, duplicate };
}

function isDuplicateKey(error: unknown): error is YAMLException {
  return error instanceof YAMLException && error.reason === 'duplicated mapping key';
}

function where(error: YAMLException): string {
  return error.mark === undefined ? 'line unknown' : `line ${error.mark.line + 1}`;
}

/** Names line and reason only: the library's own message shows a piece of the text, which may hold a secret. */
function yamlError(error: unknown): unknown {
  if (error instanceof YAMLException) {
    return badRequest(`error converting YAML to JSON: yaml: ${where(error)}: ${error.reason}`);
  }
  return error instanceof RangeError ? tooDeep() : error;
}

function tooDeep(): StatusError {
  return badRequest('error converting YAML to JSON: yaml: the body is nested too deep');
}

/** The object as YAML, for people: two spaces, long lines kept whole, strings quoted where 1.1 or 1.2 needs it. */
export function formatYaml(object: JsonObject): string {
  return dump(object, { lineWidth: -1, noRefs: true });
}
