// ControllerPublishVolume's request from a PersistentVolume (ATC4). Pure.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Sparse } from '#csi/client.ts';
import type { Driver } from '#csi/driver.ts';
import type { ControllerPublishVolumeRequest, VolumeCapabilityAccessModeMode } from '#csi/generated/csi.ts';

/** The request without secrets. */
export function publishRequest(
  volume: PersistentVolume,
  nodeId: string,
  driver: Driver,
): Sparse<ControllerPublishVolumeRequest> {
  const csi = volume.spec?.csi;
  return {
    volumeId: csi?.volumeHandle ?? '',
    nodeId,
    // CSI: readonly must be false without the PUBLISH_READONLY capability.
    readonly: csi?.readOnly === true && driver.controllerCapabilities.has('PUBLISH_READONLY'),
    volumeContext: csi?.volumeAttributes ?? {},
    volumeCapability: {
      accessMode: {
        mode: attachMode(
          volume.spec?.accessModes ?? [],
          driver.controllerCapabilities.has('SINGLE_NODE_MULTI_WRITER'),
        ),
      },
      ...(volume.spec?.volumeMode === 'Block'
        ? { block: {} }
        : { mount: { fsType: csi?.fsType ?? '', mountFlags: [...(volume.spec?.mountOptions ?? [])] } }),
    },
  };
}

/** The widest mode of the volume as one CSI mode: a volume that several nodes may write wins over narrower ones. */
export function attachMode(
  accessModes: readonly string[],
  singleNodeMultiWriter: boolean,
): VolumeCapabilityAccessModeMode {
  const has = (mode: string): boolean => accessModes.includes(mode);
  if (has('ReadWriteMany')) return 'MULTI_NODE_MULTI_WRITER';
  if (has('ReadOnlyMany') && has('ReadWriteOnce')) return 'MULTI_NODE_SINGLE_WRITER';
  if (has('ReadOnlyMany')) return 'MULTI_NODE_READER_ONLY';
  if (has('ReadWriteOncePod'))
    return singleNodeMultiWriter ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
  return singleNodeMultiWriter ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
}
