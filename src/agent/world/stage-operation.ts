// Staging and unstaging one CSI volume: the record first, then the call, then what the answer proves.
import { assert } from '#base/assert.ts';
import { CsiError } from '#csi/csi-error.ts';
import { csiAccessMode } from '#volumes/csi/access-mode.ts';
import { type CsiNodeDriver, type CsiVolume, stageVolume, unstageVolume } from '#volumes/csi/csi-volume.ts';
import { mountsAt } from '#volumes/mount-table.ts';
import type { UnmountProof } from '#volumes/unmount-proof.ts';
import type { Attachment } from './attachment.ts';
import type { DesiredMount } from './desired-world.ts';
import { type StagedIdentity, type StageRecord, seenMount } from './mount-record.ts';
import type { OperationDeps } from './operation-deps.ts';
import { type CsiSource, volumeKey } from './resolved-volume.ts';
import { removeStageData, writeStageData } from '#volumes/csi/vol-data.ts';

/** What records say about a volume of this source. */
export function identityOf(
  { paths }: OperationDeps,
  source: CsiSource,
  made: { readonly driver: CsiNodeDriver; readonly attachment: Attachment | undefined },
): StagedIdentity {
  const { lifecycle, driver, handle, persistentVolume, mode, needsAttach } = source;
  const stagePath = mode === 'Block' ? paths.blockStage(persistentVolume) : paths.stage(driver, handle);
  return {
    lifecycle,
    volume: volumeKey(source),
    driver,
    handle,
    persistentVolume,
    mode,
    needsAttach,
    needsStage: lifecycle === 'Persistent' && made.driver.capabilities.has('STAGE_UNSTAGE_VOLUME'),
    stagePath,
    attachmentUid: made.attachment?.uid,
  };
}

export function csiVolumeOf(
  source: CsiSource,
  made: { readonly driver: CsiNodeDriver; readonly attachment: Attachment | undefined },
  mount: Pick<DesiredMount, 'group'>,
): CsiVolume {
  return {
    handle: source.handle,
    mode: source.mode,
    fsType: source.fsType,
    mountFlags: source.mountFlags,
    accessMode: csiAccessMode(source.accessModes, made.driver.capabilities),
    readOnly: source.readOnly,
    mountGroup: mount.group === undefined ? '' : String(mount.group.gid),
    volumeContext: source.volumeAttributes,
    publishContext: made.attachment?.publishContext ?? {},
  };
}

/** NodeStageVolume for the volume behind `mount`. */
export async function stage(
  deps: OperationDeps,
  mount: DesiredMount & { readonly source: CsiSource },
  made: { readonly driver: CsiNodeDriver; readonly attachment: Attachment | undefined },
): Promise<void> {
  const { records, files, bootId } = deps;
  const csi = identityOf(deps, mount.source, made);
  const before = records.stage(csi.volume);
  const record: StageRecord = {
    kind: 'stage',
    key: csi.volume,
    csi,
    bootId,
    phase: 'starting',
    seen: undefined,
  };
  await Promise.all([records.save(record), writeStageData(files, csi)]);
  try {
    await stageVolume(deps, made.driver, {
      volume: csiVolumeOf(mount.source, made, mount),
      stagePath: csi.stagePath,
      isMounted: (await mountsAt(deps.host, csi.stagePath)).length > 0,
      secrets: mount.source.stageSecrets,
    });
  } catch (error) {
    // A final answer to a first attempt proves that nothing happened; after an unknown one it proves nothing.
    if (before === undefined && error instanceof CsiError && error.certainty === 'final') {
      await forgetStage(deps, record);
    }
    throw error;
  }
  const top = (await mountsAt(deps.host, csi.stagePath)).at(-1);
  await records.save({ ...record, phase: 'done', seen: seenMount(top) });
}

/** NodeUnstageVolume; the record goes only after its confirmed answer. */
export async function unstage(
  deps: OperationDeps,
  record: StageRecord,
  by: { readonly driver: CsiNodeDriver; readonly proof: UnmountProof },
): Promise<void> {
  const { records } = deps;
  const holders = records.publishes().filter((one) => one.csi?.volume === record.key);
  assert(holders.length === 0, 'a volume is unstaged only after each of its mounts was unpublished');
  await records.save({ ...record, phase: 'stopping' });
  const { handle, stagePath } = record.csi;
  await unstageVolume(deps, by.driver, { handle, stagePath, proof: by.proof });
  await forgetStage(deps, record);
}

async function forgetStage(deps: OperationDeps, record: StageRecord): Promise<void> {
  await deps.tree.removeDirectory(record.csi.stagePath);
  await removeStageData(deps.files, record.csi);
  await deps.records.remove(record);
}
