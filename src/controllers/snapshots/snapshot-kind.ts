// VolumeSnapshot: one claim, one content.
import type { VolumeSnapshot, VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, volumeSnapshotContents, volumeSnapshots } from '#api/resources.ts';
import {
  BEING_DELETED,
  CONTENT_FINALIZER,
  contentNameOf,
  DEFAULT_SNAPSHOT_CLASS,
  DELETION_SECRET_NAME,
  DELETION_SECRET_NAMESPACE,
  SNAPSHOT_BOUND_FINALIZER,
  SNAPSHOT_SOURCE_FINALIZER,
} from '#rules/snapshot-names.ts';
import { parseSnapshotParameters } from '#rules/snapshot-parameters.ts';
import { BY_SNAPSHOT, restoredFrom } from './deps.ts';
import type { SnapshotKind } from './kind.ts';
import { sourceOfClaim, SourceUnfit } from './sources.ts';
import { isSameStatus, snapshotStatus } from './status.ts';
import { contentFacts, snapshotFacts } from './view.ts';

export const snapshotKind: SnapshotKind<VolumeSnapshot, VolumeSnapshotContent> = {
  type: volumeSnapshots,
  contentType: volumeSnapshotContents,
  finalizers: [SNAPSHOT_SOURCE_FINALIZER, SNAPSHOT_BOUND_FINALIZER],
  contentFinalizer: CONTENT_FINALIZER,
  beingDeleted: BEING_DELETED,
  word: 'Snapshot',
  informer: ({ caches }) => caches.snapshots,
  contentInformer: ({ caches }) => caches.contents,
  facts: snapshotFacts,
  contentFacts,
  contentName: ({ metadata, spec }) => spec.source.volumeSnapshotContentName ?? contentNameOf(metadata.uid),
  *classes({ caches }) {
    for (const { metadata, driver, deletionPolicy, parameters = {} } of caches.classes.list()) {
      const isDefault = metadata.annotations?.[DEFAULT_SNAPSHOT_CLASS] === 'true';
      yield { name: metadata.name, driver, deletionPolicy, parameters, isDefault };
    }
  },
  withClass: (snapshot, volumeSnapshotClassName) => ({
    ...snapshot,
    spec: { ...snapshot.spec, volumeSnapshotClassName },
  }),
  withMetadata: (snapshot, changes) => ({ ...snapshot, metadata: { ...snapshot.metadata, ...changes } }),
  contentWithMetadata: (content, changes) => ({ ...content, metadata: { ...content.metadata, ...changes } }),
  boundContent({ metadata, spec: { volumeSnapshotClassName: className } }, content) {
    const { spec } = content;
    const volumeSnapshotRef = { ...spec.volumeSnapshotRef, uid: metadata.uid };
    const isClassless = (spec.volumeSnapshotClassName ?? '') === '' && className !== undefined;
    const named = isClassless ? { volumeSnapshotClassName: className } : {};
    return { ...content, spec: { ...spec, ...named, volumeSnapshotRef } };
  },
  published(_deps, snapshot, content) {
    const status = snapshotStatus(snapshot, content);
    return isSameStatus(snapshot.status, status) ? snapshot : { ...snapshot, status };
  },
  withError: (snapshot, error) => ({ ...snapshot, status: { ...snapshot.status, error, readyToUse: false } }),
  errorOf: ({ status }) => status?.error?.message,
  progressOf: ({ status }) => ({
    isCreated: status?.creationTime !== undefined,
    isReady: status?.readyToUse === true,
  }),
  async sources({ api }, { metadata, spec }, signal) {
    const name = spec.source.persistentVolumeClaimName ?? '';
    return [await sourceOfClaim(api, { namespace: metadata.namespace ?? '', name }, signal)];
  },
  newContent({ snapshot, sources: [source], snapshotClass, annotations }) {
    if (source === undefined) throw new SourceUnfit('it has no source');
    const { uid, namespace, name } = snapshot.metadata;
    return {
      metadata: { name: contentNameOf(uid), finalizers: [CONTENT_FINALIZER], annotations },
      spec: {
        deletionPolicy: snapshotClass.deletionPolicy,
        driver: snapshotClass.driver,
        source: { volumeHandle: source.handle },
        sourceVolumeMode: source.volume.spec?.volumeMode ?? 'Filesystem',
        volumeSnapshotClassName: snapshotClass.name,
        volumeSnapshotRef: {
          apiVersion: 'snapshot.storage.k8s.io/v1',
          kind: 'VolumeSnapshot',
          namespace,
          name,
          uid,
        },
      },
    };
  },
  secretAnnotations({ name, parameters }, { metadata }) {
    const parsed = parseSnapshotParameters(parameters, {
      contentName: contentNameOf(metadata.uid),
      snapshotName: metadata.name,
      snapshotNamespace: metadata.namespace ?? '',
    });
    if (parsed.kind === 'refused')
      return { refused: `Cannot use VolumeSnapshotClass "${name}": ${parsed.because}` };
    const secret = parsed.parameters.secrets.snapshotter;
    if (secret === undefined) return {};
    return { [DELETION_SECRET_NAME]: secret.name, [DELETION_SECRET_NAMESPACE]: secret.namespace };
  },
  neededBy({ caches }, snapshot) {
    const waiting = caches.claims
      .byIndex(BY_SNAPSHOT, keyOf(snapshot))
      .find((claim) => (claim.spec?.volumeName ?? '') === '');
    return waiting === undefined ? undefined : `claim ${keyOf(waiting)}`;
  },
  async neededByLive({ api, gates }, snapshot, signal) {
    const { namespace = '' } = snapshot.metadata;
    // Only that gate lets claims of other namespaces be filled from it.
    const query = gates.CrossNamespaceVolumeDataSource ? {} : { namespace };
    const { items } = await api.list(persistentVolumeClaims, query, signal);
    const waiting = items.find(
      (claim) => restoredFrom(claim) === keyOf(snapshot) && (claim.spec?.volumeName ?? '') === '',
    );
    return waiting === undefined ? undefined : `claim ${keyOf(waiting)}`;
  },
};
