// The node service of the scripted driver on one node: paths instead of mounts, and the order that CSI demands.
import type { Handlers } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { NodeMethods, NodeServiceCapabilityRPCType, VolumeCapability } from '#csi/generated/csi.ts';
import type { Backend, NodePath } from './backend.ts';
import type { DriverTraits } from './traits.ts';

/** The handlers on the node `nodeId`. */
export function nodeCalls(backend: Backend, traits: DriverTraits, nodeId: string): Handlers<NodeMethods> {
  return {
    ...mountCalls(backend, traits, nodeId),
    nodeGetVolumeStats: async ({ volumeId }) => {
      const total = String(backend.volume(volumeId).bytes);
      return { usage: [{ unit: 'BYTES', total, available: total, used: '0' }] };
    },
    nodeExpandVolume: async ({ volumeId, volumePath }) => {
      const volume = backend.volume(volumeId);
      if (!backend.paths.has(backend.pathKey(nodeId, volumePath))) {
        throw new CsiError('NOT_FOUND', `nothing of "${volumeId}" is at "${volumePath}"`);
      }
      return { capacityBytes: String(volume.bytes) };
    },
    nodeGetCapabilities: async () => ({
      capabilities: [...traits.nodeCapabilities].map((type) => ({
        rpc: { type: type as NodeServiceCapabilityRPCType },
      })),
    }),
    nodeGetInfo: async () => ({
      nodeId,
      maxVolumesPerNode: String(traits.maxVolumesPerNode),
      accessibleTopology:
        traits.topologyKey === undefined ? null : { segments: { [traits.topologyKey]: nodeId } },
    }),
  };
}

const modeOf = (capability: VolumeCapability | null): string => capability?.accessMode?.mode ?? 'UNKNOWN';

function mountCalls(
  backend: Backend,
  traits: DriverTraits,
  nodeId: string,
): Pick<
  Handlers<NodeMethods>,
  'nodeStageVolume' | 'nodeUnstageVolume' | 'nodePublishVolume' | 'nodeUnpublishVolume'
> {
  const put = (path: NodePath): void => {
    backend.paths.set(backend.pathKey(nodeId, path.path), path);
  };
  return {
    nodeStageVolume: async ({ volumeId, stagingTargetPath: path, volumeCapability }) => {
      requireAttached(backend, traits, nodeId, volumeId);
      const mode = modeOf(volumeCapability);
      put({ nodeId, volumeId, path, kind: 'staged', readonly: false, mode, stagingPath: path });
      return {};
    },
    nodeUnstageVolume: async ({ volumeId, stagingTargetPath }) => {
      const published = backend.pathsOf(nodeId, volumeId).filter((p) => p.kind === 'published');
      if (published.length > 0) {
        throw new CsiError('FAILED_PRECONDITION', `"${volumeId}" is published at "${published[0]?.path}"`);
      }
      backend.paths.delete(backend.pathKey(nodeId, stagingTargetPath));
      return {};
    },
    nodePublishVolume: async ({ volumeId, stagingTargetPath, targetPath, volumeCapability, readonly }) => {
      requireAttached(backend, traits, nodeId, volumeId);
      const isStaged = backend.paths.has(backend.pathKey(nodeId, stagingTargetPath));
      if (traits.nodeCapabilities.has('STAGE_UNSTAGE_VOLUME') && !isStaged) {
        throw new CsiError('FAILED_PRECONDITION', `"${volumeId}" is not staged at "${stagingTargetPath}"`);
      }
      const mode = modeOf(volumeCapability);
      put({
        nodeId,
        volumeId,
        path: targetPath,
        kind: 'published',
        readonly,
        mode,
        stagingPath: stagingTargetPath,
      });
      return {};
    },
    nodeUnpublishVolume: async ({ targetPath }) => {
      backend.paths.delete(backend.pathKey(nodeId, targetPath));
      return {};
    },
  };
}

function requireAttached(backend: Backend, traits: DriverTraits, nodeId: string, volumeId: string): void {
  const volume = backend.volume(volumeId);
  if (!traits.controllerCapabilities.has('PUBLISH_UNPUBLISH_VOLUME') || volume.attached.has(nodeId)) return;
  throw new CsiError('FAILED_PRECONDITION', `"${volumeId}" is not attached to "${nodeId}"`);
}
