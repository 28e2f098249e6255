// The Controller service. It owns the ledger: attach exclusivity lives there and nowhere else; loop devices and mounts
// belong to the node service. Rules DSK1 to DSK16 and DSK60 to DSK72.
import type { Clock } from '#base/clock.ts';
import type { Handlers } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { ControllerMethods, ControllerServiceCapabilityRPCType } from '#csi/generated/csi.ts';
import type { LocalHost } from '#host/host.ts';
import { attachVolume, detachVolume } from './attachment.ts';
import { wantedAccess } from './capability.ts';
import { type CapacityDeps, poolCapacity } from './capacity.ts';
import {
  createSnapshot,
  deleteSnapshot,
  existingSnapshot,
  snapshotOf,
  snapshotWanted,
} from './create-snapshot.ts';
import { createVolume, deleteVolume, isPool, volumeOf, volumeWanted } from './create-volume.ts';
import type { Exclusive } from './exclusive.ts';
import { expandVolume } from './expand-volume.ts';
import { existingVolume, type Ledger } from './ledger.ts';
import { listSnapshots } from './list-snapshots.ts';
import { listVolumes } from './list-volumes.ts';
import type { PoolPaths } from './pool.ts';
import { parseSnapshotId } from './snapshot-id.ts';
import { storeReadAhead, wantedReadAhead } from './tuning.ts';
import { parseVolumeId } from './volume-id.ts';

export interface ControllerParts extends CapacityDeps {
  readonly host: Pick<LocalHost, 'images' | 'filesystems' | 'loops' | 'blocks' | 'mounts'>;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly paths: PoolPaths;
  readonly poolName: string;
  /** One call for a volume, snapshot or group at a time. */
  readonly oneAtATime: Exclusive;
  /** Runs steps that look at the whole pool one after another. */
  readonly inTurn: <T>(step: () => Promise<T>) => Promise<T>;
}

const CAPABILITIES: readonly ControllerServiceCapabilityRPCType[] = [
  'CREATE_DELETE_VOLUME',
  'PUBLISH_UNPUBLISH_VOLUME',
  'LIST_VOLUMES',
  'LIST_VOLUMES_PUBLISHED_NODES',
  'GET_CAPACITY',
  'EXPAND_VOLUME',
  'MODIFY_VOLUME',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'GET_SNAPSHOT',
  'CLONE_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
];

export function controllerHandlers(parts: ControllerParts): Partial<Handlers<ControllerMethods>> {
  const { ledger, poolName, oneAtATime } = parts;
  return {
    controllerGetCapabilities: async () => ({
      capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })),
    }),
    async createVolume(request) {
      const wanted = volumeWanted(request, poolName);
      // The source of a clone can be neither attached nor deleted meanwhile.
      const keys = wanted.source === undefined ? [wanted.id] : [wanted.id, wanted.source.id];
      const readAheadKiB = wantedReadAhead(request.mutableParameters);
      const record = await oneAtATime.runAll(keys, async () => {
        const made = await createVolume(parts, wanted);
        if (readAheadKiB !== undefined) await storeReadAhead(parts, made.id, readAheadKiB);
        return made;
      });
      return { volume: volumeOf(record, poolName) };
    },
    async deleteVolume({ volumeId }) {
      if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
      const id = parseVolumeId(volumeId);
      // An id that cannot be ours names no volume: the volume is gone, as asked.
      if (id === undefined) return {};
      await oneAtATime.run(id, async () => {
        const record = await ledger.read(id);
        if (record !== undefined) await deleteVolume(parts, record);
      });
      return {};
    },
    controllerPublishVolume: (request) =>
      oneAtATime.run(request.volumeId, () => attachVolume(parts, request)),
    controllerUnpublishVolume: (request) =>
      oneAtATime.run(request.volumeId, () => detachVolume(ledger, request)),
    async validateVolumeCapabilities(request) {
      const { volumeId, volumeCapabilities, volumeContext, parameters } = request;
      await existingVolume(ledger, volumeId);
      if (volumeCapabilities.length === 0) {
        throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_capabilities"');
      }
      const problem = firstProblem(() => volumeCapabilities.map(wantedAccess));
      if (problem !== undefined) return { message: problem };
      return { confirmed: { volumeCapabilities, volumeContext, parameters } };
    },
    async createSnapshot(request) {
      const wanted = snapshotWanted(request);
      const record = await oneAtATime.runAll([wanted.id, wanted.sourceVolumeId], () =>
        createSnapshot(parts, wanted),
      );
      return { snapshot: snapshotOf(record) };
    },
    async deleteSnapshot({ snapshotId }) {
      if (snapshotId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "snapshot_id"');
      const id = parseSnapshotId(snapshotId);
      if (id !== undefined) await oneAtATime.run(id, () => deleteSnapshot(parts, id));
      return {};
    },
    listSnapshots: (request) => listSnapshots(ledger, request),
    getSnapshot: async ({ snapshotId }) => ({
      snapshot: snapshotOf(await existingSnapshot(parts, snapshotId)),
    }),
    listVolumes: (request) => listVolumes(ledger, poolName, request),
    async getCapacity({ accessibleTopology, volumeCapabilities }) {
      const isElsewhere = accessibleTopology !== null && !isPool(accessibleTopology, poolName);
      const isUnsupported = firstProblem(() => volumeCapabilities.map(wantedAccess)) !== undefined;
      if (isElsewhere || isUnsupported) return { availableCapacity: '0' };
      const { availableBytes } = await poolCapacity(parts);
      return {
        availableCapacity: String(availableBytes),
        maximumVolumeSize: { value: String(availableBytes) },
      };
    },
    controllerExpandVolume: (request) =>
      oneAtATime.run(request.volumeId, async () =>
        expandVolume(parts, await existingVolume(ledger, request.volumeId), request),
      ),
    async controllerModifyVolume({ volumeId, mutableParameters }) {
      const { id } = await existingVolume(ledger, volumeId);
      const readAheadKiB = wantedReadAhead(mutableParameters);
      if (readAheadKiB !== undefined) {
        await oneAtATime.run(id, () => storeReadAhead(parts, id, readAheadKiB));
      }
      return {};
    },
  };
}

function firstProblem(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof CsiError) return error.message;
    throw error;
  }
}
