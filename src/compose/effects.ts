// Everything a process may do to the world, in one record. Only main makes a real one; testing makes a simulated one.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#base/metrics.ts';
import type { Random } from '#base/random.ts';
import type { Files } from '#files/files.ts';
import type { Daemons } from '#host/daemons.ts';
import type { Host } from '#host/host.ts';
import type { Keys } from '#pki/keys.ts';
import type { Store } from '#store/store.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import type { HttpTransport } from '#transport/http.ts';

/** What every process has. */
export interface Effects {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly files: Files;
  readonly grpc: GrpcTransport;
}

export interface StoreOptions {
  readonly held: Disposable;
  /** A commit failed: the process must stop. */
  readonly onFailure: (error: unknown) => void;
}

/** What the control plane has beyond that. */
export interface ControlPlaneEffects extends Effects {
  readonly http: HttpTransport;
  /** Opens the embedded store in a directory. `held`: the lock on the data directory. */
  openStore(path: string, options: StoreOptions): Promise<Store>;
  /** Registers what is known about the process itself. */
  watchProcess(metrics: Metrics): void;
  /** Names and addresses this machine's certificate must carry. */
  readonly hostName: string;
  readonly keys: Keys;
}

/** What a process on the node has beyond Effects. Native code is loaded only there. */
export interface NodeEffects extends Effects {
  readonly host: Host;
  readonly http: HttpTransport;
}

/** What the foreground process needs to start the others. */
export interface SupervisorEffects {
  readonly daemons: Daemons;
  /** The command line that starts one of our bundles: program and first arguments. */
  bundle(name: 'agent' | 'sandbox' | 'disk-controller' | 'disk-node'): {
    readonly program: string;
    readonly args: readonly string[];
  };
}
