// VolumeGroupSnapshot: the claims of a namespace that a selector selects, one content, and a member for each volume.
// Rule SNC31 is carried out here too.
import type { VolumeGroupSnapshot, VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import {
  persistentVolumeClaims,
  volumeGroupSnapshotContents,
  volumeGroupSnapshots,
  volumeSnapshots,
} from '#api/resources.ts';
import {
  DEFAULT_GROUP_SNAPSHOT_CLASS,
  GROUP_BEING_DELETED,
  GROUP_BOUND_FINALIZER,
  GROUP_CONTENT_FINALIZER,
  GROUP_DELETION_SECRET_NAME,
  GROUP_DELETION_SECRET_NAMESPACE,
  groupContentNameOf,
} from '#rules/snapshot-names.ts';
import { parseSnapshotParameters } from '#rules/snapshot-parameters.ts';
import { BY_GROUP } from './deps.ts';
import type { SnapshotKind } from './kind.ts';
import { areMembersThere } from './members.ts';
import { selects, type Source, sourceOf, SourceUnfit } from './sources.ts';
import { groupStatus, isSameStatus } from './status.ts';
import { groupContentFacts, groupFacts } from './view.ts';

export const groupKind: SnapshotKind<VolumeGroupSnapshot, VolumeGroupSnapshotContent> = {
  type: volumeGroupSnapshots,
  contentType: volumeGroupSnapshotContents,
  finalizers: [GROUP_BOUND_FINALIZER],
  contentFinalizer: GROUP_CONTENT_FINALIZER,
  beingDeleted: GROUP_BEING_DELETED,
  word: 'GroupSnapshot',
  informer: ({ caches }) => caches.groups,
  contentInformer: ({ caches }) => caches.groupContents,
  facts: groupFacts,
  contentFacts: groupContentFacts,
  contentName: ({ metadata, spec }) =>
    spec.source.volumeGroupSnapshotContentName ?? groupContentNameOf(metadata.uid),
  *classes({ caches }) {
    for (const { metadata, driver, deletionPolicy, parameters = {} } of caches.groupClasses.list()) {
      const isDefault = metadata.annotations?.[DEFAULT_GROUP_SNAPSHOT_CLASS] === 'true';
      yield { name: metadata.name, driver, deletionPolicy, parameters, isDefault };
    }
  },
  withClass: (group, volumeGroupSnapshotClassName) => ({
    ...group,
    spec: { ...group.spec, volumeGroupSnapshotClassName },
  }),
  withMetadata: (group, changes) => ({ ...group, metadata: { ...group.metadata, ...changes } }),
  contentWithMetadata: (content, changes) => ({ ...content, metadata: { ...content.metadata, ...changes } }),
  boundContent({ metadata, spec: { volumeGroupSnapshotClassName: className } }, content) {
    const { spec } = content;
    const volumeGroupSnapshotRef = { ...spec.volumeGroupSnapshotRef, uid: metadata.uid };
    const isClassless = (spec.volumeGroupSnapshotClassName ?? '') === '' && className !== undefined;
    const named = isClassless ? { volumeGroupSnapshotClassName: className } : {};
    return { ...content, spec: { ...spec, ...named, volumeGroupSnapshotRef } };
  },
  published({ caches }, group, content) {
    const members = caches.snapshots.byIndex(BY_GROUP, group.metadata.uid);
    const status = groupStatus(content, areMembersThere(content, members));
    return isSameStatus(group.status, status) ? group : { ...group, status };
  },
  withError: (group, error) => ({ ...group, status: { ...group.status, error, readyToUse: false } }),
  errorOf: ({ status }) => status?.error?.message,
  progressOf: ({ status }) => ({
    isCreated: status?.creationTime !== undefined,
    isReady: status?.readyToUse === true,
  }),
  async sources({ api }, group, signal) {
    const { namespace = '' } = group.metadata;
    const { items } = await api.list(persistentVolumeClaims, { namespace }, signal);
    const selected = items.filter((claim) => selects(group, claim));
    if (selected.length === 0) throw new SourceUnfit('the selector selects no claim of the namespace');
    const sources: Source[] = [];
    for (const claim of selected) sources.push(await sourceOf(api, claim, signal));
    return sources;
  },
  newContent({ snapshot: group, sources, snapshotClass, annotations }) {
    const { uid, namespace, name } = group.metadata;
    return {
      metadata: { name: groupContentNameOf(uid), finalizers: [GROUP_CONTENT_FINALIZER], annotations },
      spec: {
        deletionPolicy: snapshotClass.deletionPolicy,
        driver: snapshotClass.driver,
        source: { volumeHandles: sources.map(({ handle }) => handle).toSorted() },
        volumeGroupSnapshotClassName: snapshotClass.name,
        volumeGroupSnapshotRef: {
          apiVersion: 'groupsnapshot.storage.k8s.io/v1',
          kind: 'VolumeGroupSnapshot',
          namespace,
          name,
          uid,
        },
      },
    };
  },
  secretAnnotations({ name, parameters }, { metadata }) {
    const parsed = parseSnapshotParameters(parameters, {
      contentName: groupContentNameOf(metadata.uid),
      snapshotName: metadata.name,
      snapshotNamespace: metadata.namespace ?? '',
    });
    if (parsed.kind === 'refused')
      return { refused: `Cannot use VolumeGroupSnapshotClass "${name}": ${parsed.because}` };
    const secret = parsed.parameters.secrets['group-snapshotter'];
    if (secret === undefined) return {};
    return { [GROUP_DELETION_SECRET_NAME]: secret.name, [GROUP_DELETION_SECRET_NAMESPACE]: secret.namespace };
  },
  neededBy({ caches }, { metadata }) {
    const [member] = caches.snapshots.byIndex(BY_GROUP, metadata.uid);
    return member === undefined ? undefined : `member ${member.metadata.name}`;
  },
  async neededByLive({ api }, { metadata }, signal) {
    const { namespace = '' } = metadata;
    const { items } = await api.list(volumeSnapshots, { namespace }, signal);
    const member = items.find((one) => one.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid));
    return member === undefined ? undefined : `member ${member.metadata.name}`;
  },
};
