// The names under which a CSI volume on a node is known: the VolumeAttachment's and the one in the node's status.
import { sha256Hex } from '#base/sha256.ts';

export interface CsiVolumeName {
  readonly driver: string;
  readonly volumeHandle: string;
}

/** The name of the VolumeAttachment of a volume to a node (RUL60). */
export function attachmentName({ driver, volumeHandle }: CsiVolumeName, nodeName: string): string {
  return `csi-${sha256Hex(`${volumeHandle}${driver}${nodeName}`)}`;
}

const PREFIX = 'kubernetes.io/csi/';

/** The name of a volume in node.status.volumesAttached and volumesInUse (RUL61). */
export function uniqueVolumeName({ driver, volumeHandle }: CsiVolumeName): string {
  return `${PREFIX}${driver}^${volumeHandle}`;
}

/** Reads uniqueVolumeName back; undefined for a volume that is not CSI (RUL61). */
export function parseUniqueVolumeName(name: string): CsiVolumeName | undefined {
  const caret = name.indexOf('^');
  if (!name.startsWith(PREFIX) || caret < 0) return undefined;
  return { driver: name.slice(PREFIX.length, caret), volumeHandle: name.slice(caret + 1) };
}
