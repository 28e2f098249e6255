// The resource types that Holdfast serves and its loops use, typed by their object.
import type * as coordination from './generated/coordination-v1.ts';
import type * as core from './generated/core-v1.ts';
import type * as groupsnapshot from './generated/groupsnapshot-v1.ts';
import type * as policy from './generated/policy-v1.ts';
import type * as scheduling from './generated/scheduling-v1.ts';
import type * as snapshot from './generated/snapshot-v1.ts';
import type * as storage from './generated/storage-v1.ts';
import type { ApiObject, ResourceType } from './object.ts';

function resource<T extends ApiObject>(
  group: string,
  plural: string,
  kind: string,
  namespaced: boolean,
): ResourceType<T> {
  return { group, version: 'v1', plural, kind, namespaced };
}

export const namespaces = resource<core.Namespace>('', 'namespaces', 'Namespace', false);
export const nodes = resource<core.Node>('', 'nodes', 'Node', false);
export const pods = resource<core.Pod>('', 'pods', 'Pod', true);
export const persistentVolumes = resource<core.PersistentVolume>(
  '',
  'persistentvolumes',
  'PersistentVolume',
  false,
);
export const persistentVolumeClaims = resource<core.PersistentVolumeClaim>(
  '',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
  true,
);
export const configMaps = resource<core.ConfigMap>('', 'configmaps', 'ConfigMap', true);
export const secrets = resource<core.Secret>('', 'secrets', 'Secret', true);
export const serviceAccounts = resource<core.ServiceAccount>('', 'serviceaccounts', 'ServiceAccount', true);
export const events = resource<core.Event>('', 'events', 'Event', true);
export const leases = resource<coordination.Lease>('coordination.k8s.io', 'leases', 'Lease', true);
const STORAGE = 'storage.k8s.io';
export const storageClasses = resource<storage.StorageClass>(
  STORAGE,
  'storageclasses',
  'StorageClass',
  false,
);
export const volumeAttachments = resource<storage.VolumeAttachment>(
  STORAGE,
  'volumeattachments',
  'VolumeAttachment',
  false,
);
export const csiDrivers = resource<storage.CSIDriver>(STORAGE, 'csidrivers', 'CSIDriver', false);
export const csiNodes = resource<storage.CSINode>(STORAGE, 'csinodes', 'CSINode', false);
export const csiStorageCapacities = resource<storage.CSIStorageCapacity>(
  STORAGE,
  'csistoragecapacities',
  'CSIStorageCapacity',
  true,
);
export const volumeAttributesClasses = resource<storage.VolumeAttributesClass>(
  STORAGE,
  'volumeattributesclasses',
  'VolumeAttributesClass',
  false,
);
export const resourceQuotas = resource<core.ResourceQuota>('', 'resourcequotas', 'ResourceQuota', true);
export const limitRanges = resource<core.LimitRange>('', 'limitranges', 'LimitRange', true);
export const priorityClasses = resource<scheduling.PriorityClass>(
  'scheduling.k8s.io',
  'priorityclasses',
  'PriorityClass',
  false,
);
export const podDisruptionBudgets = resource<policy.PodDisruptionBudget>(
  'policy',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
  true,
);
const SNAPSHOT = 'snapshot.storage.k8s.io';
export const volumeSnapshots = resource<snapshot.VolumeSnapshot>(
  SNAPSHOT,
  'volumesnapshots',
  'VolumeSnapshot',
  true,
);
export const volumeSnapshotContents = resource<snapshot.VolumeSnapshotContent>(
  SNAPSHOT,
  'volumesnapshotcontents',
  'VolumeSnapshotContent',
  false,
);
export const volumeSnapshotClasses = resource<snapshot.VolumeSnapshotClass>(
  SNAPSHOT,
  'volumesnapshotclasses',
  'VolumeSnapshotClass',
  false,
);
const GROUP_SNAPSHOT = 'groupsnapshot.storage.k8s.io';
export const volumeGroupSnapshots = resource<groupsnapshot.VolumeGroupSnapshot>(
  GROUP_SNAPSHOT,
  'volumegroupsnapshots',
  'VolumeGroupSnapshot',
  true,
);
export const volumeGroupSnapshotContents = resource<groupsnapshot.VolumeGroupSnapshotContent>(
  GROUP_SNAPSHOT,
  'volumegroupsnapshotcontents',
  'VolumeGroupSnapshotContent',
  false,
);
export const volumeGroupSnapshotClasses = resource<groupsnapshot.VolumeGroupSnapshotClass>(
  GROUP_SNAPSHOT,
  'volumegroupsnapshotclasses',
  'VolumeGroupSnapshotClass',
  false,
);
