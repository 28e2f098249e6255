// The finalizer that keeps a claim while a snapshot of it is unfinished (SNC4).
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeGroupSnapshot } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshot } from '#api/generated/snapshot-v1.ts';
import { splitKey, type Stored } from '#api/object.ts';
import { persistentVolumeClaims, volumeGroupSnapshots, volumeSnapshots } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { CLAIM_SOURCE_FINALIZER } from '#rules/snapshot-names.ts';
import { BY_CLAIM, SETTLED, type SnapshotsDeps, wrote } from './deps.ts';
import { selects, SourceUnfit } from './sources.ts';

/** A snapshot of the claim that is not finished, in words. */
export function unfinishedOf(snapshots: Iterable<VolumeSnapshot>, claimName: string): string | undefined {
  for (const { metadata, spec, status } of snapshots) {
    if (spec.source.persistentVolumeClaimName !== claimName || status?.readyToUse === true) continue;
    return `snapshot ${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  }
  return undefined;
}

/** The same for a group snapshot that selects it. */
export function unfinishedGroupOf(
  claim: PersistentVolumeClaim,
  groups: Iterable<VolumeGroupSnapshot>,
): string | undefined {
  for (const group of groups) {
    if (group.status?.readyToUse === true || !selects(group, claim)) continue;
    return `group snapshot ${group.metadata.namespace ?? ''}/${group.metadata.name ?? ''}`;
  }
  return undefined;
}

export async function reconcileClaim(
  deps: SnapshotsDeps,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches, api } = deps;
  const claim = caches.claims.get(key);
  const finalizers = claim?.metadata.finalizers ?? [];
  if (claim === undefined || !finalizers.includes(CLAIM_SOURCE_FINALIZER)) return SETTLED;
  const { name } = claim.metadata;
  if (unfinishedOf(caches.snapshots.byIndex(BY_CLAIM, key), name) !== undefined) return SETTLED;
  if (unfinishedGroupOf(claim, caches.groups.list()) !== undefined) return SETTLED;
  const { namespace } = splitKey(key);
  const live = await api.list(volumeSnapshots, namespace === undefined ? {} : { namespace }, signal);
  const groups = await api.list(volumeGroupSnapshots, namespace === undefined ? {} : { namespace }, signal);
  const user = unfinishedOf(live.items, name) ?? unfinishedGroupOf(claim, groups.items);
  if (user !== undefined) return { kind: 'blocked', because: `${user} is unfinished`, retryAfterMs: 1_000 };
  const rest = finalizers.filter((one) => one !== CLAIM_SOURCE_FINALIZER);
  const next = { ...claim, metadata: { ...claim.metadata, finalizers: rest } };
  return wrote(caches.claims, await api.update(persistentVolumeClaims, next, signal));
}

/** Protects the claim, read live; an Error when it is going. */
export async function protectClaim(
  { api }: SnapshotsDeps,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, deletionTimestamp, finalizers = [] } = claim.metadata;
  if (finalizers.includes(CLAIM_SOURCE_FINALIZER)) return;
  if (deletionTimestamp !== undefined)
    throw new SourceUnfit(
      `cannot add finalizer on claim [${namespace ?? ''}/${name}]: claim is being deleted`,
    );
  const next = {
    ...claim,
    metadata: { ...claim.metadata, finalizers: [...finalizers, CLAIM_SOURCE_FINALIZER] },
  };
  await api.update(persistentVolumeClaims, next, signal);
}
