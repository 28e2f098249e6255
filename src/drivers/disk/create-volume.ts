// CreateVolume and DeleteVolume. Both write their step before its effect, so that a call repeated after a kill at any
// point ends as if nothing had happened:
//
//   create: record `creating` → format record `blank` → image → record `ready`
//   from a snapshot or volume: record `creating` → copied image, grown → format record of the source → record `ready`
//   delete: record `deleting` → image gone → format record gone → record gone
import { CsiError } from '#csi/csi-error.ts';
import type { CreateVolumeRequest, Topology, TopologyRequirement, Volume } from '#csi/generated/csi.ts';
import { wantedAccess } from './capability.ts';
import { demandCapacity } from './capacity.ts';
import type { ControllerParts } from './controller.ts';
import { copyContents, originOf, originSize } from './copy-volume.ts';
import { demandParameters } from './parameters.ts';
import { poolTopology, TOPOLOGY_KEY } from './pool.ts';
import type { VolumeOrigin, VolumeRecord } from './records.ts';
import { fitsRange, newSize, type SizeRange, sizeFrom, sizeRange } from './size.ts';
import { type VolumeId, volumeIdOf } from './volume-id.ts';

export interface VolumeWanted {
  readonly id: VolumeId;
  readonly name: string;
  readonly range: SizeRange;
  readonly fsType: 'ext4' | 'xfs' | undefined;
  readonly source: VolumeOrigin | undefined;
}

/** Reads and checks a request. */
export function volumeWanted(request: CreateVolumeRequest, poolName: string): VolumeWanted {
  if (request.name === '') throw invalid('its "name" is missing');
  if (request.volumeCapabilities.length === 0) throw invalid('its "volume_capabilities" are missing');
  demandParameters(request.parameters, 'create the volume');
  const wanted = request.volumeCapabilities.map((capability) => wantedAccess(capability).how);
  demandTopology(request.accessibilityRequirements, poolName);
  return {
    id: volumeIdOf(request.name),
    name: request.name,
    range: sizeRange(request.capacityRange),
    fsType: wanted
      .map((how) => (how.kind === 'mount' ? how.fsType : undefined))
      .find((type) => type !== undefined),
    source: originOf(request.volumeContentSource),
  };
}

function invalid(because: string): CsiError {
  return new CsiError('INVALID_ARGUMENT', `Cannot create the volume: ${because}`);
}

/** One of the topologies asked for must be this pool. */
function demandTopology(requirement: TopologyRequirement | null, poolName: string): void {
  const asked = [...(requirement?.requisite ?? []), ...(requirement?.preferred ?? [])];
  if (asked.length === 0 || asked.some((topology) => isPool(topology, poolName))) return;
  throw new CsiError(
    'RESOURCE_EXHAUSTED',
    `Cannot create the volume where it is wanted: this pool is ${TOPOLOGY_KEY}=${JSON.stringify(poolName)}`,
  );
}

export function isPool(topology: Topology, poolName: string): boolean {
  return Object.entries(topology.segments).every(
    ([key, value]) => key === TOPOLOGY_KEY && value === poolName,
  );
}

/** Creates the volume or finds it: whatever a call before this one had done. */
export async function createVolume(parts: ControllerParts, wanted: VolumeWanted): Promise<VolumeRecord> {
  const { ledger } = parts;
  const known = await ledger.read(wanted.id);
  if (known === undefined) return finishCreation(parts, await parts.inTurn(() => begin(parts, wanted)));
  if (known.name !== wanted.name)
    throw new CsiError('INTERNAL', `The id ${wanted.id} belongs to a volume of another name`);
  if (known.phase === 'deleting') {
    throw new CsiError('ABORTED', `The volume ${wanted.id} of this name is being deleted: try again later`);
  }
  if (!fitsRange(known.sizeBytes, wanted.range)) {
    throw new CsiError(
      'ALREADY_EXISTS',
      `The volume ${wanted.id} of this name exists with ${known.sizeBytes} bytes, which is not in the range asked for`,
    );
  }
  if (known.source?.kind !== wanted.source?.kind || known.source?.id !== wanted.source?.id) {
    throw new CsiError(
      'ALREADY_EXISTS',
      `The volume ${wanted.id} of this name exists and was made from ${known.source?.id ?? 'nothing'}`,
    );
  }
  return known.phase === 'ready' ? known : finishCreation(parts, known);
}

/** In turn, so that two volumes never get the same free space. */
async function begin(
  parts: ControllerParts,
  { id, name, range, fsType, source }: VolumeWanted,
): Promise<VolumeRecord> {
  const sizeBytes =
    source === undefined ? newSize(range, fsType) : sizeFrom(range, await originSize(parts, source, fsType));
  await demandCapacity(parts, sizeBytes, `create a volume of ${sizeBytes} bytes`);
  if ((await parts.host.images.stat(parts.paths.image(id))) !== undefined) {
    // A record outlives its image in both directions, so this image is not one of ours, or its record was lost.
    throw new CsiError(
      'INTERNAL',
      `An image of volume ${id} is in the pool and no record of it: it is left as it is`,
    );
  }
  const record: VolumeRecord = {
    id,
    name,
    phase: 'creating',
    sizeBytes,
    growingToBytes: undefined,
    attachment: undefined,
    source,
    sharedBytes: 0,
  };
  await parts.ledger.write(record);
  return record;
}

async function finishCreation(parts: ControllerParts, record: VolumeRecord): Promise<VolumeRecord> {
  const { ledger, host, paths } = parts;
  const { id, sizeBytes, source } = record;
  if (source !== undefined) {
    const ready: VolumeRecord = { ...record, ...(await copyContents(parts, record, source)), phase: 'ready' };
    await ledger.write(ready);
    return ready;
  }
  // Still `creating`: no node has ever seen the volume, so it is blank whatever was written before.
  await ledger.writeFormat({ id, state: 'blank', fsType: undefined, filledBytes: 0, identity: 'own' });
  await host.images.create(paths.image(id), sizeBytes);
  const ready: VolumeRecord = { ...record, phase: 'ready' };
  await ledger.write(ready);
  return ready;
}

/** Deletes a volume that no node has; nothing of it stays. */
export async function deleteVolume(
  { ledger, host, paths }: ControllerParts,
  record: VolumeRecord,
): Promise<void> {
  const { id, attachment } = record;
  if (attachment !== undefined) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot delete volume ${id}: it is attached to node ${JSON.stringify(attachment.nodeId)}`,
    );
  }
  const image = await host.images.stat(paths.image(id));
  const loop = (await host.loops.list()).find(
    ({ backingInode, backingDevice }) => backingInode === image?.inode && backingDevice === image.deviceId,
  );
  if (loop !== undefined) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot delete volume ${id}: the loop device ${loop.device} still uses its image`,
    );
  }
  if (record.phase !== 'deleting') await ledger.write({ ...record, phase: 'deleting' });
  await host.images.remove(paths.image(id));
  await ledger.removeFormat(id);
  await ledger.tunings.remove(id);
  await ledger.remove(id);
}

/** A volume as replies show it. */
export function volumeOf({ id, sizeBytes, source }: VolumeRecord, poolName: string): Volume {
  return {
    volumeId: id,
    capacityBytes: String(sizeBytes),
    volumeContext: {},
    contentSource:
      source === undefined
        ? null
        : source.kind === 'snapshot'
          ? { snapshot: { snapshotId: source.id } }
          : { volume: { volumeId: source.id } },
    accessibleTopology: [poolTopology(poolName)],
  };
}
