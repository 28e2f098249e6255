// The members of a group snapshot: for each volume a content with the handle that the driver gave, and a VolumeSnapshot
// that names it, owned and kept by the group (SNC32, SNC33). Two writes a member, content first; both are found again by
// their names.
// Rule SNC30 is carried out here too.
import type {
  VolumeGroupSnapshot,
  VolumeGroupSnapshotContent,
  VolumeGroupSnapshotContentStatusVolumeSnapshotInfoListItem as Member,
} from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshot } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import { volumeSnapshotContents, volumeSnapshots } from '#api/resources.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import {
  CONTENT_FINALIZER,
  GROUP_HANDLE,
  groupContentNameOf,
  memberContentName,
  memberSnapshotName,
  SNAPSHOT_IN_GROUP_FINALIZER,
} from '#rules/snapshot-names.ts';
import { BY_GROUP, SETTLED, type SnapshotsDeps, wrote } from './deps.ts';

export const membersOf = ({ status }: VolumeGroupSnapshotContent): readonly Member[] =>
  (status?.volumeSnapshotInfoList ?? []).filter((one) => (one.snapshotHandle ?? '') !== '');

const handleOfMember = ({ volumeHandle, snapshotHandle }: Member): string =>
  volumeHandle ?? snapshotHandle ?? '';

/** Every member that the content knows has its VolumeSnapshot. */
export function areMembersThere(
  content: Stored<VolumeGroupSnapshotContent>,
  snapshots: readonly Stored<VolumeSnapshot>[],
): boolean {
  const names = new Set(snapshots.map(({ metadata }) => metadata.name));
  const members = membersOf(content);
  return (
    members.length > 0 &&
    members.every((one) => names.has(memberSnapshotName(content.metadata.uid, handleOfMember(one))))
  );
}

export type MemberStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'make'; readonly member: Member }
  /** The group goes: it keeps its members no longer, and they go too. */
  | { readonly kind: 'end'; readonly snapshot: Stored<VolumeSnapshot> };

/** The next step for the members of one group. Pure. */
export function decideMembers(
  group: Stored<VolumeGroupSnapshot>,
  content: Stored<VolumeGroupSnapshotContent> | undefined,
  snapshots: readonly Stored<VolumeSnapshot>[],
): MemberStep {
  if (group.metadata.deletionTimestamp !== undefined) {
    const left = snapshots.find(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined ||
        (metadata.finalizers ?? []).includes(SNAPSHOT_IN_GROUP_FINALIZER),
    );
    return left === undefined ? { kind: 'none' } : { kind: 'end', snapshot: left };
  }
  const isOwn = content?.spec.volumeGroupSnapshotRef.uid === group.metadata.uid;
  if (content === undefined || !isOwn || content.metadata.deletionTimestamp !== undefined)
    return { kind: 'none' };
  const names = new Set(snapshots.map(({ metadata }) => metadata.name));
  const missing = membersOf(content).find(
    (one) => !names.has(memberSnapshotName(content.metadata.uid, handleOfMember(one))),
  );
  return missing === undefined ? { kind: 'none' } : { kind: 'make', member: missing };
}

/** One pass over the members of a group. */
export async function reconcileMembers(
  deps: SnapshotsDeps,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches } = deps;
  const group = caches.groups.get(key);
  if (group === undefined) return SETTLED;
  const contentName =
    group.spec.source.volumeGroupSnapshotContentName ?? groupContentNameOf(group.metadata.uid);
  const content = caches.groupContents.get(contentName);
  const step = decideMembers(group, content, caches.snapshots.byIndex(BY_GROUP, group.metadata.uid));
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'end':
      return endMember(deps, step.snapshot, signal);
    case 'make':
      return content === undefined
        ? SETTLED
        : makeMember(deps, { group, content, member: step.member }, signal);
  }
}

async function endMember(
  { api, caches }: SnapshotsDeps,
  snapshot: Stored<VolumeSnapshot>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { namespace = '', name, uid, deletionTimestamp, finalizers = [] } = snapshot.metadata;
  if (deletionTimestamp === undefined) {
    // Deleted first: a crash in between leaves it kept, and found again.
    await api.delete(volumeSnapshots, { namespace, name }, { preconditions: { uid } }, signal);
    return { kind: 'progressed' };
  }
  const rest = finalizers.filter((one) => one !== SNAPSHOT_IN_GROUP_FINALIZER);
  const next = { ...snapshot, metadata: { ...snapshot.metadata, finalizers: rest } };
  return wrote(caches.snapshots, await api.update(volumeSnapshots, next, signal));
}

interface NewMember {
  readonly group: Stored<VolumeGroupSnapshot>;
  readonly content: Stored<VolumeGroupSnapshotContent>;
  readonly member: Member;
}

async function makeMember(deps: SnapshotsDeps, of: NewMember, signal: AbortSignal): Promise<Outcome> {
  const { group } = of;
  const { namespace = '', name, uid } = group.metadata;
  const live = await deps.api.find(deps.caches.groups.type, { namespace, name }, signal);
  // A group that goes gets no new members.
  if (live?.metadata.uid !== uid || live.metadata.deletionTimestamp !== undefined) return SETTLED;
  await unlessThere(() => deps.api.create(volumeSnapshotContents, contentOf(deps, of), signal));
  const made = await unlessThere(() => deps.api.create(volumeSnapshots, snapshotOf(of), signal));
  return made === undefined ? { kind: 'progressed' } : wrote(deps.caches.snapshots, made);
}

async function unlessThere<T>(create: () => Promise<T>): Promise<T | undefined> {
  try {
    return await create();
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return undefined;
    throw error;
  }
}

function contentOf({ caches }: SnapshotsDeps, { group, content, member }: NewMember) {
  const { driver, deletionPolicy } = content.spec;
  const handle = handleOfMember(member);
  const volume = [...caches.volumes.list()].find(
    ({ spec }) => spec?.csi?.driver === driver && spec.csi.volumeHandle === member.volumeHandle,
  );
  const mode = volume === undefined ? {} : { sourceVolumeMode: volume.spec?.volumeMode ?? 'Filesystem' };
  return {
    metadata: {
      name: memberContentName(content.metadata.uid, handle),
      finalizers: [CONTENT_FINALIZER],
      annotations: { [GROUP_HANDLE]: content.status?.volumeGroupSnapshotHandle ?? '' },
    },
    spec: {
      deletionPolicy,
      driver,
      source: { snapshotHandle: member.snapshotHandle ?? '' },
      ...mode,
      volumeSnapshotRef: {
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshot',
        namespace: group.metadata.namespace,
        name: memberSnapshotName(content.metadata.uid, handle),
      },
    },
  };
}

function snapshotOf({ group, content, member }: NewMember): VolumeSnapshot {
  const handle = handleOfMember(member);
  return {
    metadata: {
      name: memberSnapshotName(content.metadata.uid, handle),
      namespace: group.metadata.namespace ?? '',
      finalizers: [SNAPSHOT_IN_GROUP_FINALIZER],
      ownerReferences: [
        {
          apiVersion: 'groupsnapshot.storage.k8s.io/v1',
          kind: 'VolumeGroupSnapshot',
          name: group.metadata.name,
          uid: group.metadata.uid,
        },
      ],
    },
    spec: { source: { volumeSnapshotContentName: memberContentName(content.metadata.uid, handle) } },
  };
}
