// The Identity service, the same for the controller's and the node's process.
import type { Handlers } from '#csi/client.ts';
import type { IdentityMethods } from '#csi/generated/csi.ts';
import type { Files } from '#files/files.ts';
import { DRIVER_NAME, type PoolOptions } from './pool.ts';

export function identityHandlers(files: Files, pool: PoolOptions): Handlers<IdentityMethods> {
  return {
    getPluginInfo: async () => ({ name: DRIVER_NAME, vendorVersion: pool.version }),
    getPluginCapabilities: async () => ({
      capabilities: [
        { service: { type: 'CONTROLLER_SERVICE' } },
        { service: { type: 'GROUP_CONTROLLER_SERVICE' } },
        { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
        { volumeExpansion: { type: 'ONLINE' } },
      ],
    }),
    // Not ready while the pool's directory is away: a file system that is not mounted yet, for example.
    probe: async () => ({ ready: { value: await files.exists(pool.directory) } }),
  };
}
