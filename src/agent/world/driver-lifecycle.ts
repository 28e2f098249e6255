// Which kinds of volumes a driver says that it serves (`CSIDriver.spec.volumeLifecycleModes`). Pure.
import type { CSIDriver } from '#api/generated/storage-v1.ts';
import { VolumeError } from '#volumes/volume-type.ts';

/** Persistent is what a driver without the object, or without a list, serves; Ephemeral must be listed. */
export function checkLifecycle(
  driver: CSIDriver | undefined,
  name: string,
  mode: 'Persistent' | 'Ephemeral',
): void {
  const listed = driver?.spec.volumeLifecycleModes ?? [];
  const modes = listed.length === 0 ? ['Persistent'] : listed;
  if (modes.includes(mode)) return;
  const served = driver === undefined ? 'no CSIDriver object' : `only supports ${JSON.stringify(modes)}`;
  throw new VolumeError('unsupported', `volume mode "${mode}" not supported by driver ${name} (${served})`);
}
