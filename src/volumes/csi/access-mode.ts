// From a PersistentVolume's access mode to the CSI one. The two single-writer modes of CSI 1.5 are used only with a
// driver that declares SINGLE_NODE_MULTI_WRITER; an older one gets SINGLE_NODE_WRITER for both.
import type { PersistentVolumeSpec } from '#api/generated/core-v1.ts';
import type { VolumeCapabilityAccessModeMode } from '#csi/generated/csi.ts';
import { VolumeError } from '../volume-type.ts';

export type CsiAccessMode = VolumeCapabilityAccessModeMode;

export function csiAccessMode(
  modes: PersistentVolumeSpec['accessModes'],
  capabilities: ReadonlySet<string>,
): CsiAccessMode {
  const separatesWriters = capabilities.has('SINGLE_NODE_MULTI_WRITER');
  const mode = modes?.[0];
  switch (mode) {
    case 'ReadWriteOnce':
      return separatesWriters ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadWriteOncePod':
      return separatesWriters ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    default:
      throw new VolumeError('invalid', `Cannot use a volume with access mode "${mode ?? ''}": no such mode`);
  }
}

/** Whether the pod's fsGroup is applied by the agent (`CSIDriver.spec.fsGroupPolicy`). */
export function appliesFsGroup(volume: {
  readonly policy: string | undefined;
  readonly fsType: string;
  readonly accessModes: PersistentVolumeSpec['accessModes'];
  readonly readOnly: boolean;
}): boolean {
  if (volume.readOnly) return false;
  switch (volume.policy ?? 'ReadWriteOnceWithFSType') {
    case 'File':
      return true;
    case 'ReadWriteOnceWithFSType':
      return (
        volume.fsType !== '' &&
        (volume.accessModes ?? []).every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod')
      );
    default:
      return false;
  }
}
