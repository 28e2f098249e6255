// What the agent knows of volumes at one moment, as plain data for decide.ts: what pods want and what the kernel and
// the mount records say there is.

/** Law 3: `unknown` has perhaps happened; it is left only by a confirmed answer. */
export type Presence = 'absent' | 'present' | 'unknown';

/** `kubernetes.io/csi/<driver>^<handle>`: the name in volumesInUse and volumesAttached. */
export type VolumeKey = string;
/** `<pod uid>/<type>/<directory name>`. */
export type MountKey = string;

export interface MountView {
  readonly key: MountKey;
  readonly podUid: string;
  /** The staged volume behind it; undefined for a local type. */
  readonly volume: VolumeKey | undefined;
  /** `wanted`: resolved, publish it. `kept`: its pod is there but the volume is not resolved. `released`: take it down. */
  readonly desired: 'wanted' | 'kept' | 'released';
  readonly presence: Presence;
  /** Present, but its content or size is out of date: publish again. */
  readonly isStale: boolean;
}

export interface AttachmentView {
  readonly uid: string;
  readonly isAttached: boolean;
  /** What the driver said when it could not attach since the node holds as many volumes as it can. */
  readonly nodeIsFull?: string;
}

export interface VolumeView {
  readonly key: VolumeKey;
  /** Some pod's resolved mount wants it here. */
  readonly isWanted: boolean;
  readonly needsAttach: boolean;
  readonly needsStage: boolean;
  /** The driver is registered on this node now. */
  readonly hasDriver: boolean;
  /** volumesInUse with this volume has been stored by the API server. */
  readonly isReportedInUse: boolean;
  /** The node's volumesAttached lists it, in a revision that also has it in use. */
  readonly isReportedAttached: boolean;
  /** The VolumeAttachment, read live after both reports. */
  readonly attachment: AttachmentView | undefined;
  readonly staged: Presence;
  /** The attachment that the stage was made under; undefined when none was needed. */
  readonly stagedUnder: string | undefined;
  /** Published here, and the controller side has left growing to the node. */
  readonly isToGrow: boolean;
}

export interface WorldView {
  /** Every pod of this node is known: nothing is taken down before. */
  readonly isComplete: boolean;
  readonly mounts: readonly MountView[];
  readonly volumes: readonly VolumeView[];
}
