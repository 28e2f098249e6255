// Names that Kubernetes fixes and that more than one part writes or reads: annotations, finalizers, taints, labels.
// They are interface: a foreign controller on the same objects uses the same ones.

/** Set on a claim once its binding is complete: from then on a missing volume means Lost. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** Set on a claim or volume whose pointer the controller chose, so that the controller may roll it back. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: the provisioner that made it and that deletes its backend. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim or volume of an in-tree provisioner: the CSI driver that serves it now. */
export const MIGRATED_TO = 'pv.kubernetes.io/migrated-to';
/** On a claim: the provisioner that is asked to make its volume. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
/** The older twin of STORAGE_PROVISIONER, which stock provisioners still read. */
export const BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';
/** On a delayed claim: the node that the scheduler chose for its first pod. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** On a volume that is being resized offline: the capacity to publish on its claim until the file system grew. */
export const PRE_RESIZE_CAPACITY = 'volume.alpha.kubernetes.io/pre-resize-capacity';
/** The class of a claim or volume before storageClassName existed; it still wins over the field. */
export const BETA_STORAGE_CLASS = 'volume.beta.kubernetes.io/storage-class';
export const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
export const BETA_DEFAULT_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';
/** On a VolumeAttachment: the node's boot at creation. Another boot of that node holds none of its mounts. */
export const BOOT_ID = 'holdfast.dev/boot-id';
/**
 * On a Node: its agent uses an attachment only while BOOT_ID names the boot the agent runs under. Without this promise
 * (a stock kubelet makes none) the volume may have been mounted again since the reboot, so the reboot proves nothing.
 */
export const HONOURS_BOOT_ID = 'holdfast.dev/honours-boot-id';
/**
 * An operator's word on one VolumeAttachment: nothing on its node can use the volume any more. The value is the
 * attachment's UID, so that the word does not hold for a later attachment of the same name.
 */
export const FORCE_DETACH = 'holdfast.dev/force-detach';
/**
 * An operator's word on a Node: this boot of the node has ended. The value is the boot ID in its status, so that the
 * word lapses when the node comes back.
 */
export const POWERED_OFF = 'holdfast.dev/powered-off';

/** Keeps an in-tree dynamically provisioned volume until its backend is deleted. */
export const PV_CONTROLLER_FINALIZER = 'kubernetes.io/pv-controller';
/** Keeps a CSI volume until its external provisioner deleted the backend. */
export const EXTERNAL_PROVISIONER_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';
export const PVC_PROTECTION_FINALIZER = 'kubernetes.io/pvc-protection';
export const PV_PROTECTION_FINALIZER = 'kubernetes.io/pv-protection';
export const VAC_PROTECTION_FINALIZER = 'kubernetes.io/vac-protection';

/** An operator's word that the node is down and stays down (KEP-2268). */
export const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service';
export const NOT_READY_TAINT = 'node.kubernetes.io/not-ready';
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable';
export const UNSCHEDULABLE_TAINT = 'node.kubernetes.io/unschedulable';

/** The provisioner name of classes whose volumes an administrator makes by hand. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
/** Provisioners under this prefix were compiled into Kubernetes; none is served here. */
export const IN_TREE_PREFIX = 'kubernetes.io/';
