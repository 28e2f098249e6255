// Where a pool keeps what: images in `volumes`, the controller's ledger in `ledger`, the node's format records in
// `formats`, the nodes that serve the pool in `nodes`. Each file has one process that writes it.
import { sha256Hex } from '#base/sha256.ts';
import type { SnapshotId } from './snapshot-id.ts';
import type { VolumeId } from './volume-id.ts';

export const DRIVER_NAME = 'disk.holdfast.dev';
/** The segment that says which pool a volume or node belongs to. */
export const TOPOLOGY_KEY = 'topology.disk.holdfast.dev/pool';

export interface PoolOptions {
  /** Absolute path of the pool's directory. */
  readonly directory: string;
  /** The value of the topology segment: a label value. */
  readonly name: string;
  /** Reported by GetPluginInfo. */
  readonly version: string;
}

export interface PoolPaths {
  readonly volumes: string;
  readonly ledger: string;
  readonly formats: string;
  readonly nodes: string;
  /** Images of snapshots, their records, those of groups, and freezes under way. */
  readonly snapshots: string;
  readonly snapshotRecords: string;
  readonly groupRecords: string;
  readonly freezes: string;
  /** What the controller was asked to change of volumes. */
  readonly tunings: string;
  snapshotImage(id: SnapshotId): string;
  image(id: VolumeId): string;
  record(id: VolumeId): string;
  format(id: VolumeId): string;
  node(nodeId: string): string;
}

export function poolPaths(directory: string): PoolPaths {
  return {
    volumes: `${directory}/volumes`,
    ledger: `${directory}/ledger`,
    formats: `${directory}/formats`,
    nodes: `${directory}/nodes`,
    snapshots: `${directory}/snapshots`,
    snapshotRecords: `${directory}/snapshot-ledger`,
    groupRecords: `${directory}/group-ledger`,
    freezes: `${directory}/freezes`,
    tunings: `${directory}/tunings`,
    snapshotImage: (id) => `${directory}/snapshots/${id}.img`,
    image: (id) => `${directory}/volumes/${id}.img`,
    record: (id) => `${directory}/ledger/${id}.json`,
    format: (id) => `${directory}/formats/${id}.json`,
    // A node id is foreign text: only its hash becomes a file name.
    node: (nodeId) => `${directory}/nodes/${sha256Hex(nodeId).slice(0, 32)}.json`,
  };
}

/** The topology of everything in a pool. */
export const poolTopology = (name: string): { readonly segments: Readonly<Record<string, string>> } => ({
  segments: { [TOPOLOGY_KEY]: name },
});
