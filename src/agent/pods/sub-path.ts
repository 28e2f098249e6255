// subPath: part of a volume, resolved by the kernel below the volume's root (links that stay inside are followed, as the
// kubelet does) and bound from its descriptor, so that a pod cannot point it elsewhere (CVE-2017-1002101,
// CVE-2021-25741); what then stands at the target is compared with the descriptor. The binds stand below the pod's own directory and are found
// there again by the mount table alone.
import { codeOf } from '#base/errors.ts';
import { type Host, HostError } from '#host/host.ts';
import type { PinnedPath, SafePaths } from '#host/safe-path.ts';
import { checkAnswers } from '#volumes/answering.ts';
import { mountsAt, mountsBelow } from '#volumes/mount-table.ts';
import { checkProof, type UnmountProof } from '#volumes/unmount-proof.ts';
import type { Tree } from '#volumes/tree.ts';

export interface SubPathDeps {
  readonly host: Pick<Host, 'mounts' | 'commands'>;
  readonly tree: Tree;
  readonly safePaths: SafePaths;
}

/** A directory that the pod asked for and that is missing is made, as the kubelet does. */
const MODE = 0o755;

async function openOrMake({ safePaths }: SubPathDeps, root: string, relative: string): Promise<PinnedPath> {
  try {
    return await safePaths.openBeneath(root, relative);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return safePaths.makeDirectories(root, relative, { mode: MODE });
  }
}

/** Binds `relative` of the volume at `root` to `target` and gives the target. */
export async function bindSubPath(
  deps: SubPathDeps,
  request: {
    readonly root: string;
    readonly relative: string;
    readonly target: string;
    readonly readOnly: boolean;
  },
): Promise<string> {
  const { host, tree } = deps;
  const { root, relative, target, readOnly } = request;
  await checkAnswers(host, root);
  await using pinned = await openOrMake(deps, root, relative);
  // An earlier run's bind may be of another directory by now: bind anew.
  for (const mount of await mountsAt(host, target)) await host.mounts.unmount(mount.mountPoint);
  const parent = target.slice(0, target.lastIndexOf('/'));
  const isDirectory = pinned.kind === 'directory';
  const present = await tree.kind(target);
  if (present !== undefined && (present === 'directory') !== isDirectory) {
    if (present === 'directory') await tree.removeDirectory(target);
    else await tree.unlink(target);
  }
  if ((await tree.kind(parent)) === undefined) await tree.makeDirectory(parent, 0o750);
  if ((await tree.kind(target)) === undefined) {
    if (isDirectory) await tree.makeDirectory(target, 0o750);
    else await tree.createFile(target, new Uint8Array(), 0o640);
  }
  await host.mounts.bind({ source: pinned.path, target, readOnly, recursive: true });
  if ((await deps.safePaths.identify(target)) !== pinned.identity) {
    await host.mounts.unmount(target);
    throw new HostError({
      code: 'ESTALE',
      syscall: 'bind',
      path: target,
      message: `Cannot use the path ${JSON.stringify(relative)} below a volume: what was bound is not what was opened`,
    });
  }
  return target;
}

/** Unmounts every subPath bind of a pod and removes their empty targets and parents. */
export async function releaseSubPaths(
  { host, tree }: SubPathDeps,
  podDirectory: string,
  proof: UnmountProof,
): Promise<void> {
  checkProof(proof, podDirectory);
  const root = `${podDirectory}/volume-subpaths`;
  const mounts = mountsBelow(await host.mounts.table(), root);
  for (const mount of [...mounts].reverse()) await host.mounts.unmount(mount.mountPoint);
  for (const volume of await tree.list(root)) {
    for (const container of await tree.list(`${root}/${volume}`)) {
      const directory = `${root}/${volume}/${container}`;
      for (const index of await tree.list(directory)) {
        const path = `${directory}/${index}`;
        if ((await tree.kind(path)) === 'directory') await tree.removeDirectory(path);
        else await tree.unlink(path);
      }
      await tree.removeDirectory(directory);
    }
    await tree.removeDirectory(`${root}/${volume}`);
  }
  await tree.removeDirectory(root);
}
