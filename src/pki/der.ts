// The few DER forms (X.690) that a certificate needs. Encoders only: certificates are read by the platform.

type Der = Uint8Array;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value under a tag byte, with its length. */
export function tagged(tag: number, content: Uint8Array): Der {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

/** `[number]` of a constructed (explicit) or primitive (implicit) context-specific value. */
export function context(number: number, form: 'constructed' | 'primitive', content: Uint8Array): Der {
  return tagged((form === 'constructed' ? 0xa0 : 0x80) | number, content);
}

export function sequence(...parts: readonly Der[]): Der {
  return tagged(TAG.sequence, Buffer.concat(parts));
}

export function setOf(...parts: readonly Der[]): Der {
  return tagged(TAG.set, Buffer.concat([...parts].sort(Buffer.compare)));
}

export function boolean(value: boolean): Der {
  return tagged(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

/** A positive integer from its big-endian bytes. */
export function positiveInteger(bytes: Uint8Array): Der {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const minimal = bytes.subarray(from);
  const needsSign = (minimal[0] ?? 0) >= 0x80; // A leading one bit would make it negative.
  return tagged(TAG.integer, needsSign ? Buffer.concat([Buffer.from([0]), minimal]) : minimal);
}

/** Example: `1.2.840` is 2a 86 48: the first two numbers share a byte, the others are base 128. */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Der {
  return tagged(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), bytes]));
}

export function octetString(bytes: Uint8Array): Der {
  return tagged(TAG.octetString, bytes);
}

export function utf8String(text: string): Der {
  return tagged(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** UTCTime up to 2049, GeneralizedTime from then on, as RFC 5280 4.1.2.5 wants it. */
export function time(epochMs: number): Der {
  const digits = `${new Date(epochMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  return digits < '2050'
    ? tagged(TAG.utcTime, Buffer.from(digits.slice(2)))
    : tagged(TAG.generalizedTime, Buffer.from(digits));
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): readonly number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((rest % 128) | 0x80);
  return bytes;
}
