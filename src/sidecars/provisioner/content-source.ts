// What a claim is filled from: whether its snapshot or source claim can be copied, decided from live reads, and what
// CreateVolume is told. Rules PRV40 to PRV46.
// Rules PRV41 and PRV42 are carried out here too.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeSnapshot, VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import type { LiveReads } from '#rules/proofs.ts';
import { ALLOW_MODE_CHANGE } from '#rules/content-source.ts';
import type { DataSource } from './data-source.ts';

/** A claim that another one is cloned from. */
export interface ClonedClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What the volume is copied from, by the driver's own handle. */
export interface ContentSource {
  readonly kind: 'snapshot' | 'volume';
  readonly handle: string;
  /** Set for a clone: the claim that is protected meanwhile. */
  readonly cloneOf?: ClonedClaim;
}

export type SourceDecision =
  | { readonly kind: 'found'; readonly value: ContentSource }
  | { readonly kind: 'refused'; readonly because: string };

/** The claim to fill, as far as its source matters. */
export interface WantedCopy {
  readonly driver: string;
  readonly capabilities: ReadonlySet<string>;
  readonly claim: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly volumeMode: string;
  readonly requestedBytes: bigint;
}

const refused = (because: string): SourceDecision => ({ kind: 'refused', because });

/** Restoring: PRV40 to PRV43. */
export function decideSnapshotSource(
  wanted: WantedCopy,
  snapshot: Stored<VolumeSnapshot> | undefined,
  content: Stored<VolumeSnapshotContent> | undefined,
): SourceDecision {
  if (!wanted.capabilities.has('CREATE_DELETE_SNAPSHOT'))
    return refused(`driver "${wanted.driver}" cannot restore snapshots: it lacks CREATE_DELETE_SNAPSHOT`);
  if (snapshot === undefined) return refused('the snapshot does not exist');
  const { metadata, status } = snapshot;
  const named = `snapshot ${metadata.name}`;
  if (metadata.deletionTimestamp !== undefined) return refused(`${named} is currently being deleted`);
  if ((status?.boundVolumeSnapshotContentName ?? '') === '')
    return refused(`${named} is not bound to a VolumeSnapshotContent yet`);
  if (status?.readyToUse !== true) return refused(`${named} is not Ready`);
  if (content === undefined) return refused(`${named} has lost its VolumeSnapshotContent`);
  const { volumeSnapshotRef: ref, driver } = content.spec;
  const isBoundBack =
    ref.uid === metadata.uid && ref.name === metadata.name && ref.namespace === metadata.namespace;
  if (!isBoundBack)
    return refused(`VolumeSnapshotContent "${content.metadata.name}" is bound to another snapshot`);
  if (content.metadata.deletionTimestamp !== undefined)
    return refused(`VolumeSnapshotContent "${content.metadata.name}" is currently being deleted`);
  if (driver !== wanted.driver)
    return refused(`${named} is one of driver "${driver}", but "${wanted.driver}" makes the volume`);
  const handle = content.status?.snapshotHandle ?? '';
  if (handle === '') return refused(`snapshot handle of ${named} is not available`);
  return (
    misfitOfSnapshot(wanted, snapshot, content) ?? { kind: 'found', value: { kind: 'snapshot', handle } }
  );
}

function misfitOfSnapshot(
  wanted: WantedCopy,
  { metadata, status }: Stored<VolumeSnapshot>,
  content: Stored<VolumeSnapshotContent>,
): SourceDecision | undefined {
  const restoreBytes = quantityToBytes(status?.restoreSize ?? '0');
  if (wanted.requestedBytes < restoreBytes) {
    return refused(
      `requested volume size ${wanted.requestedBytes} is less than the size ${restoreBytes} for the source snapshot ${metadata.name}`,
    );
  }
  const mode = content.spec.sourceVolumeMode;
  const mayChange = content.metadata.annotations?.[ALLOW_MODE_CHANGE] === 'true';
  if (mode === undefined || mode === wanted.volumeMode || mayChange) return undefined;
  return refused(
    `requested volume ${wanted.claim.namespace}/${wanted.claim.name} modifies the mode of the source volume but does not ` +
      `have permission to do so. ${ALLOW_MODE_CHANGE} annotation is not present on snapshotcontent ${content.metadata.name}`,
  );
}

/** Cloning: PRV44 and PRV45. */
export function decideCloneSource(
  wanted: WantedCopy,
  source: Stored<PersistentVolumeClaim> | undefined,
  volume: Stored<PersistentVolume> | undefined,
): SourceDecision {
  if (!wanted.capabilities.has('CLONE_VOLUME'))
    return refused(`driver "${wanted.driver}" cannot clone volumes: it lacks CLONE_VOLUME`);
  if (source === undefined) return refused('the source PVC does not exist');
  const { metadata, spec, status } = source;
  const named = `source PVC ${metadata.name}`;
  if (metadata.uid === wanted.claim.uid) return refused('a claim cannot be cloned from itself');
  if (metadata.deletionTimestamp !== undefined) return refused(`the ${named} is currently being deleted`);
  if (status?.phase !== 'Bound' || volume === undefined) return refused(`the ${named} is not Bound`);
  if (volume.spec?.claimRef?.uid !== metadata.uid)
    return refused(`PersistentVolume "${volume.metadata.name}" is not bound to the ${named}`);
  const { csi } = volume.spec;
  if (csi?.driver !== wanted.driver)
    return refused(
      `the ${named} is not a volume of driver "${wanted.driver}", so this driver cannot clone it`,
    );
  if ((spec?.volumeMode ?? 'Filesystem') !== wanted.volumeMode)
    return refused('the source PVC and destination PVCs must have the same volumeMode');
  const sourceBytes = quantityToBytes(volume.spec.capacity?.['storage'] ?? '0');
  if (wanted.requestedBytes < sourceBytes) {
    return refused(
      'new PVC request must be greater than or equal in size to the specified PVC data source, ' +
        `requested ${wanted.requestedBytes} but source is ${sourceBytes}`,
    );
  }
  const cloneOf = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid };
  return { kind: 'found', value: { kind: 'volume', handle: csi.volumeHandle, cloneOf } };
}

/** Reads the source live and decides; a cache could show one that has gone. */
export async function resolveContentSource(
  live: LiveReads,
  wanted: WantedCopy,
  source: Extract<DataSource, { readonly kind: 'snapshot' | 'claim' }>,
  signal: AbortSignal,
): Promise<SourceDecision> {
  const { namespace, name } = source;
  if (source.kind === 'snapshot') {
    const snapshot = await live.find(volumeSnapshots, { namespace, name }, signal);
    const contentName = snapshot?.status?.boundVolumeSnapshotContentName ?? '';
    const content =
      contentName === '' ? undefined : await live.find(volumeSnapshotContents, { name: contentName }, signal);
    return decideSnapshotSource(wanted, snapshot, content);
  }
  const claim = await live.find(persistentVolumeClaims, { namespace, name }, signal);
  const volumeName = claim?.spec?.volumeName ?? '';
  const volume =
    volumeName === '' ? undefined : await live.find(persistentVolumes, { name: volumeName }, signal);
  return decideCloneSource(wanted, claim, volume);
}
