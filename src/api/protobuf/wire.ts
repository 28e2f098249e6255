// The protobuf wire format: varints, tags, length-delimited pieces. The reader trusts nothing: every length is checked
// against what is left, and a malformed message is a 400.
import { badRequest } from '../status.ts';

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
const FIXED32 = 5;

export function malformed(why: string): Error {
  return badRequest(`the body is not valid protobuf: ${why}`);
}

export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  #tag(field: number, wireType: number): void {
    this.#parts.push(varintBytes(BigInt(field * 8 + wireType)));
  }

  /** Negative values take ten bytes, as protobuf has it for int32 and int64. */
  varint(field: number, value: bigint): void {
    this.#tag(field, VARINT);
    this.#parts.push(varintBytes(BigInt.asUintN(64, value)));
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(bytes);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH);
    this.#parts.push(varintBytes(BigInt(value.byteLength)), value);
  }

  string(field: number, value: string): void {
    this.bytes(field, Buffer.from(value));
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varintBytes(value: bigint): Uint8Array {
  if (value < 128n) return Uint8Array.of(Number(value));
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** One field as it stands on the wire. */
export type WireField =
  | { readonly field: number; readonly wire: 'varint'; readonly value: bigint }
  | { readonly field: number; readonly wire: 'fixed64'; readonly bytes: Uint8Array }
  | { readonly field: number; readonly wire: 'bytes'; readonly bytes: Uint8Array };

/** The fields of a message in the order of the wire. Fixed 32-bit ones are skipped: no API type has them. */
export function* wireFields(message: Uint8Array): Generator<WireField> {
  const reader = new ProtoReader(message);
  while (!reader.done()) {
    const tag = reader.varint();
    const field = Number(tag >> 3n);
    if (field === 0) throw malformed('a field has the number 0');
    switch (Number(tag & 7n)) {
      case VARINT:
        yield { field, wire: 'varint', value: reader.varint() };
        break;
      case FIXED64:
        yield { field, wire: 'fixed64', bytes: reader.take(8) };
        break;
      case LENGTH:
        yield { field, wire: 'bytes', bytes: reader.take(Number(reader.varint())) };
        break;
      case FIXED32:
        reader.take(4);
        break;
      default:
        throw malformed(`field ${field} has an unknown wire type`);
    }
  }
}

/** The varints of a packed repeated field. */
export function* packedVarints(bytes: Uint8Array): Generator<bigint> {
  const reader = new ProtoReader(bytes);
  while (!reader.done()) yield reader.varint();
}

class ProtoReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  done(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('it ends within a number');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw malformed('a number is longer than 10 bytes');
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.byteLength - this.#at) throw malformed('a piece is longer than what is left');
    const piece = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return piece;
  }
}
