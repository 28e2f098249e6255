// The agent's own files of a pod: termination messages, log directories, and the empty frame around its volumes. They
// are removed one known name at a time; whatever else stands there makes the removal fail and stay (law 5).
import type { Log } from '#base/log.ts';
import { codeOf } from '#base/errors.ts';
import { checkProof, type UnmountProof } from '#volumes/unmount-proof.ts';
import type { Tree } from '#volumes/tree.ts';

/** Files of one level of directories: `<root>/<directory>/<file>`, then everything empty. */
async function removeTwoLevels(tree: Tree, root: string): Promise<void> {
  for (const name of await tree.list(root)) {
    for (const file of await tree.list(`${root}/${name}`)) await tree.unlink(`${root}/${name}/${file}`);
    await tree.removeDirectory(`${root}/${name}`);
  }
  await tree.removeDirectory(root);
}

/** What a crash between a directory and its record leaves: `vol_data.json` and empty directories, by known names. */
async function removeVolumeFrame(tree: Tree, root: string): Promise<void> {
  for (const name of await tree.list(root)) {
    if (root.endsWith('~csi')) {
      await tree.unlink(`${root}/${name}/vol_data.json`);
      await tree.removeDirectory(`${root}/${name}/mount`);
    }
    await tree.removeDirectory(`${root}/${name}`);
  }
  await tree.removeDirectory(root);
}

/** Removes the directories of a pod whose volumes are gone. False: something unknown stands there and was kept. */
export async function removePodDirectories(
  { tree, log }: { readonly tree: Tree; readonly log: Log },
  paths: { readonly pod: string; readonly logs: string | undefined },
  proof: UnmountProof,
): Promise<boolean> {
  checkProof(proof, paths.pod);
  try {
    await removeTwoLevels(tree, `${paths.pod}/containers`);
    for (const type of await tree.list(`${paths.pod}/volumes`)) {
      await removeVolumeFrame(tree, `${paths.pod}/volumes/${type}`);
    }
    await tree.removeDirectory(`${paths.pod}/volumes`);
    await tree.removeDirectory(paths.pod);
    if (paths.logs !== undefined) await removeTwoLevels(tree, paths.logs);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOTEMPTY' && code !== 'EBUSY' && code !== 'EISDIR' && code !== 'EPERM') throw error;
    log.error('a pod directory holds something unknown: left alone', { path: paths.pod, code });
    return false;
  }
}

/** What a container said at its end: at most 4 KiB of its message file (the kubelet's limit). */
const MESSAGE_LIMIT = 4096;

export async function readTerminationMessage(tree: Tree, path: string): Promise<string> {
  const bytes = await tree.readFile(path);
  return bytes === undefined ? '' : Buffer.from(bytes.subarray(0, MESSAGE_LIMIT)).toString('utf8');
}

export async function prepareTerminationMessage(tree: Tree, path: string): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf('/'));
  if ((await tree.kind(parent)) === undefined) await tree.makeDirectory(parent, 0o750);
  // Any user of the container may write it.
  if ((await tree.kind(path)) === undefined) await tree.createFile(path, new Uint8Array(), 0o666);
}
