// What the snapshot controller's reconcilers may touch.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type {
  VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
} from '#api/generated/groupsnapshot-v1.ts';
import type {
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from '#api/generated/snapshot-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeGroupSnapshotClasses,
  volumeGroupSnapshotContents,
  volumeGroupSnapshots,
  volumeSnapshotClasses,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';

export interface SnapshotsCaches {
  readonly snapshots: Informer<VolumeSnapshot>;
  readonly contents: Informer<VolumeSnapshotContent>;
  readonly classes: Informer<VolumeSnapshotClass>;
  readonly groups: Informer<VolumeGroupSnapshot>;
  readonly groupContents: Informer<VolumeGroupSnapshotContent>;
  readonly groupClasses: Informer<VolumeGroupSnapshotClass>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
}

export interface SnapshotsDeps extends LoopDeps {
  readonly gates: FeatureGates;
  readonly caches: SnapshotsCaches;
}

/** Snapshots by `namespace/claim`. */
export const BY_CLAIM = 'claim';
/** Claims by the `namespace/snapshot` that they are filled from. */
export const BY_SNAPSHOT = 'snapshot';
/** Member snapshots by the UID of their group. */
export const BY_GROUP = 'group';

export function snapshotsDeps(deps: LoopDeps, gates: FeatureGates = DEFAULT_GATES): SnapshotsDeps {
  const { informers } = deps;
  return {
    ...deps,
    gates,
    caches: {
      snapshots: informers.informer(volumeSnapshots, {
        [BY_CLAIM]: ({ metadata, spec }) =>
          spec.source.persistentVolumeClaimName === undefined
            ? []
            : [`${metadata.namespace ?? ''}/${spec.source.persistentVolumeClaimName}`],
        [BY_GROUP]: ({ metadata }) =>
          (metadata.ownerReferences ?? []).flatMap(({ kind, uid }) =>
            kind === 'VolumeGroupSnapshot' ? [uid] : [],
          ),
      }),
      contents: informers.informer(volumeSnapshotContents),
      classes: informers.informer(volumeSnapshotClasses),
      groups: informers.informer(volumeGroupSnapshots),
      groupContents: informers.informer(volumeGroupSnapshotContents),
      groupClasses: informers.informer(volumeGroupSnapshotClasses),
      claims: informers.informer(persistentVolumeClaims, {
        [BY_SNAPSHOT]: (claim) => [restoredFrom(claim) ?? []].flat(),
      }),
      volumes: informers.informer(persistentVolumes),
    },
  };
}

/** The snapshot a claim is filled from, as `namespace/name`. */
export function restoredFrom({ metadata, spec }: PersistentVolumeClaim): string | undefined {
  const source = spec?.dataSourceRef ?? spec?.dataSource;
  if (source?.kind !== 'VolumeSnapshot' || source.apiGroup !== 'snapshot.storage.k8s.io') return undefined;
  const named = spec?.dataSourceRef?.namespace ?? '';
  return `${named === '' ? (metadata.namespace ?? '') : named}/${source.name}`;
}

export const SETTLED: Outcome = { kind: 'settled' };

/** A write that the key waits for. */
export function wrote<T extends ApiObject>(informer: Informer<T>, { metadata }: Stored<T>): Outcome {
  return { kind: 'progressed', wrote: { informer, resourceVersion: metadata.resourceVersion } };
}
