// The VolumeAttachment of a volume on this node, read live: the cache may still show one that is being deleted.
import { volumeAttachments } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import type { AttachmentView } from './view.ts';

export interface Attachment extends AttachmentView {
  /** The driver's publish context: never logged. */
  readonly publishContext: Readonly<Record<string, string>>;
}

export async function readAttachment(
  api: ApiClient,
  volume: { readonly handle: string; readonly driver: string },
  nodeName: string,
): Promise<Attachment | undefined> {
  const name = attachmentName({ driver: volume.driver, volumeHandle: volume.handle }, nodeName);
  const found = await api.find(volumeAttachments, { name });
  if (found === undefined) return undefined;
  return {
    uid: found.metadata.uid,
    isAttached: found.status?.attached === true && found.metadata.deletionTimestamp === undefined,
    publishContext: found.status?.attachmentMetadata ?? {},
  };
}
