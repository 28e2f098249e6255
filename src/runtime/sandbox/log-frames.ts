// The CRI log format: `<time> <stdout|stderr> <F|P> <text>`, one line each; a line longer than the limit is cut into
// P pieces, the last of which is F. Pure. Rules SBX50 to SBX53.

export type LogStream = 'stdout' | 'stderr';

/** containerd's limit too; a reader needs to buffer no more than this for one piece. */
export const MAX_PIECE_BYTES = 16 * 1024;

const NEWLINE = 10;

export interface LogFramer {
  /** The framed lines that `chunk` completes. */
  push(chunk: Uint8Array, time: string): Uint8Array;
  /** What is left without a newline when the stream ends, as a last full line. */
  end(time: string): Uint8Array;
}

/** Frames the bytes of one stream. */
export function logFramer(stream: LogStream): LogFramer {
  let rest = Buffer.alloc(0);
  const frame = (time: string, tag: 'F' | 'P', text: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from(`${time} ${stream} ${tag} `), text, Buffer.from('\n')]);
  return {
    push(chunk, time) {
      const bytes = Buffer.concat([rest, chunk]);
      const frames: Buffer[] = [];
      let at = 0;
      for (;;) {
        const newline = bytes.indexOf(NEWLINE, at);
        const length = (newline === -1 ? bytes.length : newline) - at;
        if (length > MAX_PIECE_BYTES) {
          frames.push(frame(time, 'P', bytes.subarray(at, at + MAX_PIECE_BYTES)));
          at += MAX_PIECE_BYTES;
        } else if (newline === -1) {
          break;
        } else {
          frames.push(frame(time, 'F', bytes.subarray(at, newline)));
          at = newline + 1;
        }
      }
      rest = Buffer.from(bytes.subarray(at));
      return Buffer.concat(frames);
    },
    end(time) {
      const last = rest.length === 0 ? Buffer.alloc(0) : frame(time, 'F', rest);
      rest = Buffer.alloc(0);
      return last;
    },
  };
}

/** RFC 3339 with nanoseconds, the time of a log line. */
export function logTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000000Z');
}
