// The node agent as a process.
import { realNodeEffects } from '#agent/real/node-effects.ts';
import { realClock } from '#base/real/clock.ts';
import { realLog } from '#base/real/log.ts';
import { realRandom } from '#base/real/random.ts';
import { nodeAgent } from '#compose/agent.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { realSafePaths } from '#host/real/safe-path.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { realHttp } from '#transport/real/http.ts';
import { daemonOptions } from './daemon-options.ts';
import { runDaemon } from './run-daemon.ts';
import { untilAbandoned } from './until-stopped.ts';

const options = daemonOptions('agent', [
  'kubeconfig',
  'node-name',
  'kubelet-root-dir',
  'pod-logs',
  'container-runtime-endpoint',
  'node-ip',
]);
const log = realLog('agent', { level: 'info' });
await runDaemon(
  nodeAgent(
    {
      clock: realClock(),
      random: realRandom(),
      log,
      files: realFiles(),
      grpc: realGrpc(),
      http: realHttp(),
      host: realHost(),
      trees: realOwnedTrees,
      safePaths: realSafePaths,
      node: realNodeEffects(),
    },
    {
      kubeconfig: options.required('kubeconfig'),
      nodeName: options.required('node-name'),
      kubeletRoot: options.required('kubelet-root-dir'),
      podLogs: options.required('pod-logs'),
      runtimeEndpoint: options.required('container-runtime-endpoint'),
      internalIp: options.optional('node-ip') ?? '127.0.0.1',
    },
  ),
  log,
  untilAbandoned(),
);
