// Looks at the claims of published volumes for work that the controller side has left to this node. A node may read
// claims and not watch them (the node authorizer), so they are read, one after another, a few seconds apart.
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { persistentVolumeClaims } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { nodeExpansion } from '#rules/expansion.ts';
import type { DriverRegistry } from '../plugins/driver-registry.ts';
import type { DesiredWorld } from './desired-world.ts';
import type { Growth } from './growth.ts';
import type { RecordStore } from './record-store.ts';
import { type CsiSource, volumeKey } from './resolved-volume.ts';
import type { VolumeKey } from './view.ts';

export interface GrowthWatchDeps {
  readonly api: ApiClient;
  readonly log: Log;
  readonly desired: DesiredWorld;
  readonly records: RecordStore;
  readonly drivers: DriverRegistry;
}

/** One look at every volume that could grow; returns those that are to grow. */
export async function volumesToGrow(deps: GrowthWatchDeps, growth: Growth): Promise<readonly VolumeKey[]> {
  const found: VolumeKey[] = [];
  for (const [key, source] of growable(deps, growth)) {
    try {
      if (await isToGrow(deps.api, source, growth)) found.push(key);
    } catch (error) {
      // The next look comes soon; the volume works as it is.
      deps.log.debug('a claim could not be read', { volume: key, error: messageOf(error) });
    }
  }
  return found;
}

function growable({ desired, records, drivers }: GrowthWatchDeps, growth: Growth): Map<VolumeKey, CsiSource> {
  const volumes = new Map<VolumeKey, CsiSource>();
  for (const { key: mount, source } of desired.mounts()) {
    if (source.type !== 'csi' || source.readOnly) continue;
    const key = volumeKey(source);
    const canExpand = drivers.get(source.driver)?.capabilities.has('EXPAND_VOLUME') === true;
    const isPublished = records.publish(mount)?.phase === 'done';
    if (canExpand && isPublished && !growth.isRefused(key)) volumes.set(key, source);
  }
  return volumes;
}

async function isToGrow(api: ApiClient, source: CsiSource, growth: Growth): Promise<boolean> {
  if (source.claim === undefined) return false;
  const { namespace, name, uid } = source.claim;
  const claim = await api.find(persistentVolumeClaims, { namespace, name });
  const capacity = claim?.status?.capacity?.storage;
  if (claim?.metadata.uid !== uid || capacity === undefined) return false;
  const key = volumeKey(source);
  const status = claim.status?.allocatedResourceStatuses?.storage ?? '';
  const grownTo = growth.sizeOf(key);
  // After a restart: as large as the claim says now, until it says more.
  if (grownTo === undefined) growth.settle(key, capacity);
  return nodeExpansion({ capacity, status, volumeCapacity: capacity, grownTo }).kind === 'grow';
}
