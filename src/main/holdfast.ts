// The holdfast command: makes the real effects and runs the command line. What only some commands need (the store, the
// HTTP listener, native code) is loaded when they ask for it.
import { mkdtemp } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { realLog } from '#base/real/log.ts';
import { realRandom } from '#base/real/random.ts';
import { runProgram } from '#cli/program.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import { realFiles } from '#files/real/files.ts';
import { realDaemons } from '#host/real/daemons.ts';
import { realMachineObserver } from '#host/real/machine-state.ts';
import { realHttp } from '#transport/real/http.ts';
import { untilStopped } from './until-stopped.ts';

const clock = realClock();
const random = realRandom();
const files = realFiles();
const http = realHttp();
const daemons = realDaemons();
const bundles = dirname(fileURLToPath(import.meta.url)).replace(/\/chunks$/, '');
const interrupted = untilStopped();

const effects: CliEffects = {
  clock,
  random,
  log: silentLog,
  files,
  http,
  daemons,
  interrupted,
  machine: realMachineObserver(),
  terminal: {
    isTerminal: process.stdout.isTTY === true,
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
  },
  environment: process.env,
  isRoot: process.getuid?.() === 0,
  absolute: (path) => resolve(path),
  home: dirname(bundles),
  self: { program: process.execPath, args: [`${bundles}/holdfast.mjs`] },
  kill: (pid) => void process.kill(pid, 'SIGKILL'),
  temporaryDirectory: () => mkdtemp(`${tmpdir()}/holdfast-`),
  async removeTemporary(path) {
    const { realOwnedTrees } = await import('#host/real/remove-owned-tree.ts');
    await realOwnedTrees.remove(path, 'local-cleanup');
  },
  async connectDriver(socket) {
    const [{ realGrpc }, { connectDriver }] = await Promise.all([
      import('#transport/real/grpc.ts'),
      import('#csi/connect.ts'),
    ]);
    return connectDriver(realGrpc(), socket);
  },
  async loops() {
    const [{ realGrpc }, { watchProcess }, { serveMetrics }] = await Promise.all([
      import('#transport/real/grpc.ts'),
      import('./real/process-metrics.ts'),
      import('./real/metrics-listener.ts'),
    ]);
    const log = realLog('controllers', { level: 'info' });
    return { clock, random, log, files, grpc: realGrpc(), hostName: hostname(), watchProcess, serveMetrics };
  },
  async controlPlane(logFile) {
    const [{ realGrpc }, { watchProcess }, { openLmdbStore }, { realKeys }] = await Promise.all([
      import('#transport/real/grpc.ts'),
      import('./real/process-metrics.ts'),
      import('#store/real/lmdb.ts'),
      import('#pki/real/keys.ts'),
    ]);
    const log = realLog('control-plane', { level: 'info', file: logFile });
    return {
      control: {
        clock,
        random,
        log,
        files,
        http,
        grpc: realGrpc(),
        keys: realKeys(),
        hostName: hostname(),
        watchProcess,
        openStore: openLmdbStore,
      },
      supervisor: {
        daemons,
        bundle: (name) => ({ program: process.execPath, args: [`${bundles}/${name}.mjs`] }),
      },
    };
  },
};

process.exitCode = await runProgram(effects, process.argv.slice(2));
// Sockets of clients may still be open; everything that must be finished has been awaited.
process.exit();
