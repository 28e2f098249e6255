// The caches that the scheduler reads, as the parts of it see them.
import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '#api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#api/generated/policy-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '#api/generated/storage-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';

/** The part of an informer that a view reads. */
export interface Cache<T extends ApiObject> {
  readonly revision: number;
  get(key: string): Stored<T> | undefined;
  list(): Iterable<Stored<T>>;
  byIndex(index: string, value: string): readonly Stored<T>[];
}

/** What an informer tells of a change. */
interface Change<T extends ApiObject> {
  readonly kind: 'added' | 'updated' | 'deleted';
  readonly object: Stored<T>;
}

interface Followed<T extends ApiObject> {
  subscribe(listener: (change: Change<T>) => void): () => void;
}

interface CachedTypes {
  readonly pods: Pod;
  readonly nodes: Node;
  readonly claims: PersistentVolumeClaim;
  readonly volumes: PersistentVolume;
  readonly classes: StorageClass;
  readonly csiNodes: CSINode;
  readonly csiDrivers: CSIDriver;
  readonly attachments: VolumeAttachment;
  readonly capacities: CSIStorageCapacity;
  readonly namespaces: Namespace;
  readonly budgets: PodDisruptionBudget;
}

export type SchedulerCaches = { readonly [K in keyof CachedTypes]: Cache<CachedTypes[K]> };
export type SubscribableCaches = { readonly [K in keyof CachedTypes]: Followed<CachedTypes[K]> };
