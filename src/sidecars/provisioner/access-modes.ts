// Kubernetes access modes and volume mode as CSI volume capabilities (PRV30).
import type { VolumeCapability, VolumeCapabilityAccessModeMode } from '#csi/generated/csi.ts';
import type { Sparse } from '#csi/client.ts';

/** One capability for each access mode asked for. `singleNodeMultiWriter`: the driver's capability of that name. */
export function volumeCapabilities(request: {
  readonly accessModes: readonly string[];
  readonly volumeMode: string;
  readonly fsType: string | undefined;
  readonly mountOptions: readonly string[];
  readonly singleNodeMultiWriter: boolean;
}): readonly Sparse<VolumeCapability>[] {
  return request.accessModes.map((mode) => ({
    accessMode: { mode: csiAccessMode(mode, request.singleNodeMultiWriter) },
    ...(request.volumeMode === 'Block'
      ? { block: {} }
      : { mount: { fsType: request.fsType ?? '', mountFlags: [...request.mountOptions] } }),
  }));
}

/** The CSI access mode of one Kubernetes access mode. */
export function csiAccessMode(mode: string, singleNodeMultiWriter: boolean): VolumeCapabilityAccessModeMode {
  switch (mode) {
    case 'ReadWriteOncePod':
      return singleNodeMultiWriter ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadWriteOnce':
      return singleNodeMultiWriter ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    default:
      return 'UNKNOWN';
  }
}
