// VolumeGroupSnapshotContent and the GroupController service's calls for it.
import { formatTime } from '#base/clock.ts';
import type {
  VolumeGroupSnapshotContent,
  VolumeGroupSnapshotContentStatus,
} from '#api/generated/groupsnapshot-v1.ts';
import { volumeGroupSnapshotClasses, volumeGroupSnapshotContents } from '#api/resources.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { VolumeGroupSnapshot } from '#csi/generated/csi.ts';
import {
  GROUP_BEING_CREATED,
  GROUP_CONTENT_FINALIZER,
  GROUP_DELETION_SECRET_NAME,
  GROUP_DELETION_SECRET_NAMESPACE,
  groupSnapshotNameOf,
} from '#rules/snapshot-names.ts';
import { groupHandleOf, proveGroupDeletable } from '#rules/snapshot-proofs.ts';
import type { ContentKind } from './content-kind.ts';
import { nanosecondsOf } from './snapshot-kind.ts';
import { groupContentView } from './view.ts';

export const groupKind: ContentKind<VolumeGroupSnapshotContent, VolumeGroupSnapshotContentStatus> = {
  type: volumeGroupSnapshotContents,
  finalizer: GROUP_CONTENT_FINALIZER,
  beingCreated: GROUP_BEING_CREATED,
  secretUse: 'group-snapshotter',
  lookupSecretUse: 'group-snapshotter-get',
  deletionSecret: { name: GROUP_DELETION_SECRET_NAME, namespace: GROUP_DELETION_SECRET_NAMESPACE },
  reasons: {
    create: 'GroupSnapshotCreationFailed',
    check: 'GroupSnapshotContentCheckandUpdateFailed',
    delete: 'GroupSnapshotDeleteError',
  },
  informer: ({ caches }) => caches.groupContents,
  driverOf: ({ spec }) => spec.driver,
  view: groupContentView,
  reference: ({ spec: { volumeGroupSnapshotRef: ref } }) => ({
    name: ref.name ?? '',
    namespace: ref.namespace ?? '',
    uid: ref.uid ?? '',
  }),
  classNameOf: ({ spec }) => spec.volumeGroupSnapshotClassName ?? '',
  async classOf({ api }, { spec }, signal) {
    const className = spec.volumeGroupSnapshotClassName ?? '';
    if (className === '') return undefined;
    const found = await api.find(volumeGroupSnapshotClasses, { name: className }, signal);
    return found === undefined ? undefined : { className, parameters: found.parameters ?? {} };
  },
  withStatus: (content, status) => ({ ...content, status: { ...content.status, ...status } }),
  withMetadata: (content, changes) => ({ ...content, metadata: { ...content.metadata, ...changes } }),
  errorOf: ({ status }) => status?.error,
  async create({ deps, secrets, signal }, content, parameters) {
    const { groupSnapshot } = await deps.driver.connection.groupController.createVolumeGroupSnapshot(
      {
        name: groupSnapshotNameOf(content.spec.volumeGroupSnapshotRef.uid ?? ''),
        sourceVolumeIds: content.spec.source.volumeHandles ?? [],
        parameters,
        secrets,
      },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
    if (groupSnapshot === null)
      throw new CsiError('INTERNAL', 'the driver answered without a group snapshot');
    return statusFrom(groupSnapshot);
  },
  async check({ deps, secrets, signal }, content) {
    try {
      const { groupSnapshot } = await deps.driver.connection.groupController.getVolumeGroupSnapshot(
        {
          groupSnapshotId: groupHandleOf(content),
          snapshotIds: content.spec.source.groupSnapshotHandles?.volumeSnapshotHandles ?? [],
          secrets,
        },
        { timeoutMs: deps.callTimeoutMs, signal },
      );
      return groupSnapshot === null ? undefined : statusFrom(groupSnapshot);
    } catch (error) {
      if (error instanceof CsiError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  },
  prove: ({ live, driver }, name, signal) => proveGroupDeletable(live, { driver: driver.name, name }, signal),
  async delete({ deps, secrets, signal }, { handle, members }) {
    await deps.driver.connection.groupController.deleteVolumeGroupSnapshot(
      { groupSnapshotId: handle, snapshotIds: members, secrets },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
  },
};

function statusFrom(group: VolumeGroupSnapshot): VolumeGroupSnapshotContentStatus {
  return {
    volumeGroupSnapshotHandle: group.groupSnapshotId,
    readyToUse: group.readyToUse,
    error: undefined,
    ...(group.creationTime === null
      ? {}
      : { creationTime: formatTime(nanosecondsOf(group.creationTime) / 1_000_000) }),
    volumeSnapshotInfoList: group.snapshots.map((one) => ({
      volumeHandle: one.sourceVolumeId,
      snapshotHandle: one.snapshotId,
      creationTime: nanosecondsOf(one.creationTime),
      readyToUse: one.readyToUse,
      restoreSize: Number(one.sizeBytes),
    })),
  };
}
