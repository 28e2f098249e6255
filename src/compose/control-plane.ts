// The control plane of one machine: store, API server and every loop, in one process.
// Rule CMP12 is carried out here too.
import { servedKinds } from '#api/kinds/index.ts';
import type { MetricsRegistry } from '#base/metrics.ts';
import type { Service } from '#client/loop.ts';
import { connectDriver } from '#csi/connect.ts';
import type { FeatureGates } from '#rules/feature-gates.ts';
import { createApiServer } from '#server/server.ts';
import { builtInDriver } from './built-in-driver.ts';
import { openCredentials } from './credentials.ts';
import type { ControlPlaneEffects, StoreOptions } from './effects.ts';
import type { Layout } from './layout.ts';
import type { LoopSelection } from './loop-selection.ts';
import { controlPlaneLoops } from './loops.ts';
import { runServices } from './run-services.ts';
import { VERSION } from './version.ts';

export interface ControlPlaneOptions {
  readonly layout: Layout;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly nodeName: string;
  /** Controller sockets of CSI drivers. */
  readonly driverSockets: readonly string[];
  /** Features that are not on by default. */
  readonly gates?: FeatureGates;
  /** Absent: every loop. */
  readonly selection?: LoopSelection;
  /** Served at /metrics. */
  readonly metrics?: MetricsRegistry;
}

/** Reads what `--feature-gates` says. */
export { parseFeatureGates } from '#rules/feature-gates.ts';

export interface ControlPlane {
  /** `https://127.0.0.1:6443` */
  readonly origin: string;
  /** Runs the loops until the signal aborts, then closes everything in order. */
  run(signal: AbortSignal): Promise<void>;
}

// Kubernetes' own limit on a request body.
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Opens the store and the listener; when it resolves, the API answers. */
export async function startControlPlane(
  effects: ControlPlaneEffects,
  options: ControlPlaneOptions,
  storeOptions: StoreOptions,
): Promise<ControlPlane> {
  const { layout } = options;
  const [credentials, store] = await Promise.all([
    openCredentials(effects, { layout, hostName: effects.hostName, nodeName: options.nodeName }),
    effects.openStore(layout.store, storeOptions),
  ]);
  const server = await createApiServer({
    clock: effects.clock,
    random: effects.random,
    log: effects.log,
    store,
    kinds: servedKinds,
    versionInfo: VERSION,
    ...(options.gates !== undefined && { gates: options.gates }),
    ...(options.metrics !== undefined && { metrics: () => options.metrics?.text() ?? '' }),
    agents: { transport: effects.http, tls: credentials.serverToAgent },
  });
  const listener = await effects.http.listen({
    host: options.host,
    port: options.port,
    tls: credentials.server,
    maxBodyBytes: MAX_BODY_BYTES,
    handle: server.http.handle,
    upgrade: server.http.upgrade,
  });
  const origin = `https://${options.host.includes(':') ? `[${options.host}]` : options.host}:${listener.port}`;
  await credentials.writeKubeconfigs(origin);
  return {
    origin,
    async run(signal) {
      const drivers = options.driverSockets.map((socket) => connectDriver(effects.grpc, socket));
      const services: readonly Service[] = [
        ...server.services,
        builtInDriver(server.handler),
        ...controlPlaneLoops(effects, {
          handler: server.handler,
          drivers,
          ...(options.selection === undefined ? {} : { selection: options.selection }),
          ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
          ...(options.gates === undefined ? {} : { gates: options.gates }),
        }),
      ];
      try {
        await runServices(services, signal);
      } finally {
        await listener[Symbol.asyncDispose]();
        for (const driver of drivers) await driver[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      }
    },
  };
}
