// Compares the driver's own list with the VolumeAttachments, each minute (ATC11, ATC12, ATC13): a volume that was detached behind our
// back is published again. Only a reason to call, which is idempotent; the list proves nothing.
import { listAllVolumes } from '#csi/list-volumes.ts';
import type { Outcome } from '#client/outcome.ts';
import { type AttacherDeps, nodeIdOf } from './reconcile.ts';

/** True when the driver can say where its volumes are. */
export function listsPublishedNodes({ driver }: Pick<AttacherDeps, 'driver'>): boolean {
  const can = (capability: string): boolean => driver.controllerCapabilities.has(capability);
  return can('LIST_VOLUMES') && can('LIST_VOLUMES_PUBLISHED_NODES') && can('PUBLISH_UNPUBLISH_VOLUME');
}

/** One look at everything; wakes the attachments that the list contradicts. */
export async function comparePublished(
  deps: AttacherDeps,
  wake: (attachment: string) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  const { driver, caches, callTimeoutMs, suspects } = deps;
  // Before the list: an attachment that ends during it is in no doubt.
  const ours = [...caches.attachments.list()].filter(({ spec }) => spec.attacher === driver.name);
  const listed = await listAllVolumes(driver.connection.controller, { timeoutMs: callTimeoutMs, signal });
  for (const attachment of ours) {
    const { name, deletionTimestamp } = attachment.metadata;
    const volume = caches.volumes.get(attachment.spec.source.persistentVolumeName ?? '');
    const nodeId = nodeIdOf(deps, attachment);
    if (volume?.spec?.csi === undefined || nodeId === undefined || deletionTimestamp !== undefined) continue;
    const nodeIds = listed.get(volume.spec.csi.volumeHandle)?.status?.publishedNodeIds ?? [];
    const isAttached = attachment.status?.attached === true;
    if (isAttached === nodeIds.includes(nodeId)) continue;
    deps.log.warn('the driver lists the volume otherwise than its attachment', {
      attachment: name,
      isAttached,
    });
    if (isAttached) suspects.add(name);
    wake(name);
  }
  return { kind: 'settled' };
}
