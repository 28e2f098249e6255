// Moves bytes between a WebSocket and a command, or a running container. Rules SBX60 to SBX68.
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { WebSocketConnection } from '#transport/http.ts';
import { CHANNEL, type ChannelProtocol, exitFrame, failureFrame, readFrame, writeFrame } from './channels.ts';
import type { ContainerRun } from './container-run.ts';
import type { ByteSource, RunningCommand, TerminalSize } from './processes.ts';

// A background child of the command may hold the pipes open for ever; what has not arrived by then is not ours.
const DRAIN_MS = 500;

export interface Wanted {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Serves one exec: until the command ends, or the client goes, which ends the command. */
export async function serveCommand(
  clock: Clock,
  socket: WebSocketConnection,
  begin: () => Promise<RunningCommand>,
  wanted: Wanted,
): Promise<void> {
  const protocol = socket.protocol === 'v4.channel.k8s.io' ? 'v4.channel.k8s.io' : 'v5.channel.k8s.io';
  let running: RunningCommand;
  try {
    running = await begin();
  } catch (error) {
    await socket.send(failureFrame(messageOf(error)));
    return socket.close();
  }
  let isOver = false;
  const input = takeInput(socket, protocol, {
    write: (bytes) => running.stdin?.write(bytes) ?? Promise.resolve(),
    end: () => running.stdin?.end(),
    resize: (size) => running.resize?.(size),
  }).finally(() => {
    if (!isOver) running.kill();
  });
  const outputs = [
    forward(socket, running.stdout, wanted.stdout ? CHANNEL.stdout : undefined),
    ...(running.stderr === undefined
      ? []
      : [forward(socket, running.stderr, wanted.stderr ? CHANNEL.stderr : undefined)]),
  ];
  const { exitCode } = await running.exited;
  isOver = true;
  await drained(clock, Promise.all(outputs));
  running.stdout.close();
  running.stderr?.close();
  running.stdin?.end();
  await socket.send(exitFrame(exitCode)).catch(() => undefined);
  socket.close();
  await input;
}

/** Attaches to a running container until it ends or the client goes; the container does not mind either. */
export async function serveAttach(
  socket: WebSocketConnection,
  run: ContainerRun,
  writeInput: (bytes: Uint8Array) => Promise<void>,
  wanted: Wanted,
): Promise<void> {
  const protocol = socket.protocol === 'v4.channel.k8s.io' ? 'v4.channel.k8s.io' : 'v5.channel.k8s.io';
  let isGone = false;
  using _listening = run.output.listen(async (stream, chunk) => {
    if (isGone || !wanted[stream]) return;
    await socket.send(writeFrame(CHANNEL[stream], chunk)).catch(() => {
      isGone = true;
    });
  });
  const input = takeInput(socket, protocol, {
    write: (bytes) => (run.terminal === undefined ? writeInput(bytes) : run.terminal.write(bytes)),
    end: () => undefined,
    resize: (size) => run.terminal?.resize(size),
  });
  const end = await Promise.race([run.ended, input]);
  isGone = true;
  if (end !== undefined) await socket.send(exitFrame(0)).catch(() => undefined);
  socket.close();
  await input;
}

interface InputTarget {
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  resize(size: TerminalSize): void;
}

async function takeInput(
  socket: WebSocketConnection,
  protocol: ChannelProtocol,
  target: InputTarget,
): Promise<undefined> {
  try {
    for await (const frame of socket.frames) {
      const read = readFrame(frame, protocol);
      if (read.kind === 'stdin') await target.write(read.bytes);
      else if (read.kind === 'close-stdin') target.end();
      else if (read.kind === 'resize') target.resize({ columns: read.columns, rows: read.rows });
    }
  } catch {
    // The client has gone; that is an end like any other.
  }
  return undefined;
}

async function forward(
  socket: WebSocketConnection,
  source: ByteSource,
  channel: number | undefined,
): Promise<void> {
  try {
    for await (const chunk of source) {
      if (channel !== undefined) await socket.send(writeFrame(channel, chunk));
    }
  } catch {
    source.close();
  }
}

async function drained(clock: Clock, outputs: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(DRAIN_MS, 'deadline', resolve);
    void outputs.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
