// Decides the next step for one VolumeAttachment and for one PersistentVolume. Pure. Rules of SPEC.md.
//
//   created --protect--> intent stored --attach--> attached
//   deleted: intent stored --detach--> confirmed, finalizer gone

import type { PersistentVolume } from '#api/generated/core-v1.ts';

export interface AttachmentView {
  readonly driver: string;
  readonly canPublish: boolean;
  /** The driver's list of volumes does not show it on the node though it counts as attached (ATC12). */
  readonly isSuspect: boolean;
  readonly attachment:
    | {
        readonly attacher: string;
        readonly isDeleting: boolean;
        readonly hasFinalizer: boolean;
        readonly isAttached: boolean;
      }
    | undefined;
  /** Undefined: no such PersistentVolume. */
  readonly volume:
    | { readonly driver: string; readonly hasFinalizer: boolean; readonly isDeleting: boolean }
    | undefined;
  /** The driver's node ID: from the CSINode, else as recorded on the attachment. Undefined: not known. */
  readonly nodeId: string | undefined;
}

export type AttachmentStep =
  | { readonly kind: 'none'; readonly because: string }
  | { readonly kind: 'mark-attached' }
  | { readonly kind: 'protect-volume' }
  | { readonly kind: 'protect-attachment' }
  | { readonly kind: 'attach' }
  | { readonly kind: 'detach' }
  | { readonly kind: 'wait'; readonly because: string };

/** The next step for a VolumeAttachment. */
export function decideAttachment(view: AttachmentView): AttachmentStep {
  const { attachment, volume } = view;
  if (attachment === undefined) return { kind: 'none', because: 'no such attachment' };
  // ATC1
  if (attachment.attacher !== view.driver) return { kind: 'none', because: 'another attacher is named' };
  if (attachment.isDeleting) {
    if (!attachment.hasFinalizer) return { kind: 'none', because: 'nothing was ever called' };
    if (view.nodeId === undefined)
      return { kind: 'wait', because: 'the node ID is not known: CSINode is missing' };
    return { kind: 'detach' }; // ATC6
  }
  if (attachment.isAttached && !(view.isSuspect && view.canPublish))
    return { kind: 'none', because: 'attached' }; // ATC10
  if (!view.canPublish) return { kind: 'mark-attached' }; // ATC2
  if (volume === undefined) return { kind: 'wait', because: 'the PersistentVolume does not exist' };
  if (volume.driver !== view.driver)
    return { kind: 'wait', because: `the volume belongs to driver "${volume.driver}"` };
  if (volume.isDeleting) return { kind: 'wait', because: 'the PersistentVolume is being deleted' };
  if (view.nodeId === undefined) return { kind: 'wait', because: 'the driver is not registered on the node' };
  // ATC3: the intent is stored before the effect.
  if (!volume.hasFinalizer) return { kind: 'protect-volume' };
  if (!attachment.hasFinalizer) return { kind: 'protect-attachment' };
  return { kind: 'attach' };
}

/** ATC15: why a volume, as read live, may not be attached any more; undefined: it may. */
export function whyNotAttachable(volume: PersistentVolume | undefined): string | undefined {
  if (volume === undefined) return 'the PersistentVolume does not exist';
  if (volume.metadata.deletionTimestamp !== undefined) return 'the PersistentVolume is being deleted';
  const phase = volume.status?.phase;
  const isGivenUp = phase === 'Released' || phase === 'Failed';
  return isGivenUp ? `the PersistentVolume is ${phase}: its claim is gone` : undefined;
}

export interface ProtectionView {
  readonly hasFinalizer: boolean;
  readonly isDeleting: boolean;
  readonly attachments: number;
}

/** ATC9: whether the volume's finalizer may be considered for removal (then proven live). */
export function mayUnprotectVolume(view: ProtectionView): boolean {
  return view.hasFinalizer && view.isDeleting && view.attachments === 0;
}
