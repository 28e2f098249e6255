// The CSIDriver object of the built-in disk driver, made at the first start as a driver's own manifests would make it.
// One that is there is left as it is: it may have been changed on purpose.
import type { ApiHandler } from '#api/request.ts';
import { csiDrivers } from '#api/resources.ts';
import { hasReason } from '#client/api-error.ts';
import { inProcessClient } from '#client/in-process.ts';
import type { Service } from '#client/loop.ts';
import { DISK_DRIVER } from './layout.ts';

/** Creates the object and ends. */
export function builtInDriver(handler: ApiHandler): Service {
  return {
    name: 'built-in-driver',
    async run(signal) {
      const api = inProcessClient(handler, 'built-in-driver');
      try {
        await api.create(
          csiDrivers,
          {
            metadata: { name: DISK_DRIVER },
            spec: {
              attachRequired: true,
              podInfoOnMount: false,
              fsGroupPolicy: 'File',
              // One machine, one pool: a full one says so itself, and no pod waits for a capacity object.
              storageCapacity: false,
              volumeLifecycleModes: ['Persistent'],
            },
          },
          signal,
        );
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
      }
    },
  };
}
