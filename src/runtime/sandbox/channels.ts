// The remote command protocol of Kubernetes on a WebSocket: the first byte of a frame names its channel. Pure framing;
// exec-stream.ts moves the bytes. Rules SBX60 to SBX64.

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Best first. Version 5 can close one direction; both end with a Status on the error channel. */
export const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export type ChannelProtocol = (typeof PROTOCOLS)[number];

/** The best protocol that the client offers; undefined when there is none that we speak. */
export function chooseProtocol(offered: readonly string[]): ChannelProtocol | undefined {
  return PROTOCOLS.find((protocol) => offered.includes(protocol));
}

export type ClientFrame =
  | { readonly kind: 'stdin'; readonly bytes: Uint8Array }
  | { readonly kind: 'close-stdin' }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  /** Nothing that a client has to say on this channel, or not what the channel carries. */
  | { readonly kind: 'ignore' };

export function readFrame(frame: Uint8Array, protocol: ChannelProtocol): ClientFrame {
  const bytes = frame.subarray(1);
  switch (frame[0]) {
    case CHANNEL.stdin:
      return { kind: 'stdin', bytes };
    case CHANNEL.resize:
      return readSize(bytes);
    case CHANNEL.close:
      return protocol === 'v5.channel.k8s.io' && bytes[0] === CHANNEL.stdin
        ? { kind: 'close-stdin' }
        : { kind: 'ignore' };
    default:
      return { kind: 'ignore' };
  }
}

function readSize(bytes: Uint8Array): ClientFrame {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return { kind: 'ignore' };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'ignore' };
  const columns = 'Width' in value ? value.Width : undefined;
  const rows = 'Height' in value ? value.Height : undefined;
  return isSize(columns) && isSize(rows) ? { kind: 'resize', columns, rows } : { kind: 'ignore' };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0xffff;
}

export function writeFrame(channel: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(bytes.length + 1);
  frame[0] = channel;
  frame.set(bytes, 1);
  return frame;
}

/** The last word of a command: Success, or Failure with the exit code in the form that kubectl reads. */
export function exitFrame(exitCode: number): Uint8Array {
  const status =
    exitCode === 0
      ? { metadata: {}, status: 'Success' }
      : {
          metadata: {},
          status: 'Failure',
          message: `command terminated with non-zero exit code: exit status ${exitCode}`,
          reason: 'NonZeroExitCode',
          details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
        };
  return writeFrame(CHANNEL.error, Buffer.from(JSON.stringify(status)));
}

/** The last word when there was no exit code: the command did not start, or its streams broke. */
export function failureFrame(message: string): Uint8Array {
  const status = { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
  return writeFrame(CHANNEL.error, Buffer.from(JSON.stringify(status)));
}
