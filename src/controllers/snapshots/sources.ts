// What a snapshot is taken of: a bound claim and its volume, or the claims that a group selects. Decided from live reads.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeGroupSnapshot } from '#api/generated/groupsnapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';
import type { LiveReads } from '#rules/proofs.ts';

/** Why something cannot be the source of a snapshot now; told to the snapshot's user. */
export class SourceUnfit extends Error {
  override readonly name = 'SourceUnfit';
}

export interface Source {
  readonly claim: Stored<PersistentVolumeClaim>;
  readonly volume: Stored<PersistentVolume>;
  readonly driver: string;
  readonly handle: string;
}

/** The volume behind a claim, if the two are bound to each other and it is a CSI one. */
export async function sourceOfClaim(
  live: LiveReads,
  name: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<Source> {
  const claim = await live.find(persistentVolumeClaims, name, signal);
  if (claim === undefined) throw new SourceUnfit(`persistentvolumeclaim "${name.name}" not found`);
  return sourceOf(live, claim, signal);
}

export async function sourceOf(
  live: LiveReads,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Source> {
  const { name, uid } = claim.metadata;
  const volumeName = claim.spec?.volumeName ?? '';
  if (claim.status?.phase !== 'Bound' || volumeName === '')
    throw new SourceUnfit(`the PVC ${name} is not yet bound to a PV, will not attempt to take a snapshot`);
  const volume = await live.find(persistentVolumes, { name: volumeName }, signal);
  if (volume === undefined) throw new SourceUnfit(`the PV ${volumeName} of PVC ${name} does not exist`);
  if (volume.spec?.claimRef?.uid !== uid)
    throw new SourceUnfit(`the PV ${volumeName} is not bound to the PVC ${name}`);
  const { csi } = volume.spec;
  if (csi === undefined)
    throw new SourceUnfit(`snapshots are supported for CSI volumes only, PV ${volumeName} is none`);
  return { claim, volume, driver: csi.driver, handle: csi.volumeHandle };
}

/** True when the group's selector selects the claim. */
export function selects({ metadata, spec }: VolumeGroupSnapshot, claim: PersistentVolumeClaim): boolean {
  const { selector } = spec.source;
  if (selector === undefined || metadata.namespace !== claim.metadata.namespace) return false;
  try {
    // The generated type has the operator as text; a wrong one is malformed and selects nothing.
    return matchesLabels(
      selectorFromObject(selector as Parameters<typeof selectorFromObject>[0]),
      claim.metadata.labels,
    );
  } catch {
    return false;
  }
}
