// Growing the file system of a volume that the controller side has grown already: NodeExpandVolume after staging, then
// the claim's status says the new capacity.
import { persistentVolumeClaims } from '#api/resources.ts';
import { type CsiNodeDriver, expandVolume } from '#volumes/csi/csi-volume.ts';
import type { Attachment } from './attachment.ts';
import type { DesiredMount } from './desired-world.ts';
import type { OperationDeps } from './operation-deps.ts';
import type { CsiSource } from './resolved-volume.ts';
import { csiVolumeOf, identityOf } from './stage-operation.ts';

/** Does nothing when the volume has its size or the driver does not expand on nodes. */
export async function expandIfNeeded(
  deps: OperationDeps,
  mount: DesiredMount & { readonly source: CsiSource },
  made: { readonly driver: CsiNodeDriver; readonly attachment: Attachment | undefined },
): Promise<void> {
  const { expandTo } = mount.source;
  if (expandTo === undefined || mount.source.readOnly || !made.driver.capabilities.has('EXPAND_VOLUME'))
    return;
  const { stagePath, needsStage } = identityOf(deps, mount.source, made);
  await expandVolume(made.driver, {
    volume: csiVolumeOf(mount.source, made, mount),
    volumePath: needsStage ? stagePath : mount.target,
    stagePath: needsStage ? stagePath : '',
    requiredBytes: expandTo.bytes,
    secrets: mount.source.expandSecrets,
  });
  const { namespace, claim: name } = expandTo;
  const claim = await deps.api.find(persistentVolumeClaims, { namespace, name });
  if (claim === undefined) return;
  const resizing = ['FileSystemResizePending', 'Resizing'];
  await deps.api.updateStatus(persistentVolumeClaims, {
    ...claim,
    status: {
      ...claim.status,
      capacity: { ...claim.status?.capacity, storage: expandTo.quantity },
      allocatedResourceStatuses: undefined,
      conditions: claim.status?.conditions?.filter(({ type }) => !resizing.includes(type)),
    },
  });
}
