// The requests to the driver from claim, volume and class.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import { quantityToBytes } from '#api/quantity.ts';
import type { Sparse } from '#csi/client.ts';
import type {
  ControllerExpandVolumeRequest,
  ControllerModifyVolumeRequest,
  VolumeCapabilityAccessModeMode,
} from '#csi/generated/csi.ts';
import type { BoundClaim } from './deps.ts';

/** ControllerExpandVolume for at least `to`, without secrets. */
export function expandRequest(
  { spec }: PersistentVolume,
  to: string,
  hasSingleNodeModes: boolean,
): Sparse<ControllerExpandVolumeRequest> {
  const csi = spec?.csi;
  const mode = accessMode(spec?.accessModes ?? [], hasSingleNodeModes);
  return {
    volumeId: csi?.volumeHandle ?? '',
    capacityRange: { requiredBytes: String(quantityToBytes(to)), limitBytes: '0' },
    volumeCapability: {
      accessMode: { mode },
      ...(spec?.volumeMode === 'Block'
        ? { block: {} }
        : { mount: { fsType: csi?.fsType ?? '', mountFlags: [...(spec?.mountOptions ?? [])] } }),
    },
  };
}

/** The widest mode of the volume as one CSI mode, as for ControllerPublishVolume. */
function accessMode(modes: readonly string[], hasSingleNodeModes: boolean): VolumeCapabilityAccessModeMode {
  if (modes.includes('ReadWriteMany')) return 'MULTI_NODE_MULTI_WRITER';
  if (modes.includes('ReadOnlyMany')) {
    return modes.includes('ReadWriteOnce') ? 'MULTI_NODE_SINGLE_WRITER' : 'MULTI_NODE_READER_ONLY';
  }
  if (!hasSingleNodeModes) return 'SINGLE_NODE_WRITER';
  return modes.includes('ReadWriteOncePod') ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_MULTI_WRITER';
}

/** ControllerModifyVolume with a class's parameters. */
export function modifyRequest(
  { claim, volume }: BoundClaim,
  parameters: Readonly<Record<string, string>>,
  hasExtraMetadata: boolean,
): Sparse<ControllerModifyVolumeRequest> {
  const names = {
    'csi.storage.k8s.io/pvc/name': claim.metadata.name,
    'csi.storage.k8s.io/pvc/namespace': claim.metadata.namespace ?? '',
    'csi.storage.k8s.io/pv/name': volume.metadata.name,
  };
  return {
    volumeId: volume.spec?.csi?.volumeHandle ?? '',
    mutableParameters: { ...parameters, ...(hasExtraMetadata ? names : {}) },
  };
}
