// The VolumeAttachment of a volume on this node, read live: the cache may still show one that is being deleted.
import { volumeAttachments } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import { BOOT_ID } from '#rules/well-known.ts';
import type { AttachmentView } from './view.ts';

export interface Attachment extends AttachmentView {
  /** The driver's publish context: never logged. */
  readonly publishContext: Readonly<Record<string, string>>;
}

/** gRPC RESOURCE_EXHAUSTED, CSI ControllerPublishVolume "Max volumes attached". */
const RESOURCE_EXHAUSTED = 8;

export async function readAttachment(
  api: ApiClient,
  volume: { readonly handle: string; readonly driver: string },
  node: { readonly nodeName: string; readonly bootId: string },
): Promise<Attachment | undefined> {
  const name = attachmentName({ driver: volume.driver, volumeHandle: volume.handle }, node.nodeName);
  const found = await api.find(volumeAttachments, { name });
  if (found === undefined) return undefined;
  // One that was made for an earlier boot may be detached at any moment: a reboot proves that nothing uses it, and this
  // agent promises on its Node to keep that true (AGT76). A foreign controller records no boot and is believed.
  const boot = found.metadata.annotations?.[BOOT_ID] ?? node.bootId;
  const isLeaving = found.metadata.deletionTimestamp !== undefined;
  const isAttached = found.status?.attached === true && !isLeaving && boot === node.bootId;
  const { attachError } = found.status ?? {};
  const isFull = !isAttached && !isLeaving && attachError?.errorCode === RESOURCE_EXHAUSTED;
  return {
    uid: found.metadata.uid,
    isAttached,
    ...(isFull && { nodeIsFull: attachError?.message ?? '' }),
    publishContext: found.status?.attachmentMetadata ?? {},
  };
}
