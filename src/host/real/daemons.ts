// Daemons as child processes.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Daemon, DaemonExit, Daemons } from '../daemons.ts';
import { HostError } from '../host.ts';

export function realDaemons(): Daemons {
  return {
    async start(program, args, { logFile }) {
      mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
      const log = openSync(logFile, 'a', 0o600);
      try {
        return await started(program, args, log);
      } finally {
        closeSync(log);
      }
    },
  };
}

function started(program: string, args: readonly string[], log: number): Promise<Daemon> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: ['pipe', log, log], cwd: '/' });
    // The daemon may close its end first.
    child.stdin?.on('error', () => undefined);
    child.once('error', (error) =>
      reject(
        new HostError({
          code: 'code' in error ? String(error.code) : 'EUNKNOWN',
          syscall: 'spawn',
          path: program,
          message: `Cannot start "${program}": ${error.message}`,
        }),
      ),
    );
    const exited = new Promise<DaemonExit>((done) =>
      child.once('exit', (code, signal) =>
        done({ exitCode: code ?? undefined, signal: signal ?? undefined }),
      ),
    );
    child.once('spawn', () =>
      resolve({
        pid: child.pid ?? 0,
        exited,
        signal: (name) => void child.kill(name),
      }),
    );
  });
}
