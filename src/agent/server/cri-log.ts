// One line of a CRI log: `2026-11-21T10:00:00.123456789Z stdout F text`. `P` marks a part of a longer line. Pure.

export interface LogLine {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The line goes on in the next entry: no newline follows. */
  readonly isPartial: boolean;
  readonly text: Uint8Array;
}

const SPACE = 0x20;

/** Undefined when `line` (without its newline) has no CRI form. */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const field = (from: number, to: number): string => Buffer.from(line.subarray(from, to)).toString('latin1');
  const stream = field(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const isPartial = field(second + 1, third)
    .split(':')
    .includes('P');
  return { time: field(0, first), stream, isPartial, text: line.subarray(third + 1) };
}

/** What a reader of the log gets for a line. */
export function renderLogLine(line: LogLine, options: { readonly timestamps: boolean }): Uint8Array {
  const before = options.timestamps ? [Buffer.from(`${line.time} `)] : [];
  const after = line.isPartial ? [] : [Buffer.from('\n')];
  return Buffer.concat([...before, line.text, ...after]);
}
