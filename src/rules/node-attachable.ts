// Volumes that are attached without a VolumeAttachment: iSCSI, Fibre Channel and FlexVolume. Their node does the work
// itself; the control plane only says in node.status.volumesAttached that it may. Names are those of Kubernetes.
import type { PersistentVolume, Pod, Volume } from '#api/generated/core-v1.ts';

type PodSource = Pick<Volume, 'iscsi' | 'fc' | 'flexVolume'>;
type PersistentSource = Pick<NonNullable<PersistentVolume['spec']>, 'iscsi' | 'fc' | 'flexVolume'>;

const ISCSI = 'kubernetes.io/iscsi/';
const FC = 'kubernetes.io/fc/';
const FLEX = 'flexvolume-';

/**
 * The name in node.status.volumesAttached and volumesInUse (RUL62), or undefined for a volume of another kind. `name`:
 * the volume's in the pod, or the PersistentVolume's; FlexVolumes have no better one.
 */
export function nodeAttachableName(source: PodSource | PersistentSource, name: string): string | undefined {
  const { iscsi, fc, flexVolume } = source;
  if (iscsi !== undefined) return `${ISCSI}${iscsi.targetPortal}:${iscsi.iqn}:${iscsi.lun}`;
  if (fc !== undefined) return `${FC}${fcName(fc)}`;
  return flexVolume === undefined ? undefined : `${FLEX}${flexVolume.driver}/${name}`;
}

function fcName({ targetWWNs = [], wwids = [], lun }: NonNullable<PodSource['fc']>): string {
  const words = (list: readonly string[]): string => `[${list.join(' ')}]`;
  return targetWWNs.length > 0 && lun !== undefined ? `${words(targetWWNs)}:${lun}` : words(wwids);
}

/** Whether a name of node.status is one of these. */
export function isNodeAttachableName(name: string): boolean {
  return [ISCSI, FC, FLEX].some((prefix) => name.startsWith(prefix));
}

/** The names of those that stand in the pod itself. */
export function inlineAttachables({ spec }: Pod): readonly string[] {
  return (spec?.volumes ?? []).flatMap((volume) => nodeAttachableName(volume, volume.name) ?? []);
}
