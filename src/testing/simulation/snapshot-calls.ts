// Snapshots and group snapshots of the scripted driver.
import type { Handlers, Sparse } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type {
  ControllerMethods,
  GroupControllerMethods,
  ListSnapshotsRequest,
  ListSnapshotsResponse,
  Snapshot,
} from '#csi/generated/csi.ts';
import type { Backend, BackendSnapshot } from './backend.ts';
import type { DriverTraits } from './traits.ts';

export function snapshotCalls(
  backend: Backend,
  traits: DriverTraits,
  now: () => number,
): Pick<Handlers<ControllerMethods>, 'createSnapshot' | 'deleteSnapshot' | 'getSnapshot'> {
  return {
    createSnapshot: async ({ name, sourceVolumeId }) => {
      const found = [...backend.snapshots.values()].find((s) => s.name === name);
      if (found !== undefined && found.sourceId !== sourceVolumeId) {
        throw new CsiError('ALREADY_EXISTS', `snapshot "${name}" is of volume "${found.sourceId}"`);
      }
      const asked = { name, sourceId: sourceVolumeId, groupId: '', createdAt: now() };
      const snapshot = found ?? take(backend, asked, traits.snapshotPolls);
      if (found !== undefined && found.pollsUntilReady > 0) found.pollsUntilReady--;
      return { snapshot: messageOfSnapshot(snapshot) };
    },
    deleteSnapshot: async ({ snapshotId }) => {
      const snapshot = backend.snapshots.get(snapshotId);
      if (snapshot !== undefined && snapshot.groupId !== '') {
        throw new CsiError(
          'INVALID_ARGUMENT',
          `snapshot "${snapshotId}" is part of group "${snapshot.groupId}"`,
        );
      }
      backend.snapshots.delete(snapshotId);
      return {};
    },
    getSnapshot: async ({ snapshotId }) => {
      const snapshot = backend.snapshots.get(snapshotId);
      if (snapshot === undefined) throw new CsiError('NOT_FOUND', `no snapshot "${snapshotId}"`);
      return { snapshot: messageOfSnapshot(snapshot) };
    },
  };
}

/** The group service. */
export function groupCalls(backend: Backend, now: () => number): Handlers<GroupControllerMethods> {
  const answer = (groupId: string) => {
    const snapshots = [...backend.snapshots.values()].filter((s) => s.groupId === groupId);
    return {
      groupSnapshot: {
        groupSnapshotId: groupId,
        snapshots: snapshots.map(messageOfSnapshot),
        creationTime: timestamp(snapshots[0]?.createdAt ?? now()),
        readyToUse: snapshots.every((s) => s.pollsUntilReady === 0),
      },
    };
  };
  return {
    groupControllerGetCapabilities: async () => ({
      capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }],
    }),
    createVolumeGroupSnapshot: async ({ name, sourceVolumeIds }) => {
      const found = [...backend.groups.values()].find((group) => group.name === name);
      if (found !== undefined) return answer(found.id);
      for (const id of sourceVolumeIds) backend.volume(id);
      const id = backend.nextId('group');
      backend.groups.set(id, { id, name });
      for (const sourceId of sourceVolumeIds) {
        take(backend, { name: `${name}/${sourceId}`, sourceId, groupId: id, createdAt: now() }, 0);
      }
      return answer(id);
    },
    deleteVolumeGroupSnapshot: async ({ groupSnapshotId }) => {
      backend.groups.delete(groupSnapshotId);
      for (const [id, snapshot] of backend.snapshots) {
        if (snapshot.groupId === groupSnapshotId) backend.snapshots.delete(id);
      }
      return {};
    },
    getVolumeGroupSnapshot: async ({ groupSnapshotId }) => {
      if (!backend.groups.has(groupSnapshotId)) {
        throw new CsiError('NOT_FOUND', `no group snapshot "${groupSnapshotId}"`);
      }
      return answer(groupSnapshotId);
    },
  };
}

function take(
  backend: Backend,
  asked: Pick<BackendSnapshot, 'name' | 'sourceId' | 'groupId' | 'createdAt'>,
  pollsUntilReady: number,
): BackendSnapshot {
  const { bytes } = backend.volume(asked.sourceId);
  const snapshot = { ...asked, id: backend.nextId('snap'), bytes, pollsUntilReady };
  backend.snapshots.set(snapshot.id, snapshot);
  return snapshot;
}

export function listSnapshots(
  backend: Backend,
  request: ListSnapshotsRequest,
): Sparse<ListSnapshotsResponse> {
  const chosen = [...backend.snapshots.values()].filter(
    (s) =>
      (request.snapshotId === '' || s.id === request.snapshotId) &&
      (request.sourceVolumeId === '' || s.sourceId === request.sourceVolumeId),
  );
  return { entries: chosen.map((s) => ({ snapshot: messageOfSnapshot(s) })), nextToken: '' };
}

function messageOfSnapshot(snapshot: BackendSnapshot): Sparse<Snapshot> {
  return {
    snapshotId: snapshot.id,
    sourceVolumeId: snapshot.sourceId,
    sizeBytes: String(snapshot.bytes),
    creationTime: timestamp(snapshot.createdAt),
    readyToUse: snapshot.pollsUntilReady === 0,
    groupSnapshotId: snapshot.groupId,
  };
}

function timestamp(ms: number) {
  return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
