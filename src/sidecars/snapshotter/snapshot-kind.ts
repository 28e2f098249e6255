// VolumeSnapshotContent and the Controller service's calls for it.
import type { VolumeSnapshotContent, VolumeSnapshotContentStatus } from '#api/generated/snapshot-v1.ts';
import { volumeSnapshotClasses, volumeSnapshotContents } from '#api/resources.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { GoogleTimestamp, Snapshot } from '#csi/generated/csi.ts';
import {
  BEING_CREATED,
  CONTENT_FINALIZER,
  DELETION_SECRET_NAME,
  DELETION_SECRET_NAMESPACE,
  snapshotNameOf,
} from '#rules/snapshot-names.ts';
import { handleOf, proveSnapshotDeletable } from '#rules/snapshot-proofs.ts';
import type { ContentKind } from './content-kind.ts';
import { snapshotContentView } from './view.ts';

export const snapshotKind: ContentKind<VolumeSnapshotContent, VolumeSnapshotContentStatus> = {
  type: volumeSnapshotContents,
  finalizer: CONTENT_FINALIZER,
  beingCreated: BEING_CREATED,
  secretUse: 'snapshotter',
  lookupSecretUse: 'snapshotter-list',
  deletionSecret: { name: DELETION_SECRET_NAME, namespace: DELETION_SECRET_NAMESPACE },
  reasons: {
    create: 'SnapshotCreationFailed',
    check: 'SnapshotContentCheckandUpdateFailed',
    delete: 'SnapshotDeleteError',
  },
  informer: ({ caches }) => caches.contents,
  driverOf: ({ spec }) => spec.driver,
  view: snapshotContentView,
  reference: ({ spec: { volumeSnapshotRef: ref } }) => ({
    name: ref.name ?? '',
    namespace: ref.namespace ?? '',
    uid: ref.uid ?? '',
  }),
  classNameOf: ({ spec }) => spec.volumeSnapshotClassName ?? '',
  async classOf({ api }, { spec }, signal) {
    const className = spec.volumeSnapshotClassName ?? '';
    if (className === '') return undefined;
    const found = await api.find(volumeSnapshotClasses, { name: className }, signal);
    return found === undefined ? undefined : { className, parameters: found.parameters ?? {} };
  },
  withStatus: (content, status) => ({ ...content, status: { ...content.status, ...status } }),
  withMetadata: (content, changes) => ({ ...content, metadata: { ...content.metadata, ...changes } }),
  errorOf: ({ status }) => status?.error,
  async create({ deps, secrets, signal }, content, parameters) {
    const { snapshot } = await deps.driver.connection.controller.createSnapshot(
      {
        name: snapshotNameOf(content.spec.volumeSnapshotRef.uid ?? ''),
        sourceVolumeId: content.spec.source.volumeHandle ?? '',
        parameters,
        secrets,
      },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
    if (snapshot === null) throw new CsiError('INTERNAL', 'the driver answered without a snapshot');
    return statusFrom(snapshot);
  },
  async check({ deps, secrets, signal }, content) {
    const { driver, callTimeoutMs: timeoutMs } = deps;
    const snapshotId = handleOf(content);
    // SNS20: what cannot be asked is believed.
    if (!driver.controllerCapabilities.has('LIST_SNAPSHOTS'))
      return { snapshotHandle: snapshotId, readyToUse: true };
    const { entries } = await driver.connection.controller.listSnapshots(
      { snapshotId, secrets },
      { timeoutMs, signal },
    );
    const found = entries.find(({ snapshot }) => snapshot?.snapshotId === snapshotId)?.snapshot;
    return found === null || found === undefined ? undefined : statusFrom(found);
  },
  prove: ({ live, driver }, name, signal) =>
    proveSnapshotDeletable(live, { driver: driver.name, name }, signal),
  async delete({ deps, secrets, signal }, { handle }) {
    await deps.driver.connection.controller.deleteSnapshot(
      { snapshotId: handle, secrets },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
  },
};

function statusFrom(snapshot: Snapshot): VolumeSnapshotContentStatus {
  return {
    snapshotHandle: snapshot.snapshotId,
    creationTime: nanosecondsOf(snapshot.creationTime),
    restoreSize: Number(snapshot.sizeBytes),
    readyToUse: snapshot.readyToUse,
    error: undefined,
    ...(snapshot.groupSnapshotId === '' ? {} : { volumeGroupSnapshotHandle: snapshot.groupSnapshotId }),
  };
}

/** Nanoseconds since the epoch as the API has them: more than a number holds exactly, so the last digits are rounded. */
export function nanosecondsOf(time: GoogleTimestamp | null): number {
  return time === null ? 0 : Number(BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanos));
}
