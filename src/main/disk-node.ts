// The node service of the disk driver as a process.
import { realLog } from '#base/real/log.ts';
import { HOLDFAST_VERSION } from '#compose/version.ts';
import { diskNode } from '#drivers/disk/services.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { daemonOptions } from './daemon-options.ts';
import { runDaemon } from './run-daemon.ts';
import { untilAbandoned } from './until-stopped.ts';

const options = daemonOptions('disk-node', ['socket', 'registration-socket', 'pool', 'node-name']);
const log = realLog('disk-node', { level: 'info' });
const registrationSocket = options.optional('registration-socket');
const nodeId = options.required('node-name');
await runDaemon(
  diskNode(
    { grpc: realGrpc(), files: realFiles(), host: realHost(), log },
    {
      pool: { directory: options.required('pool'), name: nodeId, version: HOLDFAST_VERSION },
      socket: options.required('socket'),
      nodeId,
      ...(registrationSocket === undefined ? {} : { registrationSocket }),
    },
  ),
  log,
  untilAbandoned(),
);
