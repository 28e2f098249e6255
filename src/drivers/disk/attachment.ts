// ControllerPublish and ControllerUnpublish: which node may use a volume. Only the ledger changes; the node service
// looks there before it stages.
import { CsiError } from '#csi/csi-error.ts';
import type { ControllerPublishVolumeRequest, ControllerUnpublishVolumeRequest } from '#csi/generated/csi.ts';
import { wantedAccess } from './capability.ts';
import { existingVolume, type Ledger } from './ledger.ts';
import type { Attachment, VolumeRecord } from './records.ts';
import { parseVolumeId } from './volume-id.ts';

/** What the node needs beside its own pool: nothing secret, nothing that is a path. */
const publishContext = (poolName: string): Readonly<Record<string, string>> => ({ pool: poolName });

export async function attachVolume(
  { ledger, poolName }: { readonly ledger: Ledger; readonly poolName: string },
  request: ControllerPublishVolumeRequest,
): Promise<{ readonly publishContext: Readonly<Record<string, string>> }> {
  const { volumeId, nodeId, readonly: readOnly } = request;
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  if (nodeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "node_id"');
  const { mode: accessMode } = wantedAccess(request.volumeCapability);
  if (readOnly) {
    throw new CsiError(
      'INVALID_ARGUMENT',
      'A read-only attachment is not supported: PUBLISH_READONLY is not advertised',
    );
  }
  const record = await existingVolume(ledger, volumeId);
  if (!(await ledger.hasNode(nodeId))) {
    throw new CsiError(
      'NOT_FOUND',
      `No node service of this pool has the id ${JSON.stringify(nodeId.slice(0, 256))}`,
    );
  }
  if (record.phase !== 'ready') {
    throw new CsiError('FAILED_PRECONDITION', `Cannot attach volume ${record.id}: it is being deleted`);
  }
  const wanted: Attachment = { nodeId, readOnly, accessMode };
  const { attachment } = record;
  if (attachment === undefined) await ledger.write({ ...record, attachment: wanted });
  else demandSame(record, attachment, wanted);
  return { publishContext: publishContext(poolName) };
}

function demandSame({ id }: VolumeRecord, attached: Attachment, wanted: Attachment): void {
  if (attached.nodeId !== wanted.nodeId) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `Cannot attach volume ${id} to node ${JSON.stringify(wanted.nodeId)}: it is attached to node ${JSON.stringify(attached.nodeId)}`,
    );
  }
  if (attached.accessMode !== wanted.accessMode) {
    throw new CsiError(
      'ALREADY_EXISTS',
      `Volume ${id} is attached to this node as ${attached.accessMode}, ${wanted.accessMode} was asked for`,
    );
  }
}

/** Releases the volume from the node, or from whatever node has it when none is named; done already is fine. */
export async function detachVolume(
  ledger: Ledger,
  { volumeId, nodeId }: ControllerUnpublishVolumeRequest,
): Promise<object> {
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'The request lacks its "volume_id"');
  const id = parseVolumeId(volumeId);
  const record = id === undefined ? undefined : await ledger.read(id);
  // A volume that does not exist is attached nowhere.
  if (record?.attachment === undefined) return {};
  if (nodeId === '' || record.attachment.nodeId === nodeId)
    await ledger.write({ ...record, attachment: undefined });
  return {};
}
