// Pipes, terminals and log files as the sandbox reads and writes them. Pipes are read by the event loop, never by a
// pool thread: a silent container must not hold one of four.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { codeOf } from '#base/errors.ts';
import type { ByteSource, LogFile, Terminal, TerminalSize } from '../processes.ts';
import { setTerminalSize } from './libc.ts';

const NEVER_FOLLOW = constants.O_NOFOLLOW;
const TERMINAL_RETRY_MS = 5;

/** Opens a named pipe for reading at once, writer or not. */
export function readPipe(path: string): ByteSource {
  return readDescriptor(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | NEVER_FOLLOW));
}

/** Opens a named pipe at both ends, for a process that shall hold it whoever else comes and goes. */
export function holdPipe(path: string): number {
  return openSync(path, constants.O_RDWR | NEVER_FOLLOW);
}

/** Reads a pipe's descriptor and owns it. */
export function readDescriptor(fd: number): ByteSource {
  return sourceOf(new Socket({ fd, readable: true, writable: false }));
}

/** Writes a few bytes to a named pipe; false when no process has it open for reading. */
export async function writePipe(path: string, bytes: Uint8Array): Promise<boolean> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | NEVER_FOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENXIO' || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    await writeAll(fd, bytes);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** The write end of a pipe as a standard input. */
export function writeDescriptor(fd: number): { write(bytes: Uint8Array): Promise<void>; end(): void } {
  const socket = new Socket({ fd, readable: false, writable: true });
  // A command that does not read its input ends the pipe under us.
  socket.on('error', () => socket.destroy());
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed) resolve();
        else socket.write(bytes, () => resolve());
      }),
    end: () => {
      socket.end();
    },
  };
}

/** The master side of a terminal. */
export function openMaster(fd: number): Terminal {
  const stream = new ReadStream(fd);
  let isOpen = true;
  stream.once('close', () => {
    isOpen = false;
  });
  return {
    output: sourceOf(stream),
    async write(bytes) {
      if (isOpen) await writeAll(fd, bytes);
    },
    resize(size: TerminalSize) {
      if (isOpen) setTerminalSize(fd, size);
    },
    close() {
      stream.destroy();
    },
  };
}

export async function openLog(path: string): Promise<LogFile> {
  const file = await open(path, 'a', 0o640);
  return {
    async append(bytes) {
      await file.appendFile(bytes);
    },
    close: () => file.close(),
  };
}

function sourceOf(stream: Socket | ReadStream): ByteSource {
  return {
    close: () => {
      stream.destroy();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for await (const chunk of stream) yield chunk as Uint8Array;
      } catch (error) {
        // EIO: the last process of the terminal has gone. A destroyed stream is one that we closed.
        if (codeOf(error) !== 'EIO' && codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
      }
    },
  };
}

// The descriptor does not block, so a full pipe or terminal answers EAGAIN and is tried again.
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (codeOf(error) === 'EPIPE' || codeOf(error) === 'EIO' || codeOf(error) === 'EBADF') return;
      if (codeOf(error) !== 'EAGAIN') throw error;
      await delay(TERMINAL_RETRY_MS);
    }
  }
}
