// What the controller sees of one snapshot, or of one group of them, and of the content that belongs to it. Both kinds
// have the same shape, so they have the same view and the same decisions.
import type { VolumeGroupSnapshot, VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshot, VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  BEING_DELETED,
  GROUP_BEING_DELETED,
  GROUP_BOUND_FINALIZER,
  SNAPSHOT_BOUND_FINALIZER,
  SNAPSHOT_IN_GROUP_FINALIZER,
  SNAPSHOT_SOURCE_FINALIZER,
} from '#rules/snapshot-names.ts';

export interface SnapshotFacts {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly isDeleting: boolean;
  /** All finalizers that it needs before it has a content. */
  readonly isProtected: boolean;
  /** Any finalizer of ours. */
  readonly hasFinalizer: boolean;
  readonly isDynamic: boolean;
  readonly className: string;
  /** The content that its status names. */
  readonly boundName: string;
  /** Its group keeps it. */
  readonly isKeptByGroup: boolean;
}

export interface ContentFacts {
  readonly name: string;
  readonly refNamespace: string;
  readonly refName: string;
  readonly refUid: string;
  /** Made for a handle that was there before. */
  readonly isPreProvisioned: boolean;
  readonly isDeleting: boolean;
  readonly isBeingDeleted: boolean;
  readonly policy: 'Delete' | 'Retain';
}

export interface SnapshotView {
  readonly snapshot: SnapshotFacts;
  readonly content: ContentFacts | undefined;
  /** What the status would be, as the content says it, differs from what it is. */
  readonly isStatusBehind: boolean;
  /** Who is being restored from it, or for a group which members are left; in words. */
  readonly neededBy: string | undefined;
}

export function snapshotFacts({ metadata, spec, status }: Stored<VolumeSnapshot>): SnapshotFacts {
  const finalizers = metadata.finalizers ?? [];
  const own = [SNAPSHOT_SOURCE_FINALIZER, SNAPSHOT_BOUND_FINALIZER];
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    isDeleting: metadata.deletionTimestamp !== undefined,
    isProtected: own.every((one) => finalizers.includes(one)),
    hasFinalizer: own.some((one) => finalizers.includes(one)),
    isDynamic: spec.source.persistentVolumeClaimName !== undefined,
    className: spec.volumeSnapshotClassName ?? '',
    boundName: status?.boundVolumeSnapshotContentName ?? '',
    isKeptByGroup: finalizers.includes(SNAPSHOT_IN_GROUP_FINALIZER),
  };
}

export function contentFacts({ metadata, spec }: Stored<VolumeSnapshotContent>): ContentFacts {
  const { volumeSnapshotRef: ref, source, deletionPolicy } = spec;
  return {
    name: metadata.name,
    refNamespace: ref.namespace ?? '',
    refName: ref.name ?? '',
    refUid: ref.uid ?? '',
    isPreProvisioned: source.snapshotHandle !== undefined,
    isDeleting: metadata.deletionTimestamp !== undefined,
    isBeingDeleted: metadata.annotations?.[BEING_DELETED] !== undefined,
    policy: deletionPolicy,
  };
}

export function groupFacts({ metadata, spec, status }: Stored<VolumeGroupSnapshot>): SnapshotFacts {
  const isProtected = (metadata.finalizers ?? []).includes(GROUP_BOUND_FINALIZER);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    isDeleting: metadata.deletionTimestamp !== undefined,
    isProtected,
    hasFinalizer: isProtected,
    isDynamic: spec.source.selector !== undefined,
    className: spec.volumeGroupSnapshotClassName ?? '',
    boundName: status?.boundVolumeGroupSnapshotContentName ?? '',
    isKeptByGroup: false,
  };
}

export function groupContentFacts({ metadata, spec }: Stored<VolumeGroupSnapshotContent>): ContentFacts {
  const { volumeGroupSnapshotRef: ref, source, deletionPolicy } = spec;
  return {
    name: metadata.name,
    refNamespace: ref.namespace ?? '',
    refName: ref.name ?? '',
    refUid: ref.uid ?? '',
    isPreProvisioned: source.groupSnapshotHandles !== undefined,
    isDeleting: metadata.deletionTimestamp !== undefined,
    isBeingDeleted: metadata.annotations?.[GROUP_BEING_DELETED] !== undefined,
    policy: deletionPolicy,
  };
}
