// The sandbox as a process of its own, for tests that kill it. Its options come as JSON in its first argument.
import { realClock } from '#base/real/clock.ts';
import { realRandom } from '#base/real/random.ts';
import { type Log, silentLog } from '#base/log.ts';
import { realFiles } from '#files/real/files.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { sandboxService } from '../sandbox.ts';
import type { SandboxOptions } from '../sandbox-deps.ts';
import { realProcesses } from './processes.ts';
import { realStreamListener } from './stream-listener.ts';

const loud: Log = {
  ...silentLog,
  warn: (message, fields) => void process.stderr.write(`warn ${message} ${JSON.stringify(fields)}\n`),
  error: (message, fields) => void process.stderr.write(`error ${message} ${JSON.stringify(fields)}\n`),
  with: () => loud,
};
// The test that starts this process wrote the argument.
const options = JSON.parse(process.argv[2] ?? '') as SandboxOptions;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await using processes = realProcesses({
  threadEntry: new URL('./namespace-thread-entry.ts', import.meta.url),
});
await sandboxService({
  clock: realClock(),
  random: realRandom(),
  log: loud,
  files: realFiles(),
  grpc: realGrpc(),
  processes,
  streams: realStreamListener(),
  options,
}).run(stop.signal);
