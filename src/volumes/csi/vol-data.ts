// vol_data.json as the kubelet writes it beside CSI mounts, so that its tools (and a kubelet) can read our node.
import type { Files } from '#files/files.ts';

/** The volume that the data is about. */
export interface CsiIdentity {
  readonly driver: string;
  readonly handle: string;
  readonly persistentVolume: string;
  readonly stagePath: string;
  readonly lifecycle: 'Persistent' | 'Ephemeral';
}

const NAME = 'vol_data.json';

function encode(content: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Beside the stage path. */
export async function writeStageData(files: Files, csi: CsiIdentity): Promise<void> {
  const directory = parentOf(csi.stagePath);
  await files.makeDirectory(directory, { mode: 0o750 });
  await files.write(`${directory}/${NAME}`, encode({ driverName: csi.driver, volumeHandle: csi.handle }));
}

export async function removeStageData(files: Files, csi: CsiIdentity): Promise<void> {
  const directory = parentOf(csi.stagePath);
  await files.remove(`${directory}/${NAME}`);
  await files.removeDirectory(directory);
}

/** Beside the target in the pod's directory. */
export async function writePublishData(
  files: Files,
  directory: string,
  fields: { readonly csi: CsiIdentity; readonly nodeName: string; readonly attachmentId: string },
): Promise<void> {
  await files.makeDirectory(directory, { mode: 0o750 });
  const content = {
    attachmentID: fields.attachmentId,
    driverName: fields.csi.driver,
    nodeName: fields.nodeName,
    specVolID: fields.csi.persistentVolume,
    volumeHandle: fields.csi.handle,
    volumeLifecycleMode: fields.csi.lifecycle,
  };
  await files.write(`${directory}/${NAME}`, encode(content));
}

export async function removePublishData(files: Files, directory: string): Promise<void> {
  await files.remove(`${directory}/${NAME}`);
  await files.removeDirectory(directory);
}
