// What the snapshotter sees of one content, of a snapshot or of a group: plain data, no live object escapes.
import type { VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import {
  BEING_CREATED,
  BEING_DELETED,
  CONTENT_FINALIZER,
  GROUP_BEING_CREATED,
  GROUP_BEING_DELETED,
  GROUP_CONTENT_FINALIZER,
} from '#rules/snapshot-names.ts';
import { groupHandleOf, groupOfContent, handleOf } from '#rules/snapshot-proofs.ts';

export interface ContentView {
  readonly isDeleting: boolean;
  readonly hasFinalizer: boolean;
  readonly isBeingCreated: boolean;
  readonly isBeingDeleted: boolean;
  /** Its reference names a snapshot by UID. */
  readonly isBound: boolean;
  readonly policy: 'Delete' | 'Retain';
  /** `volume`: to be made; `handle`: it exists already. */
  readonly source: 'volume' | 'handle';
  readonly hasHandle: boolean;
  readonly isReady: boolean;
  /** A member of a group goes with its group. */
  readonly isMember: boolean;
}

const has = (list: readonly string[] | undefined, name: string): boolean => (list ?? []).includes(name);

export function snapshotContentView(content: VolumeSnapshotContent): ContentView {
  const { metadata, spec, status } = content;
  return {
    isDeleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: has(metadata.finalizers, CONTENT_FINALIZER),
    isBeingCreated: metadata.annotations?.[BEING_CREATED] !== undefined,
    isBeingDeleted: metadata.annotations?.[BEING_DELETED] !== undefined,
    isBound: (spec.volumeSnapshotRef.uid ?? '') !== '',
    policy: spec.deletionPolicy,
    source: spec.source.volumeHandle === undefined ? 'handle' : 'volume',
    hasHandle: handleOf(content) !== '',
    isReady: status?.readyToUse === true,
    isMember: groupOfContent(content) !== '',
  };
}

export function groupContentView(content: VolumeGroupSnapshotContent): ContentView {
  const { metadata, spec, status } = content;
  return {
    isDeleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: has(metadata.finalizers, GROUP_CONTENT_FINALIZER),
    isBeingCreated: metadata.annotations?.[GROUP_BEING_CREATED] !== undefined,
    isBeingDeleted: metadata.annotations?.[GROUP_BEING_DELETED] !== undefined,
    isBound: (spec.volumeGroupSnapshotRef.uid ?? '') !== '',
    policy: spec.deletionPolicy,
    source: spec.source.volumeHandles === undefined ? 'handle' : 'volume',
    hasHandle: groupHandleOf(content) !== '',
    isReady: status?.readyToUse === true,
    isMember: false,
  };
}
