// Names that the snapshot controller and the snapshotter sidecar share with external-snapshotter: finalizers,
// annotations, class parameters and the names of what is made. Either side can be the stock one.
import { sha256Hex } from '#base/sha256.ts';

const SNAPSHOT = 'snapshot.storage.kubernetes.io';
const GROUP = 'groupsnapshot.storage.kubernetes.io';

/** On a content until its backend is deleted or kept on purpose. */
export const CONTENT_FINALIZER = `${SNAPSHOT}/volumesnapshotcontent-bound-protection`;
export const GROUP_CONTENT_FINALIZER = `${GROUP}/volumegroupsnapshotcontent-bound-protection`;
/** On a snapshot while it has a content. */
export const SNAPSHOT_BOUND_FINALIZER = `${SNAPSHOT}/volumesnapshot-bound-protection`;
/** On a snapshot while a claim may be restored from it. */
export const SNAPSHOT_SOURCE_FINALIZER = `${SNAPSHOT}/volumesnapshot-as-source-protection`;
/** On a snapshot that is a member of a group. */
export const SNAPSHOT_IN_GROUP_FINALIZER = `${GROUP}/volumesnapshot-in-group-protection`;
export const GROUP_BOUND_FINALIZER = `${GROUP}/volumegroupsnapshot-bound-protection`;
/** On a claim while a snapshot of it is being made. */
export const CLAIM_SOURCE_FINALIZER = `${SNAPSHOT}/pvc-as-source-protection`;

/** On a content whose snapshot is being deleted: the sidecar may delete the backend. */
export const BEING_DELETED = `${SNAPSHOT}/volumesnapshot-being-deleted`;
export const GROUP_BEING_DELETED = `${GROUP}/volumegroupsnapshot-being-deleted`;
/** On a content for which CreateSnapshot has perhaps been called and the handle is not stored. */
export const BEING_CREATED = `${SNAPSHOT}/volumesnapshot-being-created`;
export const GROUP_BEING_CREATED = `${GROUP}/volumegroupsnapshot-being-created`;
/** The value of those annotations. */
export const YES = 'yes';
/** Holdfast's own: the parameters of the first CreateSnapshot, so that every later one has the same. */
export const CREATION_PARAMETERS = 'holdfast.dev/creation-parameters';

export const DELETION_SECRET_NAME = `${SNAPSHOT}/deletion-secret-name`;
export const DELETION_SECRET_NAMESPACE = `${SNAPSHOT}/deletion-secret-namespace`;
export const GROUP_DELETION_SECRET_NAME = `${GROUP}/deletion-secret-name`;
export const GROUP_DELETION_SECRET_NAMESPACE = `${GROUP}/deletion-secret-namespace`;
export const DEFAULT_SNAPSHOT_CLASS = `${SNAPSHOT}/is-default-class`;
export const DEFAULT_GROUP_SNAPSHOT_CLASS = `${GROUP}/is-default-class`;
/** On the content of a group's member: the group's handle. Such a snapshot goes with its group only. */
export const GROUP_HANDLE = `${GROUP}/volumeGroupSnapshotHandle`;

export const contentNameOf = (snapshotUid: string): string => `snapcontent-${snapshotUid}`;
/** The CSI name of a snapshot. */
export const snapshotNameOf = (snapshotUid: string): string => `snapshot-${snapshotUid}`;
export const groupContentNameOf = (groupUid: string): string => `groupsnapcontent-${groupUid}`;
export const groupSnapshotNameOf = (groupUid: string): string => `groupsnapshot-${groupUid}`;

const memberHash = (groupContentUid: string, volumeHandle: string): string =>
  sha256Hex(groupContentUid + volumeHandle);
export const memberSnapshotName = (groupContentUid: string, volumeHandle: string): string =>
  `snapshot-${memberHash(groupContentUid, volumeHandle)}`;
export const memberContentName = (groupContentUid: string, volumeHandle: string): string =>
  `snapcontent-${memberHash(groupContentUid, volumeHandle)}`;
