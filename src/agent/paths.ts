// Where things stand below the kubelet root: upstream's layout, since drivers, tools and people know it.
import { sha256Hex } from '#base/sha256.ts';
import type { VolumeTypeName } from '#volumes/volume-type.ts';

const CSI_PLUGIN = 'plugins/kubernetes.io/csi';

export interface NodePaths {
  /** Sockets of drivers register here. */
  readonly registry: string;
  readonly pods: string;
  /** Our own records of mounts, outside every directory that a pod can reach. */
  readonly records: string;
  pod(uid: string): string;
  /** `pods/<uid>/volumes/kubernetes.io~<type>/<name>`; for CSI the driver's target is `mount` in it. */
  volume(uid: string, type: VolumeTypeName, name: string): string;
  csiTarget(uid: string, persistentVolume: string): string;
  csiBlockTarget(uid: string, persistentVolume: string): string;
  stage(driver: string, handle: string): string;
  blockStage(persistentVolume: string): string;
  /** One file for each container attempt: the termination message. */
  terminationMessage(uid: string, container: string, attempt: number): string;
  subPath(uid: string, volume: string, container: string, index: number): string;
}

export function nodePaths(root: string): NodePaths {
  const pod = (uid: string): string => `${root}/pods/${uid}`;
  const volume = (uid: string, type: VolumeTypeName, name: string): string =>
    `${pod(uid)}/volumes/kubernetes.io~${type}/${name}`;
  return {
    registry: `${root}/plugins_registry`,
    pods: `${root}/pods`,
    records: `${root}/mount-records`,
    pod,
    volume,
    csiTarget: (uid, name) => `${volume(uid, 'csi', name)}/mount`,
    csiBlockTarget: (uid, name) => `${root}/${CSI_PLUGIN}/volumeDevices/publish/${name}/${uid}`,
    stage: (driver, handle) => `${root}/${CSI_PLUGIN}/${driver}/${sha256Hex(handle)}/globalmount`,
    blockStage: (name) => `${root}/${CSI_PLUGIN}/volumeDevices/staging/${name}`,
    terminationMessage: (uid, container, attempt) => `${pod(uid)}/containers/${container}/${attempt}`,
    subPath: (uid, name, container, index) => `${pod(uid)}/volume-subpaths/${name}/${container}/${index}`,
  };
}

/** The directory of a pod's container logs: `<namespace>_<name>_<uid>`. */
export function podLogDirectory(
  logsRoot: string,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
): string {
  return `${logsRoot}/${pod.namespace}_${pod.name}_${pod.uid}`;
}
