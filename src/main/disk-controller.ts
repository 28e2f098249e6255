// The controller service of the disk driver as a process.
import { realClock } from '#base/real/clock.ts';
import { realLog } from '#base/real/log.ts';
import { HOLDFAST_VERSION } from '#compose/version.ts';
import { diskController } from '#drivers/disk/services.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { daemonOptions } from './daemon-options.ts';
import { runDaemon } from './run-daemon.ts';
import { untilAbandoned } from './until-stopped.ts';

const options = daemonOptions('disk-controller', ['socket', 'pool', 'node-name', 'capacity-bytes']);
const log = realLog('disk-controller', { level: 'info' });
const capacity = options.optional('capacity-bytes');
await runDaemon(
  diskController(
    { grpc: realGrpc(), files: realFiles(), host: realHost(), clock: realClock(), log },
    {
      pool: {
        directory: options.required('pool'),
        name: options.required('node-name'),
        version: HOLDFAST_VERSION,
      },
      socket: options.required('socket'),
      ...(capacity === undefined ? {} : { capacityBytes: Number(capacity) }),
    },
  ),
  log,
  untilAbandoned(),
);
