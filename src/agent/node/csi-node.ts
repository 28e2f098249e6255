// The CSINode object: one entry for each registered driver, with its node id, topology keys and volume limit.
import type { CSINode, CSINodeDriver } from '#api/generated/storage-v1.ts';
import { csiNodes } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { hasReason } from '#client/api-error.ts';
import type { NodeGetInfoResponse } from '#csi/generated/csi.ts';
import { covers } from './same-json.ts';

export interface CsiNodeOwner {
  readonly nodeName: string;
  readonly nodeUid: string;
}

/** The entry of one driver, from its NodeGetInfo. */
export function csiNodeDriver(name: string, info: NodeGetInfoResponse): CSINodeDriver {
  const topologyKeys = Object.keys(info.accessibleTopology?.segments ?? {}).sort();
  const limit = Number(info.maxVolumesPerNode);
  return {
    name,
    nodeID: info.nodeId,
    ...(topologyKeys.length === 0 ? {} : { topologyKeys }),
    // Zero: the driver knows no limit.
    ...(limit > 0 ? { allocatable: { count: limit } } : {}),
  };
}

/** Retries of a conflict: the agent is nearly the only writer of its CSINode. */
const ATTEMPTS = 5;

/** Stores the list that `change` makes of the present one; no write when it is the same. */
export async function changeCsiNode(
  api: ApiClient,
  owner: CsiNodeOwner,
  change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await changeOnce(api, owner, change);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !hasReason(error, 'Conflict', 'AlreadyExists')) throw error;
    }
  }
}

async function changeOnce(
  api: ApiClient,
  { nodeName, nodeUid }: CsiNodeOwner,
  change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[],
): Promise<void> {
  const found = await api.find(csiNodes, { name: nodeName });
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid }];
  const spec = { drivers: change(found?.spec.drivers ?? []) };
  if (found === undefined) {
    const created: CSINode = { metadata: { name: nodeName, ownerReferences }, spec };
    await api.create(csiNodes, created);
    return;
  }
  const isSame = covers(found.spec.drivers, spec.drivers) && covers(spec.drivers, found.spec.drivers);
  // Set once: a node may not change who owns its CSINode.
  const metadata = { ownerReferences, ...found.metadata };
  if (isSame && found.metadata.ownerReferences !== undefined) return;
  await api.update(csiNodes, { ...found, metadata, spec });
}
