// What the sandbox is made from. main makes the real ones.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { Files } from '#files/files.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import type { Processes } from './processes.ts';
import type { StreamListener } from './stream-listener.ts';

export interface SandboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly files: Files;
  readonly grpc: GrpcTransport;
  readonly processes: Processes;
  readonly streams: StreamListener;
  readonly options: SandboxOptions;
}

export interface SandboxOptions {
  /** Where the CRI is served: `unix:///run/holdfast/1a2b3c4d/cri.sock`. */
  readonly endpoint: string;
  /** The sandbox's own directory: records, pipes, and the mount point that container roots are built on. */
  readonly stateDirectory: string;
  /** Directories that no container sees: Holdfast's data and sockets, the kubelet root. */
  readonly hiddenDirectories: readonly string[];
  /** Limit of what one container writes to its root file system; it lives in memory. */
  readonly topLayerBytes: number;
  /** The address pods report: they use the machine's network. */
  readonly hostIp: string;
}
