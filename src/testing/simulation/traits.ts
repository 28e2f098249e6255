// What a scripted driver says it can do. Everything may change while it runs, as an upgraded driver's does.

export interface DriverTraits {
  readonly name: string;
  pluginCapabilities: Set<string>;
  controllerCapabilities: Set<string>;
  nodeCapabilities: Set<string>;
  /** The node's label that says where its volumes live; absent: a volume is reachable from everywhere. */
  topologyKey: string | undefined;
  /** 0: as many as one likes. */
  maxVolumesPerNode: number;
  maxVolumeBytes: bigint | undefined;
  needsNodeExpansion: boolean;
  /** A new snapshot becomes ready after being asked for so many more times. */
  snapshotPolls: number;
}

export const DRIVER_NAME = 'scripted.csi.example';

/** A driver that can do everything, without topology. */
export function allTraits(changes: Partial<DriverTraits> = {}): DriverTraits {
  return {
    name: DRIVER_NAME,
    pluginCapabilities: new Set(['CONTROLLER_SERVICE', 'GROUP_CONTROLLER_SERVICE']),
    controllerCapabilities: new Set([
      'CREATE_DELETE_VOLUME',
      'PUBLISH_UNPUBLISH_VOLUME',
      'LIST_VOLUMES',
      'LIST_VOLUMES_PUBLISHED_NODES',
      'GET_VOLUME',
      'GET_CAPACITY',
      'CREATE_DELETE_SNAPSHOT',
      'LIST_SNAPSHOTS',
      'GET_SNAPSHOT',
      'CLONE_VOLUME',
      'EXPAND_VOLUME',
      'MODIFY_VOLUME',
      'PUBLISH_READONLY',
      'SINGLE_NODE_MULTI_WRITER',
    ]),
    nodeCapabilities: new Set(['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME', 'GET_VOLUME_STATS']),
    topologyKey: undefined,
    maxVolumesPerNode: 0,
    maxVolumeBytes: undefined,
    needsNodeExpansion: true,
    snapshotPolls: 0,
    ...changes,
  };
}
