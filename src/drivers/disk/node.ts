// The Node service: loop devices, file systems and mounts of this node. What it is asked for it checks against the
// ledger and the kernel's own tables, never against what it remembers. Rules DSK20 to DSK42.
import type { Handlers } from '#csi/client.ts';
import type { NodeMethods, NodeServiceCapabilityRPCType } from '#csi/generated/csi.ts';
import { exclusive } from './exclusive.ts';
import { expandOnNode, volumeStats } from './node-queries.ts';
import type { NodeParts } from './node-parts.ts';
import { poolTopology } from './pool.ts';
import { publishVolume, unpublishVolume } from './publish-volume.ts';
import { stageVolume, unstageVolume } from './stage-volume.ts';

const CAPABILITIES: readonly NodeServiceCapabilityRPCType[] = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'EXPAND_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
];

export function nodeHandlers(parts: NodeParts): Handlers<NodeMethods> {
  const { run } = exclusive();
  return {
    nodeGetCapabilities: async () => ({ capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })) }),
    nodeGetInfo: async () => ({
      nodeId: parts.nodeId,
      maxVolumesPerNode: String(parts.maxVolumes),
      accessibleTopology: poolTopology(parts.poolName),
    }),
    nodeStageVolume: (request) => run(request.volumeId, () => stageVolume(parts, request)),
    nodeUnstageVolume: (request) => run(request.volumeId, () => unstageVolume(parts, request)),
    nodePublishVolume: (request) => run(request.volumeId, () => publishVolume(parts, request)),
    nodeUnpublishVolume: (request) => run(request.volumeId, () => unpublishVolume(parts, request)),
    nodeExpandVolume: (request) => run(request.volumeId, () => expandOnNode(parts, request)),
    // Reads only: it may run beside another call.
    nodeGetVolumeStats: (request) => volumeStats(parts, request),
  };
}
