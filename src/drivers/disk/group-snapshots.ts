// The GroupController service: snapshots of several volumes as of one moment. All are frozen, then all are copied; the
// members are there only once the group's own record says ready.
//
//   create: group `cutting` → members `cutting` → images → members `ready` → group `ready`
//   delete: group `deleting` → each member as a snapshot → group gone
import type { Handlers } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type {
  CreateVolumeGroupSnapshotRequest,
  GroupControllerMethods,
  VolumeGroupSnapshot,
} from '#csi/generated/csi.ts';
import type { ControllerParts } from './controller.ts';
import { beginCut, cutImage, orForget, removeSnapshot, snapshotOf, timestampOf } from './create-snapshot.ts';
import { existingVolume } from './ledger.ts';
import { demandParameters } from './parameters.ts';
import { type GroupId, groupIdOf, memberIdOf, parseGroupId } from './snapshot-id.ts';
import type { GroupRecord, SnapshotRecord } from './snapshot-records.ts';
import { whileStill } from './still-image.ts';

interface GroupWanted {
  readonly id: GroupId;
  readonly name: string;
  readonly sourceVolumeIds: readonly string[];
}

export function groupHandlers(parts: ControllerParts): Handlers<GroupControllerMethods> {
  return {
    groupControllerGetCapabilities: async () => ({
      capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }],
    }),
    async createVolumeGroupSnapshot(request) {
      const wanted = groupWanted(request);
      const keys = [wanted.id, ...wanted.sourceVolumeIds];
      const group = await parts.oneAtATime.runAll(keys, () => createGroup(parts, wanted));
      return { groupSnapshot: await groupOf(parts, group) };
    },
    async deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds }) {
      if (groupSnapshotId === '')
        throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "group_snapshot_id"');
      const id = parseGroupId(groupSnapshotId);
      if (id !== undefined) await parts.oneAtATime.run(id, () => deleteGroup(parts, id, snapshotIds));
      return {};
    },
    async getVolumeGroupSnapshot({ groupSnapshotId, snapshotIds }) {
      if (groupSnapshotId === '')
        throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "group_snapshot_id"');
      const id = parseGroupId(groupSnapshotId);
      const group = id === undefined ? undefined : await parts.ledger.groups.read(id);
      if (group?.phase !== 'ready') {
        const shown = JSON.stringify(groupSnapshotId.slice(0, 140));
        throw new CsiError('NOT_FOUND', `There is no group snapshot ${shown} in this pool`);
      }
      demandMembers(group, snapshotIds);
      return { groupSnapshot: await groupOf(parts, group) };
    },
  };
}

function groupWanted({ name, sourceVolumeIds, parameters }: CreateVolumeGroupSnapshotRequest): GroupWanted {
  if (name === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "name"');
  if (sourceVolumeIds.length === 0)
    throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "source_volume_ids"');
  if (new Set(sourceVolumeIds).size !== sourceVolumeIds.length)
    throw new CsiError('INVALID_ARGUMENT', 'The "source_volume_ids" name a volume twice');
  demandParameters(parameters, 'create the group snapshot');
  // In order: the same set of volumes is the same request.
  return { id: groupIdOf(name), name, sourceVolumeIds: sourceVolumeIds.toSorted() };
}

async function createGroup(parts: ControllerParts, wanted: GroupWanted): Promise<GroupRecord> {
  const { ledger } = parts;
  const known = await ledger.groups.read(wanted.id);
  if (known !== undefined) {
    if (known.sourceVolumeIds.join() !== wanted.sourceVolumeIds.join()) {
      throw new CsiError(
        'ALREADY_EXISTS',
        `The group snapshot ${wanted.id} of this name exists and shows other volumes`,
      );
    }
    if (known.phase === 'ready') return known;
    if (known.phase === 'deleting')
      throw new CsiError('ABORTED', `The group snapshot ${wanted.id} is being deleted: try again later`);
  }
  const sources = await Promise.all(wanted.sourceVolumeIds.map((id) => existingVolume(ledger, id)));
  const volumeIds = sources.map(({ id }) => id);
  const group: GroupRecord = {
    id: wanted.id,
    name: wanted.name,
    phase: 'cutting',
    sourceVolumeIds: volumeIds,
    createdAt: 0,
  };
  const memberIds = volumeIds.map((id) => memberIdOf(group.id, id));
  try {
    return await orForget(parts, memberIds, async () => {
      await ledger.groups.write(group.id, group);
      const begun: SnapshotRecord[] = [];
      for (const source of sources) {
        const id = memberIdOf(group.id, source.id);
        const member = { id, name: `${group.name}/${source.id}`, groupId: group.id };
        const before = await ledger.snapshots.read(id);
        begun.push(await parts.inTurn(() => beginCut(parts, source, member, before)));
      }
      const cut = await whileStill(parts, sources, async (signal) => {
        const made: SnapshotRecord[] = [];
        for (const one of begun) made.push(await cutImage(parts, one, signal));
        return made;
      });
      const createdAt = Math.min(...cut.map((one) => one.createdAt));
      for (const one of cut) await ledger.snapshots.write(one.id, { ...one, createdAt, phase: 'ready' });
      const ready: GroupRecord = { ...group, createdAt, phase: 'ready' };
      await ledger.groups.write(group.id, ready);
      return ready;
    });
  } catch (error) {
    await ledger.groups.remove(group.id);
    throw error;
  }
}

async function deleteGroup(
  parts: ControllerParts,
  id: GroupId,
  snapshotIds: readonly string[],
): Promise<void> {
  const { ledger } = parts;
  const group = await ledger.groups.read(id);
  if (group === undefined) return;
  demandMembers(group, snapshotIds);
  if (group.phase !== 'deleting') await ledger.groups.write(id, { ...group, phase: 'deleting' });
  for (const member of await membersOf(parts, group)) await removeSnapshot(parts, member);
  await ledger.groups.remove(id);
}

/** The ids that a request names must be members; naming none is fine. */
function demandMembers({ id, sourceVolumeIds }: GroupRecord, snapshotIds: readonly string[]): void {
  const members = new Set<string>(sourceVolumeIds.map((volume) => memberIdOf(id, volume)));
  const stranger = snapshotIds.find((one) => !members.has(one));
  if (stranger === undefined) return;
  throw new CsiError(
    'INVALID_ARGUMENT',
    `The snapshot ${JSON.stringify(stranger.slice(0, 140))} is no member of ${id}`,
  );
}

async function membersOf(
  { ledger }: ControllerParts,
  { id, sourceVolumeIds }: GroupRecord,
): Promise<readonly SnapshotRecord[]> {
  const members = await Promise.all(
    sourceVolumeIds.map((volume) => ledger.snapshots.read(memberIdOf(id, volume))),
  );
  return members.filter((member) => member !== undefined);
}

async function groupOf(parts: ControllerParts, group: GroupRecord): Promise<VolumeGroupSnapshot> {
  return {
    groupSnapshotId: group.id,
    snapshots: (await membersOf(parts, group)).map(snapshotOf),
    creationTime: timestampOf(group.createdAt),
    readyToUse: true,
  };
}
