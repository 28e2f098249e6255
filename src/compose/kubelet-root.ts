// The kubelet root as a mount of its own, shared: a driver's mounts below it are seen by the agent and by containers
// that ask for propagation, whoever makes them. Only one agent may own one root.
import type { Files } from '#files/files.ts';
import { codeOf } from '#base/errors.ts';
import type { Host } from '#host/host.ts';

/** Binds the directory on itself and makes it shared; one that is a mount point already is taken as it is. */
export async function prepareKubeletRoot(
  deps: { readonly host: Host; readonly files: Files },
  root: string,
): Promise<void> {
  await deps.files.makeDirectory(root, { mode: 0o750 });
  const table = await deps.host.mounts.table();
  const isMounted = table.some((entry) => entry.mountPoint === root);
  if (!isMounted) await deps.host.mounts.bind({ source: root, target: root, readOnly: false });
  await deps.host.mounts.setPropagation(root, 'shared');
}

/** Takes the mount away again, unless something below is still mounted: then pods still use it and it stays. */
export async function releaseKubeletRoot(deps: { readonly host: Host }, root: string): Promise<void> {
  const table = await deps.host.mounts.table();
  if (table.some((entry) => entry.mountPoint.startsWith(`${root}/`))) return;
  if (!table.some((entry) => entry.mountPoint === root)) return;
  try {
    await deps.host.mounts.unmount(root);
  } catch (error) {
    // Somebody works below it: it is theirs to leave.
    if (codeOf(error) !== 'EBUSY') throw error;
  }
}
