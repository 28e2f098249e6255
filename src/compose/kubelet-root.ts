// The kubelet root as a mount of its own, shared: a driver's mounts below it are seen by the agent and by containers
// that ask for propagation, whoever makes them. Only one agent may own one root.
import { type Clock, sleep } from '#base/clock.ts';
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

// The drivers of the node end at the same time and hold the mount until their sockets are closed.
const NEVER = new AbortController().signal;
const RELEASE = { withinMs: 3_000, lookAgainMs: 20 };

/** Takes the mount away again, unless something below is still mounted or open: then it is in use and stays. */
export async function releaseKubeletRoot(
  deps: { readonly host: Host; readonly clock: Clock },
  root: string,
): Promise<'released' | 'in-use'> {
  const deadline = deps.clock.elapsed() + RELEASE.withinMs;
  for (;;) {
    const table = await deps.host.mounts.table();
    if (table.some((entry) => entry.mountPoint.startsWith(`${root}/`))) return 'in-use';
    if (!table.some((entry) => entry.mountPoint === root)) return 'released';
    try {
      await deps.host.mounts.unmount(root);
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') throw error;
      // Somebody works below it: it is theirs to leave.
      if (deps.clock.elapsed() > deadline) return 'in-use';
      await sleep(deps.clock, RELEASE.lookAgainMs, 'deadline', NEVER);
    }
  }
}
