// Durations as Go prints and reads them (`1h2m3.5s`), in nanoseconds: protobuf carries the number, JSON the text.

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Of a text that the schema has accepted as a duration. */
export function durationNanos(text: string): bigint {
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(/(\d*)(?:\.(\d*))?([a-zµμ]+)/gu)) {
    const scale = UNITS[unit] ?? 0n;
    total += BigInt(whole || '0') * scale;
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  return text.startsWith('-') ? -total : total;
}

export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  if (nanos < 0n) return `-${formatDuration(-nanos)}`;
  for (const unit of ['ns', 'µs', 'ms'] as const) {
    const scale = UNITS[unit] ?? 1n;
    if (nanos < scale * 1000n) return `${decimal(nanos, scale)}${unit}`;
  }
  const seconds = nanos % 60_000_000_000n;
  const minutes = (nanos / 60_000_000_000n) % 60n;
  const hours = nanos / 3_600_000_000_000n;
  const text = `${decimal(seconds, 1_000_000_000n)}s`;
  if (hours > 0n) return `${hours}h${minutes}m${text}`;
  return minutes > 0n ? `${minutes}m${text}` : text;
}

function decimal(value: bigint, scale: bigint): string {
  const digits = String(scale).length - 1;
  const fraction = String(value % scale)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  return digits === 0 || fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`;
}
