// What may be logged of an RPC: the allow-list of known-safe scalar fields, method by method (law 9). Secrets and
// tokens travel in unexpected fields (contexts, parameters, mount flags), so nothing else is ever taken, and a
// message as a whole never reaches a log.
import type { LogFields, LogValue } from '#base/log.ts';
import type { CsiMethodName } from './services.ts';

const ID = ['volumeId'] as const;
const CAPACITY = ['capacityRange.requiredBytes', 'capacityRange.limitBytes'] as const;

/** Paths of loggable scalars in requests. A method that is missing here logs no field of its request. */
const LOGGABLE: Readonly<Partial<Record<CsiMethodName, readonly string[]>>> = {
  createVolume: ['name', ...CAPACITY],
  deleteVolume: ID,
  controllerPublishVolume: [...ID, 'nodeId', 'readonly', 'volumeCapability.accessMode.mode'],
  controllerUnpublishVolume: [...ID, 'nodeId'],
  validateVolumeCapabilities: ID,
  listVolumes: ['maxEntries'],
  controllerExpandVolume: [...ID, ...CAPACITY],
  controllerGetVolume: ID,
  controllerModifyVolume: ID,
  createSnapshot: ['name', 'sourceVolumeId'],
  deleteSnapshot: ['snapshotId'],
  listSnapshots: ['maxEntries', 'sourceVolumeId', 'snapshotId'],
  getSnapshot: ['snapshotId'],
  createVolumeGroupSnapshot: ['name'],
  deleteVolumeGroupSnapshot: ['groupSnapshotId'],
  getVolumeGroupSnapshot: ['groupSnapshotId'],
  nodeStageVolume: [
    ...ID,
    'stagingTargetPath',
    'volumeCapability.mount.fsType',
    'volumeCapability.accessMode.mode',
  ],
  nodeUnstageVolume: [...ID, 'stagingTargetPath'],
  nodePublishVolume: [
    ...ID,
    'stagingTargetPath',
    'targetPath',
    'readonly',
    'volumeCapability.accessMode.mode',
  ],
  nodeUnpublishVolume: [...ID, 'targetPath'],
  nodeGetVolumeStats: [...ID, 'volumePath'],
  nodeExpandVolume: [...ID, 'volumePath', ...CAPACITY],
};

/** The fields of a request that may be logged, keyed by their last name; long text is cut. */
export function loggableFields(method: CsiMethodName, request: object): LogFields {
  const fields: Record<string, LogValue> = {};
  for (const path of LOGGABLE[method] ?? []) {
    const parts = path.split('.');
    const value = parts.reduce<unknown>(
      (at, name) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? Reflect.get(at, name) : undefined,
      request,
    );
    const shown = loggable(value);
    if (shown !== undefined) fields[parts.at(-1) ?? path] = shown;
  }
  return fields;
}

function loggable(value: unknown): LogValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string' || value === '') return undefined;
  return value.length > 256 ? `${value.slice(0, 256)}…` : value;
}
