// The steps that the binding loop may take. Steps are data: tests compare them, logs and `explain` print them.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';

/** What the user is told, as an Event on the object. */
export interface News {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimStep =
  /** Write 1: the volume points at the claim. Chosen and reserved in one synchronous step. */
  | { readonly kind: 'reserve'; readonly volume: Stored<PersistentVolume> }
  /** Write 2: the volume's phase is Bound. */
  | { readonly kind: 'mark-bound'; readonly volume: Stored<PersistentVolume> }
  /** Write 3: the claim points at the volume, and its binding is complete. */
  | { readonly kind: 'point'; readonly volume: Stored<PersistentVolume> }
  /** Write 4: the claim's status is Bound, with the volume's capacity and access modes. */
  | { readonly kind: 'publish'; readonly volume: Stored<PersistentVolume> }
  /** Fills in the default class that did not exist when the claim was made. */
  | { readonly kind: 'assign-class'; readonly className: string }
  /** Says which CSI driver serves the in-tree provisioner that is named; undefined: nobody, the mark goes. */
  | { readonly kind: 'mark-migrated'; readonly driver: string | undefined }
  /** Names the provisioner on the claim, which asks it to make a volume. */
  | { readonly kind: 'ask-provisioner'; readonly provisioner: string }
  /** The claim's status goes back to Pending. */
  | { readonly kind: 'pend'; readonly news?: News }
  /** The claim's status is Lost. Decided again on live reads before it is written. */
  | { readonly kind: 'lose'; readonly news: News }
  /** Nothing to write; `news` says what the claim waits for. */
  | { readonly kind: 'rest'; readonly because: string; readonly news?: News };

export type VolumePhase = 'Available' | 'Failed';

export type VolumeStep =
  | { readonly kind: 'set-phase'; readonly phase: VolumePhase; readonly news?: News }
  /** The phase becomes Released. Decided again on a live read of the claim before it is written. */
  | { readonly kind: 'release' }
  /** Takes back a reservation that lost its race: the whole pointer, or (chosen by a user) only its UID. */
  | { readonly kind: 'roll-back'; readonly clears: 'pointer' | 'uid'; readonly news?: News }
  /** Starts the pod that removes what is in the volume. Takes a proof. */
  | { readonly kind: 'scrub' }
  /** The scrubbing pod has done its work, or did it for an earlier claim. */
  | { readonly kind: 'drop-scrubber'; readonly pod: string }
  /** As for claims. */
  | { readonly kind: 'mark-migrated'; readonly driver: string | undefined }
  /** Adds or removes our own finalizer, and no other. */
  | { readonly kind: 'set-finalizers'; readonly finalizers: readonly string[] }
  | { readonly kind: 'rest'; readonly because: string; readonly news?: News };
