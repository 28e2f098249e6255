// Kubernetes' protobuf to the plain value that the same object has in JSON. Unknown field numbers are skipped, as
// protobuf wants it; what the values mean is checked by the decoding that follows (decode.ts one folder up).
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from '../json.ts';
import { type FieldSchema, type Scalar, type TypeRef, typeNamed } from '../schema.ts';
import { formatDuration } from './duration.ts';
import { MAGIC } from './encode.ts';
import { layoutOf, type MessageLayout } from './message-layout.ts';
import { malformed, packedVarints, type WireField, wireFields } from './wire.ts';

// As for JSON: deeper than any object, shallow enough to recurse.
const MAX_DEPTH = 200;

/** The object in an envelope, read as the table's type `typeName`. Throws a 400 StatusError. */
export function decodeProtobuf(bytes: Uint8Array, typeName: string): JsonObject {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) {
    throw malformed('it does not begin with the magic bytes "k8s\\0"');
  }
  const typeMeta: { apiVersion?: string; kind?: string } = {};
  let raw: Uint8Array = new Uint8Array();
  for (const field of wireFields(bytes.subarray(MAGIC.byteLength))) {
    if (field.wire !== 'bytes') continue;
    if (field.field === 1) Object.assign(typeMeta, readTypeMeta(field.bytes));
    else if (field.field === 2) raw = field.bytes;
    else if (field.field === 3 && field.bytes.byteLength > 0)
      throw malformed('its content is encoded once more');
  }
  return { ...typeMeta, ...readMessage(raw, typeName, 0) };
}

function readTypeMeta(bytes: Uint8Array): { apiVersion?: string; kind?: string } {
  const typeMeta: { apiVersion?: string; kind?: string } = {};
  for (const field of wireFields(bytes)) {
    if (field.wire !== 'bytes') continue;
    if (field.field === 1) typeMeta.apiVersion = utf8(field.bytes);
    else if (field.field === 2) typeMeta.kind = utf8(field.bytes);
  }
  return typeMeta;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('a string is not UTF-8');
  }
}

type Members = Record<string, JsonValue>;

function readMessage(bytes: Uint8Array, typeName: string, depth: number): JsonObject {
  const type = typeNamed(typeName);
  if (type.alias !== undefined) throw malformed(`values of "${typeName}" are accepted in JSON and YAML only`);
  const out: Members = {};
  readLayout(out, bytes, layoutOf(type), depth);
  return out;
}

function readLayout(out: Members, bytes: Uint8Array, layout: MessageLayout, depth: number): void {
  if (depth > MAX_DEPTH) throw malformed(`it is nested more than ${MAX_DEPTH} deep`);
  for (const wire of wireFields(bytes)) {
    const inner = layout.embedded.get(wire.field);
    if (inner !== undefined) readLayout(out, expectBytes(wire), inner, depth + 1);
    const field = layout.fields.get(wire.field);
    if (field !== undefined) readField(out, field, wire, depth);
  }
}

function expectBytes(wire: WireField): Uint8Array {
  if (wire.wire !== 'bytes') throw malformed(`field ${wire.field} must be length-delimited`);
  return wire.bytes;
}

function readField(out: Members, { name, type }: FieldSchema, wire: WireField, depth: number): void {
  switch (type.kind) {
    case 'list': {
      const before = out[name];
      const list = Array.isArray(before) ? before : [];
      for (const item of readItems(type.of, wire, depth)) list.push(item);
      out[name] = list;
      return;
    }
    case 'map': {
      const before = out[name];
      const map: Members = isMembers(before) ? before : {};
      readEntry(map, type.of, expectBytes(wire), depth);
      out[name] = map;
      return;
    }
    default: {
      const value = readValue(type, wire, depth);
      if (value !== undefined) out[name] = value;
    }
  }
}

/** Only maps that readField itself has begun come here. */
function isMembers(value: JsonValue | undefined): value is Members {
  return isJsonObject(value);
}

function* readItems(type: TypeRef, wire: WireField, depth: number): Generator<JsonValue> {
  const integer = type.kind === 'scalar' && (type.scalar === 'int32' || type.scalar === 'int64');
  if (integer && wire.wire === 'bytes') {
    for (const value of packedVarints(wire.bytes)) yield toNumber(value);
    return;
  }
  const item = readValue(type, wire, depth);
  yield item ?? null;
}

function readEntry(map: Members, type: TypeRef, bytes: Uint8Array, depth: number): void {
  let key = '';
  let value: JsonValue | undefined;
  for (const wire of wireFields(bytes)) {
    if (wire.field === 1) key = utf8(expectBytes(wire));
    else if (wire.field === 2) value = readMapValue(type, wire, depth);
  }
  setOwn(map, key, value ?? null);
}

function readMapValue(type: TypeRef, wire: WireField, depth: number): JsonValue | undefined {
  if (type.kind !== 'list') return readValue(type, wire, depth);
  const items: JsonValue[] = [];
  for (const inner of wireFields(expectBytes(wire))) {
    if (inner.field === 1) items.push(...readItems(type.of, inner, depth));
  }
  return items;
}

function readValue(type: TypeRef, wire: WireField, depth: number): JsonValue | undefined {
  if (type.kind === 'ref') return readMessage(expectBytes(wire), type.name, depth + 1);
  if (type.kind === 'scalar') return readScalar(type.scalar, wire);
  throw malformed(`field ${wire.field} is a list within a list`);
}

function readScalar(scalar: Scalar, wire: WireField): JsonValue | undefined {
  switch (scalar) {
    case 'string':
      return utf8(expectBytes(wire));
    case 'bool':
      return varint(wire) !== 0n;
    case 'int32':
    case 'int64':
      return toNumber(varint(wire));
    case 'double':
      if (wire.wire !== 'fixed64') throw malformed(`field ${wire.field} must be a 64-bit number`);
      return Buffer.from(wire.bytes).readDoubleLE();
    case 'bytes':
      return Buffer.from(expectBytes(wire)).toString('base64');
    default:
      return readScalarMessage(scalar, [...wireFields(expectBytes(wire))]);
  }
}

function varint(wire: WireField): bigint {
  if (wire.wire !== 'varint') throw malformed(`field ${wire.field} must be a number`);
  return wire.value;
}

function toNumber(value: bigint): number {
  const signed = BigInt.asIntN(64, value);
  const number = Number(signed);
  if (!Number.isSafeInteger(number)) throw malformed(`the number ${signed} cannot be kept exactly`);
  return number;
}

/** An empty Time is the zero time, which JSON leaves out. */
function readScalarMessage(scalar: Scalar, fields: readonly WireField[]): JsonValue | undefined {
  const at = (number: number): WireField | undefined => fields.findLast(({ field }) => field === number);
  const text = (number: number): string => utf8(bytesOf(at(number)));
  const number = (field: number): number => toNumber(numberOf(at(field)));
  switch (scalar) {
    case 'Time':
    case 'MicroTime':
      return fields.length === 0 ? undefined : timeText(number(1), number(2), scalar === 'MicroTime');
    case 'Duration':
      return formatDuration(BigInt.asIntN(64, numberOf(at(1))));
    case 'Quantity':
      return text(1) === '' ? '0' : text(1);
    case 'IntOrString':
      return number(1) === 1 ? text(3) : number(2);
    case 'RawExtension':
    case 'FieldsV1':
      return at(1) === undefined ? undefined : rawJson(text(1));
    default:
      throw malformed(`a value of type ${scalar} does not travel as protobuf`);
  }
}

function bytesOf(wire: WireField | undefined): Uint8Array {
  return wire === undefined ? new Uint8Array() : expectBytes(wire);
}

function numberOf(wire: WireField | undefined): bigint {
  return wire === undefined ? 0n : varint(wire);
}

// 0001-01-01 to 9999-12-31: what RFC 3339 can write.
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;

function timeText(seconds: number, nanos: number, micros: boolean): string {
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) throw malformed(`the time ${seconds} is out of range`);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return micros ? `${text}.${fraction}Z` : `${text}Z`;
}

function rawJson(text: string): JsonValue | undefined {
  if (text === '') return undefined;
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    throw malformed('an embedded object is not JSON');
  }
}
