// What a driver's CSIDriver object says of the volumes that it serves, and what it needs for them. Pure.
import type { CSIDriver } from '#api/generated/storage-v1.ts';
import { VolumeError } from '#volumes/volume-type.ts';

/** A driver without the tokens that it asks for would fail in its own words, or mount as nobody. */
export function checkTokens(driver: CSIDriver | undefined, name: string): void {
  if ((driver?.spec.tokenRequests ?? []).length === 0) return;
  throw new VolumeError(
    'unsupported',
    `driver ${name} asks for service account tokens (CSIDriver spec.tokenRequests), which this node does not request`,
  );
}

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
