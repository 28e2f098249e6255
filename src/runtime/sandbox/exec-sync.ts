// A command in a container whose output is collected: bounded in size and time. Rules SBX65, SBX66.
import { type Clock, sleep } from '#base/clock.ts';
import { GrpcError } from '#transport/grpc.ts';
import type { ByteSource, RunningCommand } from './processes.ts';

/** What containerd collects at most, too. */
export const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 500;

/** Runs to the end. `timeoutMs` 0: without limit. Past it the command is killed and DEADLINE_EXCEEDED thrown. */
export async function collect(
  clock: Clock,
  running: RunningCommand,
  timeoutMs: number,
): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array; readonly exitCode: number }> {
  const stdout = collector(running.stdout);
  const stderr = running.stderr === undefined ? undefined : collector(running.stderr);
  let isLate = false;
  const timer =
    timeoutMs === 0
      ? undefined
      : clock.after(timeoutMs, 'deadline', () => {
          isLate = true;
          running.kill();
        });
  const { exitCode } = await running.exited;
  timer?.cancel();
  const done = new AbortController();
  const all = Promise.all([stdout.ended, stderr?.ended]).then(() => done.abort());
  await Promise.race([all, sleep(clock, DRAIN_MS, 'deadline', done.signal)]);
  running.stdout.close();
  running.stderr?.close();
  if (isLate) {
    throw new GrpcError('DEADLINE_EXCEEDED', `Command did not end within ${timeoutMs} ms and was killed`);
  }
  return { stdout: stdout.bytes(), stderr: stderr?.bytes() ?? new Uint8Array(), exitCode };
}

function collector(source: ByteSource): { readonly ended: Promise<void>; bytes(): Uint8Array } {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of source) {
      // The rest is read and dropped: a command must not hang because it says too much.
      const kept = chunk.subarray(0, Math.max(0, MAX_OUTPUT_BYTES - size));
      if (kept.length > 0) chunks.push(kept);
      size += kept.length;
    }
  };
  const ended = read().catch(() => undefined);
  return { ended, bytes: () => new Uint8Array(Buffer.concat(chunks)) };
}
