// Objects to Kubernetes' protobuf: the envelope (`k8s\0` and runtime.Unknown) around the message that the schema table
// describes. Made on demand from decoded objects, for clients that ask for it.
import { assert } from '#base/assert.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type Scalar, type TypeRef, typeNamed } from '../schema.ts';
import { notAcceptable } from '../status.ts';
import { durationNanos } from './duration.ts';
import { layoutOf, type MessageLayout } from './message-layout.ts';
import { ProtoWriter } from './wire.ts';

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

export const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

/** An object of the table's type `typeName`, in its envelope. */
export function encodeProtobuf(object: JsonObject, typeName: string): Uint8Array {
  return envelope(object.apiVersion, object.kind, message(object, typeName));
}

/** A list (`PodList`) of objects of the type `typeName`. */
export function encodeProtobufList(
  head: { readonly apiVersion: string; readonly kind: string; readonly metadata: JsonObject },
  items: Iterable<JsonObject>,
  typeName: string,
): Uint8Array {
  const writer = new ProtoWriter();
  writer.bytes(1, message(head.metadata, 'meta/v1.ListMeta'));
  for (const item of items) writer.bytes(2, message(item, typeName));
  return envelope(head.apiVersion, head.kind, writer.finish());
}

/** A watch event: its length in four bytes, then the event, whose object is in an envelope (encodeProtobuf). */
export function protobufWatchFrame(type: string, object: Uint8Array): Uint8Array {
  const raw = new ProtoWriter();
  raw.bytes(1, object);
  const event = new ProtoWriter();
  event.string(1, type);
  event.bytes(2, raw.finish());
  const bytes = event.finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}

function envelope(apiVersion: unknown, kind: unknown, raw: Uint8Array): Uint8Array {
  const typeMeta = new ProtoWriter();
  typeMeta.string(1, typeof apiVersion === 'string' ? apiVersion : '');
  typeMeta.string(2, typeof kind === 'string' ? kind : '');
  const unknown = new ProtoWriter();
  unknown.bytes(1, typeMeta.finish());
  unknown.bytes(2, raw);
  // contentEncoding and contentType: empty, but always written by Kubernetes.
  unknown.string(3, '');
  unknown.string(4, '');
  return Buffer.concat([MAGIC, unknown.finish()]);
}

function message(object: JsonObject, typeName: string): Uint8Array {
  const type = typeNamed(typeName);
  if (type.alias !== undefined) throw notAcceptable(['application/json', 'application/yaml']);
  return writeLayout(object, layoutOf(type));
}

function writeLayout(object: JsonObject, layout: MessageLayout): Uint8Array {
  const writer = new ProtoWriter();
  for (const [number, field] of layout.fields) {
    const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    if (value !== undefined && value !== null) writeField(writer, number, field.type, value);
  }
  for (const [number, inner] of layout.embedded) {
    const bytes = writeLayout(object, inner);
    if (bytes.byteLength > 0) writer.bytes(number, bytes);
  }
  return writer.finish();
}

function writeField(writer: ProtoWriter, number: number, type: TypeRef, value: JsonValue): void {
  if (type.kind === 'list') {
    for (const item of Array.isArray(value) ? value : []) writeField(writer, number, type.of, item);
  } else if (type.kind === 'map') {
    for (const [key, item] of Object.entries(isJsonObject(value) ? value : {})) {
      const entry = new ProtoWriter();
      entry.string(1, key);
      if (item !== undefined) writeMapValue(entry, type.of, item);
      writer.bytes(number, entry.finish());
    }
  } else if (type.kind === 'ref') {
    writer.bytes(number, message(isJsonObject(value) ? value : {}, type.name));
  } else {
    writeScalar(writer, number, type.scalar, value);
  }
}

/** A list as the value of a map is a message of its own, `{items=1}`. */
function writeMapValue(entry: ProtoWriter, type: TypeRef, value: JsonValue): void {
  if (type.kind !== 'list') {
    writeField(entry, 2, type, value);
    return;
  }
  const items = new ProtoWriter();
  writeField(items, 1, type, value);
  entry.bytes(2, items.finish());
}

/** Decoded objects hold a string wherever the schema says so. */
function text(value: JsonValue): string {
  return typeof value === 'string' ? value : '';
}

function writeScalar(writer: ProtoWriter, number: number, scalar: Scalar, value: JsonValue): void {
  switch (scalar) {
    case 'string':
      writer.string(number, text(value));
      return;
    case 'bool':
      writer.varint(number, value === true ? 1n : 0n);
      return;
    case 'int32':
    case 'int64':
      writer.varint(number, BigInt(Number(value)));
      return;
    case 'double':
      writer.double(number, Number(value));
      return;
    case 'bytes':
      writer.bytes(number, Buffer.from(text(value), 'base64'));
      return;
    default:
      writer.bytes(number, scalarMessage(scalar, value));
  }
}

/** The scalars that are messages on the wire. */
function scalarMessage(scalar: Scalar, value: JsonValue): Uint8Array {
  const writer = new ProtoWriter();
  switch (scalar) {
    case 'Time':
    case 'MicroTime':
      writeTime(writer, text(value));
      break;
    case 'Duration':
      writer.varint(1, durationNanos(text(value)));
      break;
    case 'Quantity':
      writer.string(1, text(value));
      break;
    case 'IntOrString':
      writer.varint(1, typeof value === 'string' ? 1n : 0n);
      writer.varint(2, typeof value === 'number' ? BigInt(value) : 0n);
      writer.string(3, typeof value === 'string' ? value : '');
      break;
    case 'RawExtension':
    case 'FieldsV1':
      writer.bytes(1, Buffer.from(JSON.stringify(value)));
      break;
    default:
      assert(false, `the scalar "${scalar}" must not occur in a field that travels as protobuf`);
  }
  return writer.finish();
}

function writeTime(writer: ProtoWriter, time: string): void {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  writer.varint(1, BigInt(Math.floor(Date.parse(time) / 1000)));
  writer.varint(2, BigInt(fraction.padEnd(9, '0').slice(0, 9)));
}
