// Connects informers to keys: a snapshot and its content lead to the snapshot's key; claims, classes and volumes to the
// snapshots that wait for them.
import { keyOf } from '#api/object.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { runLoop } from '#client/run-loop.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { CLAIM_SOURCE_FINALIZER } from '#rules/snapshot-names.ts';
import { reconcileClaim } from './claim-protection.ts';
import { BY_CLAIM, restoredFrom, SETTLED, type SnapshotsDeps, snapshotsDeps } from './deps.ts';
import { groupKind } from './group-kind.ts';
import { reconcileMembers } from './members.ts';
import { reconcileContent, reconcileSnapshot } from './reconcile.ts';
import { snapshotKind } from './snapshot-kind.ts';
import { selects } from './sources.ts';

export interface SnapshotsOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
  readonly gates?: FeatureGates;
}

/** The loop of snapshots and group snapshots. */
export function snapshotsLoop(
  deps: LoopDeps,
  { concurrency = 16, gates = DEFAULT_GATES }: SnapshotsOptions = {},
): Service {
  const all = snapshotsDeps(deps, gates);
  return runLoop(deps, {
    name: 'snapshots',
    concurrency,
    reconcile: snapshotsReconcile(all),
    connect: (enqueue) => connect(all, enqueue),
  });
}

/** Keys are `<what>/<key of the object>`. */
export function snapshotsReconcile(
  deps: SnapshotsDeps,
): (key: string, signal: AbortSignal) => Promise<Outcome> {
  return async (key, signal) => {
    const slash = key.indexOf('/');
    const name = key.slice(slash + 1);
    switch (key.slice(0, slash)) {
      case 'snapshot':
        return reconcileSnapshot(deps, snapshotKind, name, signal);
      case 'content':
        return reconcileContent(deps, snapshotKind, name, signal);
      case 'group':
        return reconcileSnapshot(deps, groupKind, name, signal);
      case 'group-content':
        return reconcileContent(deps, groupKind, name, signal);
      case 'members':
        return reconcileMembers(deps, name, signal);
      case 'claim':
        return reconcileClaim(deps, name, signal);
      default:
        return SETTLED;
    }
  };
}

function connect({ caches }: SnapshotsDeps, enqueue: (key: string) => void): (() => void)[] {
  const { snapshots, contents, groups, groupContents, claims, classes, groupClasses } = caches;
  return [
    snapshots.subscribe(({ object }) => {
      enqueue(`snapshot/${keyOf(object)}`);
      const { namespace = '', ownerReferences = [] } = object.metadata;
      const claim = object.spec.source.persistentVolumeClaimName;
      if (claim !== undefined) enqueue(`claim/${namespace}/${claim}`);
      const content =
        object.status?.boundVolumeSnapshotContentName ?? object.spec.source.volumeSnapshotContentName;
      if (content !== undefined) enqueue(`content/${content}`);
      for (const owner of ownerReferences) {
        if (owner.kind !== 'VolumeGroupSnapshot') continue;
        enqueue(`group/${namespace}/${owner.name}`);
        enqueue(`members/${namespace}/${owner.name}`);
      }
    }),
    contents.subscribe(({ object }) => {
      enqueue(`content/${object.metadata.name}`);
      const { namespace = '', name = '' } = object.spec.volumeSnapshotRef;
      enqueue(`snapshot/${namespace}/${name}`);
    }),
    groups.subscribe(({ object }) => {
      enqueue(`group/${keyOf(object)}`);
      enqueue(`members/${keyOf(object)}`);
      const content = object.status?.boundVolumeGroupSnapshotContentName;
      if (content !== undefined) enqueue(`group-content/${content}`);
      for (const claim of claims.list()) if (selects(object, claim)) enqueue(`claim/${keyOf(claim)}`);
    }),
    groupContents.subscribe(({ object }) => {
      enqueue(`group-content/${object.metadata.name}`);
      const { namespace = '', name = '' } = object.spec.volumeGroupSnapshotRef;
      enqueue(`group/${namespace}/${name}`);
      enqueue(`members/${namespace}/${name}`);
    }),
    claims.subscribe(({ object }) => {
      const key = keyOf(object);
      // Most claims have no snapshot.
      if ((object.metadata.finalizers ?? []).includes(CLAIM_SOURCE_FINALIZER)) enqueue(`claim/${key}`);
      for (const one of snapshots.byIndex(BY_CLAIM, key)) enqueue(`snapshot/${keyOf(one)}`);
      const source = restoredFrom(object);
      if (source !== undefined) enqueue(`snapshot/${source}`);
    }),
    classes.subscribe(() => {
      for (const one of snapshots.list()) {
        if (one.status?.boundVolumeSnapshotContentName === undefined) enqueue(`snapshot/${keyOf(one)}`);
      }
    }),
    groupClasses.subscribe(() => {
      for (const one of groups.list()) {
        if (one.status?.boundVolumeGroupSnapshotContentName === undefined) enqueue(`group/${keyOf(one)}`);
      }
    }),
  ];
}
