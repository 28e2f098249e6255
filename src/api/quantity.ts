// Quantities (`1.5Gi`, `100m`, `1e3`), exact: a value is a whole number of nanos in a BigInt. As in Kubernetes, what
// is finer than a nano is rounded away from zero and what is larger than 2^63-1 is capped, so no text can make us
// build a huge number.
import { assert } from '#base/assert.ts';

export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

export interface Quantity {
  readonly nanos: bigint;
  /** How it was written, and so how it is printed. */
  readonly format: QuantityFormat;
}

/** What Kubernetes says about a text that is no quantity. */
export const QUANTITY_ERROR =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const NANO = 1_000_000_000n;
const MAX_NANOS = (2n ** 63n - 1n) * NANO;
// A quantity that anyone means has fewer digits; the rest is an attack on BigInt.
const MAX_LENGTH = 128;
// Beyond ±10^64 every non-zero value is the cap or the smallest step anyway.
const MAX_EXPONENT = 64;

const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d+))$/;
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
// Sizes are compared for every volume and claim; a power of a BigInt costs more than all the rest of it.
const BINARY_FACTORS = BINARY.map((_, power) => 1024n ** BigInt(power));
const DECIMAL_FACTORS = Array.from({ length: 28 }, (_, power) => 10n ** BigInt(power));
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Undefined when `text` is no quantity. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', binary, suffix = '', exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  const magnitude = magnitudeNanos(BigInt(whole + fraction), fraction.length, {
    binary: binary === undefined ? 0 : BINARY.indexOf(binary),
    decimal: exponent === undefined ? (DECIMAL.indexOf(suffix) - 3) * 3 : clampExponent(exponent),
  });
  const capped = magnitude > MAX_NANOS ? MAX_NANOS : magnitude;
  return {
    nanos: sign === '-' ? -capped : capped,
    format: binary !== undefined ? 'BinarySI' : exponent !== undefined ? 'DecimalExponent' : 'DecimalSI',
  };
}

function clampExponent(text: string): number {
  return Math.max(-MAX_EXPONENT, Math.min(MAX_EXPONENT, Number(text)));
}

function magnitudeNanos(
  digits: bigint,
  fractionDigits: number,
  scale: { readonly binary: number; readonly decimal: number },
): bigint {
  const shifted = digits * (BINARY_FACTORS[scale.binary] ?? 1n);
  const power = scale.decimal + 9 - fractionDigits;
  return power >= 0 ? shifted * tenTo(power) : divideUp(shifted, tenTo(-power));
}

function tenTo(power: number): bigint {
  return DECIMAL_FACTORS[power] ?? 10n ** BigInt(power);
}

/** Rounds away from zero: who asks for a little gets something. */
function divideUp(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function mustParse(text: string): Quantity {
  const parsed = parseQuantity(text);
  assert(parsed !== undefined, `a stored quantity must be valid, but "${text}" is not: ${QUANTITY_ERROR}`);
  return parsed;
}

/** Below 0, 0 or above 0, as `a` is less than, equal to or more than `b`. Both must be quantities. */
export function compareQuantities(a: string, b: string): number {
  const difference = mustParse(a).nanos - mustParse(b).nanos;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum in canonical form; the first operand's format wins, as in Kubernetes. */
export function addQuantities(a: string, b: string): string {
  const left = mustParse(a);
  return formatQuantity({ nanos: left.nanos + mustParse(b).nanos, format: left.format });
}

/** Whole units (bytes, for storage), rounded away from zero. */
export function quantityToBytes(text: string): bigint {
  return divideUp(mustParse(text).nanos, NANO);
}

/** Thousandths (millicores, for cpu), rounded away from zero. */
export function quantityToMilli(text: string): bigint {
  return divideUp(mustParse(text).nanos, 1_000_000n);
}

/** `1Gi` for 1073741824n. */
export function formatBytes(bytes: bigint): string {
  return formatQuantity({ nanos: bytes * NANO, format: 'BinarySI' });
}

/** `1500m` for 1500n, `2` for 2000n. */
export function formatMilli(milli: bigint): string {
  return formatQuantity({ nanos: milli * 1_000_000n, format: 'DecimalSI' });
}

/** The form the server stores (`1000m` is `1`, `1024Mi` is `1Gi`); undefined when `text` is no quantity. */
export function canonicalQuantity(text: string): string | undefined {
  const parsed = parseQuantity(text);
  return parsed === undefined ? undefined : formatQuantity(parsed);
}

export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  // As Kubernetes prints it: below 1024, or with a part of a byte (0.1Gi), in decimal, so that nothing is lost.
  const small = nanos < 1024n * NANO && nanos > -1024n * NANO;
  const decimal = format !== 'BinarySI' || small || nanos % NANO !== 0n;
  return decimal ? formatDecimal(nanos, format) : formatBinary(nanos);
}

function formatBinary(nanos: bigint): string {
  let value = nanos / NANO;
  let power = 0;
  while (power < BINARY.length - 1 && value % 1024n === 0n) {
    value /= 1024n;
    power++;
  }
  return `${value}${BINARY[power]}`;
}

function formatDecimal(nanos: bigint, format: QuantityFormat): string {
  let value = nanos;
  let power = 0;
  while (power < DECIMAL.length - 1 && value % 1000n === 0n) {
    value /= 1000n;
    power++;
  }
  if (format !== 'DecimalExponent') return `${value}${DECIMAL[power]}`;
  const exponent = (power - 3) * 3;
  return exponent === 0 ? `${value}` : `${value}e${exponent}`;
}
