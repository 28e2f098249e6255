// The Controller service. It owns the ledger: attach exclusivity lives there and nowhere else; loop devices and mounts
// belong to the node service. Rules DSK1 to DSK16.
import type { Handlers } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { ControllerMethods, ControllerServiceCapabilityRPCType } from '#csi/generated/csi.ts';
import type { LocalHost } from '#host/host.ts';
import { attachVolume, detachVolume } from './attachment.ts';
import { wantedAccess } from './capability.ts';
import { type CapacityDeps, poolCapacity } from './capacity.ts';
import { createVolume, deleteVolume, isPool, volumeOf, volumeWanted } from './create-volume.ts';
import { exclusive } from './exclusive.ts';
import { expandVolume } from './expand-volume.ts';
import { existingVolume, type Ledger } from './ledger.ts';
import { listVolumes } from './list-volumes.ts';
import type { PoolPaths } from './pool.ts';
import { parseVolumeId } from './volume-id.ts';

export interface ControllerParts extends CapacityDeps {
  readonly host: Pick<LocalHost, 'images' | 'filesystems' | 'loops'>;
  readonly ledger: Ledger;
  readonly paths: PoolPaths;
  readonly poolName: string;
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
  'SINGLE_NODE_MULTI_WRITER',
];

export function controllerHandlers(parts: ControllerParts): Partial<Handlers<ControllerMethods>> {
  const { ledger, poolName } = parts;
  const oneAtATime = exclusive();
  return {
    controllerGetCapabilities: async () => ({
      capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })),
    }),
    async createVolume(request) {
      const wanted = volumeWanted(request, poolName);
      const record = await oneAtATime.run(wanted.id, () => createVolume(parts, wanted));
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
