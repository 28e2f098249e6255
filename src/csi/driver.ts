// A driver that has introduced itself: its name and what it can do, read once after it is ready.
import type { Clock } from '#base/clock.ts';
import { sleep } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { CsiConnection } from './client.ts';
import { CsiError } from './csi-error.ts';
import type { PluginCapability } from './generated/csi.ts';

export interface Driver {
  /** GetPluginInfo's name, which CSIDriver, classes and volumes spell. */
  readonly name: string;
  readonly connection: CsiConnection;
  /** Plugin capabilities: `CONTROLLER_SERVICE`, `VOLUME_ACCESSIBILITY_CONSTRAINTS`, … */
  readonly pluginCapabilities: ReadonlySet<string>;
  /** Controller RPC types: `CREATE_DELETE_VOLUME`, `PUBLISH_UNPUBLISH_VOLUME`, … */
  readonly controllerCapabilities: ReadonlySet<string>;
  /** Group controller RPC types: `CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT`; absent: none. */
  readonly groupCapabilities?: ReadonlySet<string>;
  /** Whether volumes may grow, and if only while nobody uses them; absent: the driver does not say. */
  readonly volumeExpansion?: 'ONLINE' | 'OFFLINE';
}

const CALL_MS = 15_000;

/** Probes until the driver is ready, then reads its name and capabilities. Undefined when the signal aborts first. */
export async function introduceDriver(
  connection: CsiConnection,
  deps: { readonly clock: Clock; readonly log: Log; readonly retryMs: number },
  signal: AbortSignal,
): Promise<Driver | undefined> {
  const options = { timeoutMs: CALL_MS, signal };
  while (!signal.aborted) {
    try {
      const probe = await connection.identity.probe({}, options);
      if (probe.ready === null || probe.ready.value) return await describe(connection, options);
      deps.log.debug('driver is still starting');
    } catch (error) {
      if (!(error instanceof CsiError)) throw error;
      deps.log.debug('driver does not answer yet', { code: error.code });
    }
    await sleep(deps.clock, deps.retryMs, 'backoff', signal);
  }
  return undefined;
}

async function describe(
  connection: CsiConnection,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Driver> {
  const [info, plugin] = await Promise.all([
    connection.identity.getPluginInfo({}, options),
    connection.identity.getPluginCapabilities({}, options),
  ]);
  const pluginCapabilities = new Set(
    plugin.capabilities.flatMap((c) => (c.service === undefined ? [] : [String(c.service?.type)])),
  );
  const controller = pluginCapabilities.has('CONTROLLER_SERVICE')
    ? await connection.controller.controllerGetCapabilities({}, options)
    : { capabilities: [] };
  const controllerCapabilities = new Set(
    controller.capabilities.flatMap((c) => (c.rpc === undefined ? [] : [String(c.rpc?.type)])),
  );
  const group = pluginCapabilities.has('GROUP_CONTROLLER_SERVICE')
    ? await connection.groupController.groupControllerGetCapabilities({}, options)
    : { capabilities: [] };
  const groupCapabilities = new Set(
    group.capabilities.flatMap((c) => (c.rpc === undefined ? [] : [String(c.rpc?.type)])),
  );
  const introduced = {
    name: info.name,
    connection,
    pluginCapabilities,
    controllerCapabilities,
    groupCapabilities,
  };
  const volumeExpansion = announcedExpansion(plugin.capabilities);
  return volumeExpansion === undefined ? introduced : { ...introduced, volumeExpansion };
}

/** ONLINE includes OFFLINE. */
function announcedExpansion(capabilities: readonly PluginCapability[]): 'ONLINE' | 'OFFLINE' | undefined {
  const types = capabilities.map(({ volumeExpansion }) => volumeExpansion?.type);
  if (types.includes('ONLINE')) return 'ONLINE';
  return types.includes('OFFLINE') ? 'OFFLINE' : undefined;
}
