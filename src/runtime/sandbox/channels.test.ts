import { describe, expect, it } from 'vitest';
import { chooseProtocol, exitFrame, failureFrame, readFrame, writeFrame } from './channels.ts';

function frame(channel: number, text: string): Uint8Array {
  return writeFrame(channel, Buffer.from(text));
}

describe('chooseProtocol', () => {
  it.each([
    { offered: ['v4.channel.k8s.io', 'v5.channel.k8s.io'], chosen: 'v5.channel.k8s.io' },
    { offered: ['v4.channel.k8s.io'], chosen: 'v4.channel.k8s.io' },
    { offered: ['channel.k8s.io', 'base64.channel.k8s.io'], chosen: undefined },
    { offered: [], chosen: undefined },
  ])('SBX60: chooses $chosen of $offered', ({ offered, chosen }) => {
    expect(chooseProtocol(offered)).toBe(chosen);
  });
});

describe('readFrame', () => {
  it.each([
    { bytes: frame(4, '{"Width":80,"Height":24}'), read: { kind: 'resize', columns: 80, rows: 24 } },
    { bytes: frame(4, '{"Width":0,"Height":24}'), read: { kind: 'ignore' } },
    { bytes: frame(4, '{"Width":"80","Height":24}'), read: { kind: 'ignore' } },
    { bytes: frame(4, 'nonsense'), read: { kind: 'ignore' } },
    { bytes: Uint8Array.of(255, 0), read: { kind: 'close-stdin' } },
    { bytes: Uint8Array.of(255, 1), read: { kind: 'ignore' } },
    { bytes: Uint8Array.of(), read: { kind: 'ignore' } },
    { bytes: frame(1, 'a client has no stdout'), read: { kind: 'ignore' } },
  ])('SBX61: reads $read.kind', ({ bytes, read }) => {
    expect(readFrame(bytes, 'v5.channel.k8s.io')).toEqual(read);
  });

  it('SBX61: reads stdin bytes as they are', () => {
    const read = readFrame(frame(0, 'ls\n'), 'v4.channel.k8s.io');
    expect(read.kind === 'stdin' && Buffer.from(read.bytes).toString()).toBe('ls\n');
  });

  it('SBX61: version 4 knows no close', () => {
    expect(readFrame(Uint8Array.of(255, 0), 'v4.channel.k8s.io')).toEqual({ kind: 'ignore' });
  });
});

describe('the last frame', () => {
  const statusOf = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes.subarray(1)).toString());

  it('SBX62: says Success on the error channel', () => {
    expect(exitFrame(0)[0]).toBe(3);
    expect(statusOf(exitFrame(0))).toEqual({ metadata: {}, status: 'Success' });
  });

  it('SBX62: carries an exit code in the causes', () => {
    expect(statusOf(exitFrame(7))).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    });
  });

  it('SBX62: says what failed when there was no exit code', () => {
    expect(statusOf(failureFrame('no such command'))).toMatchObject({
      status: 'Failure',
      reason: 'InternalError',
      message: 'no such command',
    });
  });
});
