// The methods of the CSI services as lists; the compiler checks that each list has every method and no other.
import type {
  ControllerMethods,
  GroupControllerMethods,
  IdentityMethods,
  NodeMethods,
} from './generated/csi.ts';

const identity: Readonly<Record<keyof IdentityMethods, true>> = {
  getPluginInfo: true,
  getPluginCapabilities: true,
  probe: true,
};

const controller: Readonly<Record<keyof ControllerMethods, true>> = {
  createVolume: true,
  deleteVolume: true,
  controllerPublishVolume: true,
  controllerUnpublishVolume: true,
  validateVolumeCapabilities: true,
  listVolumes: true,
  getCapacity: true,
  controllerGetCapabilities: true,
  createSnapshot: true,
  deleteSnapshot: true,
  listSnapshots: true,
  getSnapshot: true,
  controllerExpandVolume: true,
  controllerGetVolume: true,
  controllerModifyVolume: true,
};

const groupController: Readonly<Record<keyof GroupControllerMethods, true>> = {
  groupControllerGetCapabilities: true,
  createVolumeGroupSnapshot: true,
  deleteVolumeGroupSnapshot: true,
  getVolumeGroupSnapshot: true,
};

const node: Readonly<Record<keyof NodeMethods, true>> = {
  nodeStageVolume: true,
  nodeUnstageVolume: true,
  nodePublishVolume: true,
  nodeUnpublishVolume: true,
  nodeGetVolumeStats: true,
  nodeExpandVolume: true,
  nodeGetCapabilities: true,
  nodeGetInfo: true,
};

export const IDENTITY_METHODS: readonly string[] = Object.keys(identity);
export const CONTROLLER_METHODS: readonly string[] = Object.keys(controller);
export const GROUP_CONTROLLER_METHODS: readonly string[] = Object.keys(groupController);
export const NODE_METHODS: readonly string[] = Object.keys(node);

/** The name of any unary CSI method that Holdfast calls or serves. */
export type CsiMethodName =
  | keyof IdentityMethods
  | keyof ControllerMethods
  | keyof GroupControllerMethods
  | keyof NodeMethods;
