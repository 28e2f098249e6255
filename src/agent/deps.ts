// Everything the agent needs, given by main: effects, connections and the node's identity. All paths come from here, so
// a node in namespaces of its own is only a matter of where the process is started.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Files } from '#files/files.ts';
import type { Host } from '#host/host.ts';
import type { OwnedTrees } from '#host/remove-owned-tree.ts';
import type { SafePaths } from '#host/safe-path.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import type { HttpTransport, TlsIdentity } from '#transport/http.ts';
import type { Tree } from '#volumes/tree.ts';
import type { Machine } from './node/machine.ts';
import type { SocketDirectory } from './plugins/socket-directory.ts';
import type { ProbeDialer } from './probes/dialer.ts';
import type { LogFiles } from './server/log-files.ts';

/** Effects that only a node agent uses; real in `agent/real/node-effects.ts`. */
export interface NodeEffects {
  readonly machine: Machine;
  readonly sockets: SocketDirectory;
  readonly logFiles: LogFiles;
  readonly tree: Tree;
  readonly dialer: ProbeDialer;
}

export interface AgentDeps extends NodeEffects {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** With the node's identity. The agent makes its own informers from it, narrowed to this node. */
  readonly api: ApiClient;
  readonly events: EventRecorder;
  readonly host: Host;
  readonly trees: OwnedTrees;
  readonly safePaths: SafePaths;
  readonly files: Files;
  readonly grpc: GrpcTransport;
  readonly http: HttpTransport;
  readonly criEndpoint: string;
  readonly nodeName: string;
  /** Bound on itself and shared before the agent starts. */
  readonly kubeletRoot: string;
  readonly podLogsRoot: string;
  readonly internalIp: string;
  readonly listen: { readonly host: string; readonly port: number; readonly tls: TlsIdentity };
  /** Reported as kubeletVersion: `v1.36.0-holdfast.0.1.0`. */
  readonly version: string;
}
