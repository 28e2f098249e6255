// What the provisioner sees of one volume name, read from the caches once: plain data, no live object escapes.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  BETA_STORAGE_PROVISIONER,
  EXTERNAL_PROVISIONER_FINALIZER,
  PROVISIONED_BY,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
} from '#rules/well-known.ts';
import { type DataSource, dataSourceOf } from './data-source.ts';

export interface ClaimFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly isDeleting: boolean;
  /** The driver named by the storage-provisioner annotation, empty when none is. */
  readonly provisioner: string;
  readonly volumeName: string;
  readonly className: string;
  readonly selectedNode: string;
  readonly dataSource: DataSource;
}

export interface VolumeFacts {
  readonly claimUid: string;
  readonly driver: string;
  readonly handle: string;
}

/** Everything that decides what happens next to the volume `pvc-<claim uid>`. */
export interface ProvisionView {
  readonly driver: string;
  /** Set when a provisioner runs on each node, and this is the one of `nodeName` (PRV70). */
  readonly distributed: { readonly nodeName: string; readonly races: boolean } | undefined;
  readonly claim: ClaimFacts | undefined;
  /** Undefined: the class is missing. */
  readonly storageClass:
    | { readonly uid: string; readonly isDelayed: boolean; readonly provisioner: string }
    | undefined;
  /** The intent of that name. `isFresh`: this process wrote it and has not called the driver for it since. */
  readonly intent:
    | { readonly phase: 'creating' | 'deleting'; readonly claimUid: string; readonly isFresh: boolean }
    | undefined;
  /** The PersistentVolume of that name. */
  readonly volume: VolumeFacts | undefined;
}

/** The facts of a cached claim. */
export function claimFacts(claim: Stored<PersistentVolumeClaim>): ClaimFacts {
  const annotations = claim.metadata.annotations ?? {};
  return {
    namespace: claim.metadata.namespace ?? '',
    name: claim.metadata.name,
    uid: claim.metadata.uid,
    isDeleting: claim.metadata.deletionTimestamp !== undefined,
    provisioner: annotations[STORAGE_PROVISIONER] ?? annotations[BETA_STORAGE_PROVISIONER] ?? '',
    volumeName: claim.spec?.volumeName ?? '',
    className: claim.spec?.storageClassName ?? '',
    selectedNode: annotations[SELECTED_NODE] ?? '',
    dataSource: dataSourceOf(claim),
  };
}

/** The facts of a cached volume. */
export function volumeFacts(volume: Stored<PersistentVolume>): VolumeFacts {
  return {
    claimUid: volume.spec?.claimRef?.uid ?? '',
    driver: volume.spec?.csi?.driver ?? '',
    handle: volume.spec?.csi?.volumeHandle ?? '',
  };
}

/** What decides whether a PersistentVolume of this driver is deleted. */
export interface ReclaimView {
  readonly driver: string;
  /** Another node's provisioner deletes it. */
  readonly isElsewhere?: boolean;
  readonly volume:
    | {
        readonly phase: string;
        readonly policy: string;
        readonly driver: string;
        readonly provisionedBy: string;
        readonly isDeleting: boolean;
        readonly hasFinalizer: boolean;
      }
    | undefined;
}

/** The reclaim facts of a cached volume. */
export function reclaimView(driver: string, volume: Stored<PersistentVolume> | undefined): ReclaimView {
  if (volume === undefined) return { driver, volume: undefined };
  return {
    driver,
    volume: {
      phase: volume.status?.phase ?? '',
      policy: volume.spec?.persistentVolumeReclaimPolicy ?? '',
      driver: volume.spec?.csi?.driver ?? '',
      provisionedBy: volume.metadata.annotations?.[PROVISIONED_BY] ?? '',
      isDeleting: volume.metadata.deletionTimestamp !== undefined,
      hasFinalizer: (volume.metadata.finalizers ?? []).includes(EXTERNAL_PROVISIONER_FINALIZER),
    },
  };
}
