// Publishing and unpublishing one volume in one pod: the record first, then the effect, then a look at the mount table.
import { CsiError } from '#csi/csi-error.ts';
import { checkAnswers } from '#volumes/answering.ts';
import { appliesFsGroup } from '#volumes/csi/access-mode.ts';
import { type CsiNodeDriver, publishVolume, unpublishVolume } from '#volumes/csi/csi-volume.ts';
import { mountsAt } from '#volumes/mount-table.ts';
import type { UnmountProof } from '#volumes/unmount-proof.ts';
import { type PublishedVolume, VolumeError } from '#volumes/volume-type.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import type { Attachment } from './attachment.ts';
import type { DesiredMount } from './desired-world.ts';
import { type PublishRecord, type StagedIdentity, seenMount } from './mount-record.ts';
import type { OperationDeps } from './operation-deps.ts';
import type { CsiSource } from './resolved-volume.ts';
import { csiVolumeOf, identityOf } from './stage-operation.ts';
import { removePublishData, writePublishData } from '#volumes/csi/vol-data.ts';

interface CsiBacking {
  readonly driver: CsiNodeDriver;
  readonly attachment: Attachment | undefined;
}

function startingRecord(mount: DesiredMount, bootId: string, csi: StagedIdentity | undefined): PublishRecord {
  return {
    kind: 'publish',
    key: mount.key,
    podUid: mount.pod.uid,
    podNamespace: mount.pod.namespace,
    podName: mount.pod.name,
    type: mount.type,
    target: mount.target,
    hostPath: mount.target,
    isMount: false,
    csi,
    bootId,
    phase: 'starting',
    seen: undefined,
  };
}

/** Publishes a local volume, or writes its changed content again. */
export async function publishLocal(deps: OperationDeps, mount: DesiredMount): Promise<void> {
  const { records, bootId } = deps;
  const before = records.publish(mount.key);
  // New content in a volume that stands: no mount is made, so its record holds.
  if (before?.phase !== 'done') await records.save(startingRecord(mount, bootId, undefined));
  const published = await publishSource(deps, mount);
  await finish(deps, startingRecord(mount, bootId, undefined), published);
}

function publishSource({ local }: OperationDeps, mount: DesiredMount): Promise<PublishedVolume> {
  const { pod, target, source, group } = mount;
  switch (source.type) {
    case 'empty-dir':
      return local['empty-dir'].publish({ pod, target, group, source });
    case 'host-path':
      return local['host-path'].publish({ pod, target, group, source });
    case 'configmap':
      return local.configmap.publish({ pod, target, group, source });
    case 'secret':
      return local.secret.publish({ pod, target, group, source });
    case 'projected':
      return local.projected.publish({ pod, target, group, source });
    case 'downward-api':
      return local['downward-api'].publish({ pod, target, group, source });
    case 'csi':
      throw new VolumeError('unsupported', `Volume "${mount.volumeName}" is no local volume`);
  }
}

/** Reads the mount table and writes what was seen; a mount that should be there and is not is an error. */
async function finish(deps: OperationDeps, record: PublishRecord, published: PublishedVolume): Promise<void> {
  const top = (await mountsAt(deps.host, record.target)).at(-1);
  if (published.isMount && top === undefined) {
    throw new VolumeError(
      'mismatch',
      `Nothing is mounted at "${record.target}" although the mount succeeded`,
    );
  }
  const seen = published.isMount ? seenMount(top) : undefined;
  const done: PublishRecord = { ...record, ...published, phase: 'done', seen };
  const before = deps.records.publish(record.key);
  if (JSON.stringify(before) !== JSON.stringify(done)) await deps.records.save(done);
}

/** NodePublishVolume into the pod, then ownership, then the check of what appeared. */
export async function publishCsi(
  deps: OperationDeps,
  mount: DesiredMount & { readonly source: CsiSource },
  made: CsiBacking,
): Promise<void> {
  const { records, files, bootId, nodeName, tree } = deps;
  const { source } = mount;
  const csi = identityOf(deps, source, made);
  const record = startingRecord(mount, bootId, csi);
  const before = records.publish(mount.key);
  const volumeDirectory = deps.paths.volume(mount.pod.uid, 'csi', source.persistentVolume);
  const attachmentId = attachmentName({ driver: source.driver, volumeHandle: source.handle }, nodeName);
  await Promise.all([
    records.save(record),
    writePublishData(files, volumeDirectory, { csi, nodeName, attachmentId }),
  ]);
  try {
    await publishVolume(deps, made.driver, {
      volume: csiVolumeOf(source, made, mount),
      stagePath: csi.needsStage ? csi.stagePath : '',
      target: mount.target,
      secrets: source.publishSecrets,
      podContext: source.podInfoOnMount ? podContext(mount, source.lifecycle) : {},
    });
  } catch (error) {
    if (before === undefined && error instanceof CsiError && error.certainty === 'final') {
      // Proved: nothing was mounted. The metadata goes only now (k/k PR#138063).
      await forget(deps, record);
    }
    throw error;
  }
  if (mount.group !== undefined && ownsGroup(source, made.driver)) {
    await checkAnswers(deps.host, mount.target);
    await tree.giveToGroup(mount.target, mount.group);
  }
  const isMount = source.mode === 'Filesystem' || (await isMountedDevice(deps, mount.target));
  await finish(deps, record, { hostPath: mount.target, isMount });
}

/** A driver may bind a device node to the target or make one: a block device must stand there, or it is no success. */
async function isMountedDevice({ tree, host }: OperationDeps, target: string): Promise<boolean> {
  const kind = await tree.kind(target);
  if (kind !== 'block') {
    throw new VolumeError(
      'mismatch',
      `At "${target}" is ${kind ?? 'nothing'} although the publish succeeded: a block device is needed`,
    );
  }
  return (await mountsAt(host, target)).length > 0;
}

function ownsGroup(source: CsiSource, driver: CsiNodeDriver): boolean {
  if (source.mode === 'Block' || driver.capabilities.has('VOLUME_MOUNT_GROUP')) return false;
  const { fsGroupPolicy: policy, fsType, accessModes, readOnly } = source;
  return appliesFsGroup({ policy, fsType, accessModes, readOnly });
}

function podContext(
  { pod }: DesiredMount,
  lifecycle: CsiSource['lifecycle'],
): Readonly<Record<string, string>> {
  return {
    'csi.storage.k8s.io/pod.name': pod.name,
    'csi.storage.k8s.io/pod.namespace': pod.namespace,
    'csi.storage.k8s.io/pod.uid': pod.uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.serviceAccountName,
    'csi.storage.k8s.io/ephemeral': String(lifecycle === 'Ephemeral'),
  };
}

/** Takes a volume out of a pod. The driver is asked even when the target is missing: only it knows what it did. */
export async function unpublish(
  deps: OperationDeps,
  record: PublishRecord,
  by: { readonly driver: CsiNodeDriver | undefined; readonly proof: UnmountProof },
): Promise<void> {
  const { driver, proof } = by;
  const { records, host, local } = deps;
  if (record.phase !== 'stopping') await records.save({ ...record, phase: 'stopping' });
  if (record.csi !== undefined) {
    if (driver === undefined)
      throw new VolumeError('missing', `Driver "${record.csi.driver}" is not registered`);
    await unpublishVolume(driver, { handle: record.csi.handle, target: record.target }, proof);
  } else if (record.type !== 'csi') {
    await local[record.type].unpublish(record.target, proof);
  }
  if (record.type !== 'host-path' && (await mountsAt(host, record.target)).length > 0) {
    throw new VolumeError('mismatch', `"${record.target}" is still mounted although it was taken down`);
  }
  await forget(deps, record);
}

/** Removes the empty target, the metadata, and last the record. */
async function forget(deps: OperationDeps, record: PublishRecord): Promise<void> {
  const { records, files, tree, paths } = deps;
  if (record.csi !== undefined) {
    const kind = await tree.kind(record.target);
    if (kind === 'directory') await tree.removeDirectory(record.target);
    else if (kind !== undefined) await tree.unlink(record.target);
    await removePublishData(files, paths.volume(record.podUid, 'csi', record.csi.persistentVolume));
  }
  await records.remove(record);
}
