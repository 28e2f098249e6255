// Programs as children: arguments as an array, no shell, a session of their own, a clean environment, bounded output,
// and a deadline after which the outcome is unknown. Rules HST13 and HST14.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { codeOf } from '#base/errors.ts';
import type { CommandResult, Commands } from '../host.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;
// The programs of the system, whatever the caller's PATH; no locale, so that messages are the ones we know.
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** Runs real programs. */
export const realCommands: Commands = {
  run: (program, args, { timeoutMs, signal }) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        resolve({ kind: 'timed-out', exitCode: undefined, stdout: '', stderr: '' });
        return;
      }
      const child = spawn(program, args, {
        cwd: '/',
        detached: true,
        env: ENVIRONMENT,
        shell: false,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      const finish = (kind: CommandResult['kind'], exitCode: number | undefined): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        resolve({ kind, exitCode, stdout: stdout(), stderr: stderr() });
      };
      const giveUp = (): void => {
        killGroup(child);
        // Not awaited: a child in the kernel's hands may never end. Its pipes must not hold this process either.
        child.stdout.destroy();
        child.stderr.destroy();
        child.unref();
        finish('timed-out', undefined);
      };
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      child.once('error', (error) => {
        if (codeOf(error) === 'ENOENT') {
          finish('missing', undefined);
        } else {
          clearTimeout(timer);
          signal?.removeEventListener('abort', giveUp);
          reject(error);
        }
      });
      // A child that a signal ended has no exit code; 128 is what a shell would say at least.
      child.once('close', (code) => finish('exited', code ?? 128));
    }),
};

/** Keeps the first bytes of a stream and lets the rest pass, so that a talkative program never blocks. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, MAX_OUTPUT_BYTES - kept);
    kept += part.length;
    if (part.length > 0) chunks.push(part);
  });
  stream.on('error', () => undefined);
  return () => Buffer.concat(chunks).toString('utf8');
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
