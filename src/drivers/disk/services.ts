// The two processes of the driver: each serves its CSI socket until its signal aborts; the node's also registers with
// the kubelet or the agent. main makes the effects and wires them.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import { type Registration, serveRegistration } from '#csi/registration.ts';
import { serveDriver } from '#csi/serve.ts';
import type { Files } from '#files/files.ts';
import type { LocalHost } from '#host/host.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import { controllerHandlers } from './controller.ts';
import { exclusive, oneAfterAnother } from './exclusive.ts';
import { groupHandlers } from './group-snapshots.ts';
import { identityHandlers } from './identity.ts';
import { poolLedger } from './ledger.ts';
import { logged } from './logged.ts';
import { nodeHandlers } from './node.ts';
import { DRIVER_NAME, type PoolOptions, poolPaths } from './pool.ts';
import { endFreezes } from './still-image.ts';

export interface DiskDeps {
  readonly grpc: GrpcTransport;
  readonly files: Files;
  readonly host: LocalHost;
  readonly log: Log;
}

export interface DiskControllerOptions {
  readonly pool: PoolOptions;
  /** The CSI socket to serve. */
  readonly socket: string;
  /** The sum of all volumes may not be larger; undefined: the file system of the pool is the only limit. */
  readonly capacityBytes?: number;
}

export interface DiskNodeOptions {
  readonly pool: PoolOptions;
  /** The CSI socket to serve. */
  readonly socket: string;
  /** The registration socket in the kubelet's plugin registry; undefined: someone else registers the driver. */
  readonly registrationSocket?: string;
  /** The node's name. */
  readonly nodeId: string;
  /** Volumes that fit on this node; 0 leaves it to the orchestrator. */
  readonly maxVolumes?: number;
}

/** A running part, in the form of every Holdfast service. */
export interface DiskService {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

export function diskController(
  deps: DiskDeps & { readonly clock: Clock },
  options: DiskControllerOptions,
): DiskService {
  const { grpc, files, host, clock } = deps;
  const { pool, socket, capacityBytes } = options;
  return {
    name: 'disk-controller',
    async run(signal) {
      const log = deps.log.with({ driver: DRIVER_NAME, service: 'controller' });
      const paths = poolPaths(pool.directory);
      const ledger = poolLedger(files, paths);
      await ledger.prepare();
      const parts = {
        host,
        clock,
        ledger,
        paths,
        poolName: pool.name,
        limitBytes: capacityBytes,
        oneAtATime: exclusive(),
        inTurn: oneAfterAnother(),
      };
      const thawed = await endFreezes(parts);
      if (thawed > 0)
        log.warn('a process before this one was ended while it copied frozen volumes', { thawed });
      await using serving = new AsyncDisposableStack();
      serving.use(
        await serveDriver(grpc, socket, {
          identity: logged(log, identityHandlers(files, pool)),
          controller: logged(log, controllerHandlers(parts)),
          groupController: logged(log, groupHandlers(parts)),
        }),
      );
      log.info('serving', { socket });
      await aborted(signal);
    },
  };
}

export function diskNode(deps: DiskDeps, options: DiskNodeOptions): DiskService {
  const { grpc, files, host } = deps;
  const { pool, socket, registrationSocket, nodeId, maxVolumes = 0 } = options;
  return {
    name: 'disk-node',
    async run(signal) {
      const log = deps.log.with({ driver: DRIVER_NAME, service: 'node' });
      const paths = poolPaths(pool.directory);
      const ledger = poolLedger(files, paths);
      await ledger.prepare();
      // From now on the controller may attach volumes to this node.
      await ledger.writeNode(nodeId);
      const parts = { host, ledger, paths, poolName: pool.name, nodeId, maxVolumes };
      await using serving = new AsyncDisposableStack();
      serving.use(
        await serveDriver(grpc, socket, {
          identity: logged(log, identityHandlers(files, pool)),
          node: logged(log, nodeHandlers(parts)),
        }),
      );
      // Registered last: whoever is told of the driver can call it at once.
      if (registrationSocket !== undefined) {
        serving.use(await serveRegistration(grpc, registrationSocket, registrationOf(socket, log)));
      }
      log.info('serving', { socket });
      await aborted(signal);
    },
  };
}

function registrationOf(endpoint: string, log: Log): Registration {
  return {
    name: DRIVER_NAME,
    endpoint,
    supportedVersions: ['1.0.0'],
    notified({ pluginRegistered, error }) {
      if (pluginRegistered) log.info('registered');
      else log.warn('registration refused', { error });
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
