import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logFramer, logTime, MAX_PIECE_BYTES } from './log-frames.ts';

const TIME = '2026-01-02T03:04:05.678000000Z';

function framed(chunks: readonly string[]): string {
  const framer = logFramer('stdout');
  const parts = chunks.map((chunk) => framer.push(Buffer.from(chunk), TIME));
  return Buffer.concat([...parts, framer.end(TIME)]).toString();
}

/** What a reader of the log makes of it: P pieces joined, F lines ended. */
function textOf(log: string): string {
  return log
    .split('\n')
    .slice(0, -1)
    .map((line) => line.slice(`${TIME} stdout `.length))
    .map((rest) => (rest.startsWith('P ') ? rest.slice(2) : `${rest.slice(2)}\n`))
    .join('');
}

describe('logFramer', () => {
  it('SBX50: frames each line with time, stream and F', () => {
    expect(framed(['one\ntwo\n'])).toBe(`${TIME} stdout F one\n${TIME} stdout F two\n`);
  });

  it('SBX50: has nine digits of a second', () => {
    expect(logTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe(TIME);
  });

  it('SBX51: cuts a long line into P pieces and an F piece', () => {
    const lines = framed([`${'x'.repeat(MAX_PIECE_BYTES * 2 + 1)}\n`]).split('\n');
    expect(lines.map((line) => line.split(' ')[2])).toEqual(['P', 'P', 'F', undefined]);
  });

  it('SBX51: does not cut a line of exactly the limit', () => {
    expect(framed([`${'x'.repeat(MAX_PIECE_BYTES)}\n`])).not.toContain(' P ');
  });

  it('SBX52: writes a last line without newline at the end', () => {
    expect(framed(['half'])).toBe(`${TIME} stdout F half\n`);
  });

  it('SBX53: gives the same text however the bytes arrive', () => {
    const chunk = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 40 });
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        const whole = chunks.join('');
        const expected = whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`;
        expect(textOf(framed(chunks))).toBe(expected);
        expect(framed(chunks)).toBe(framed([whole]));
      }),
    );
  });
});
