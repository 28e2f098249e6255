// Makes the sandbox's effects and runs it; not loaded in its namespace threads, which must start fast.
import { realClock } from '#base/real/clock.ts';
import { realLog } from '#base/real/log.ts';
import { realRandom } from '#base/real/random.ts';
import { realFiles } from '#files/real/files.ts';
import { realProcesses } from '#runtime/sandbox/real/processes.ts';
import { realStreamListener } from '#runtime/sandbox/real/stream-listener.ts';
import { sandboxService } from '#runtime/sandbox/sandbox.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { daemonOptions } from '../daemon-options.ts';
import { runDaemon } from '../run-daemon.ts';
import { untilAbandoned } from '../until-stopped.ts';

const DEFAULT_TOP_LAYER_BYTES = 256 * 1024 * 1024;

/** `threadEntry`: the module that namespace threads start with. */
export async function runSandbox(threadEntry: string): Promise<void> {
  const options = daemonOptions('sandbox', ['socket', 'state', 'hide', 'top-layer-bytes']);
  const log = realLog('sandbox', { level: 'info' });
  const processes = realProcesses({ threadEntry });
  await runDaemon(
    sandboxService({
      clock: realClock(),
      random: realRandom(),
      log,
      files: realFiles(),
      grpc: realGrpc(),
      processes,
      streams: realStreamListener(),
      options: {
        endpoint: options.required('socket'),
        stateDirectory: options.required('state'),
        hiddenDirectories: options.all('hide'),
        topLayerBytes: Number(options.optional('top-layer-bytes') ?? DEFAULT_TOP_LAYER_BYTES),
        hostIp: '127.0.0.1',
      },
    }),
    log,
    untilAbandoned(),
  );
}
