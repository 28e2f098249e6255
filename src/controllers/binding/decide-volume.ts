// The next step for a volume. Pure; rules BND50 to BND66 of SPEC.md. Volumes of a pair that is being made or is whole
// are left to the claim's key, so that two keys never write the same pair.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { claimKeyOf, hasUid } from '#rules/claim-ref.ts';
import { volumeModeOf } from '#rules/match-volume.ts';
import { migratedDriver } from '#rules/migration.ts';
import { decideReclaim } from '#rules/reclaim.ts';
import {
  BOUND_BY_CONTROLLER,
  EXTERNAL_PROVISIONER_FINALIZER,
  IN_TREE_PREFIX,
  PROVISIONED_BY,
  PV_CONTROLLER_FINALIZER,
} from '#rules/well-known.ts';
import { wantedMigration } from './migration-mark.ts';
import type { News, VolumePhase, VolumeStep } from './steps.ts';
import type { Recycling, Scrubber, VolumeView } from './view.ts';

type Volume = Stored<PersistentVolume>;
type Claim = Stored<PersistentVolumeClaim>;

/** Decides the next step for a volume. */
export function decideVolume({ volume, claim, recycling }: VolumeView): VolumeStep {
  const migration = wantedMigration(volume.metadata.annotations, PROVISIONED_BY);
  if (migration !== undefined) return { kind: 'mark-migrated', ...migration }; // BND67
  const finalizers = wantedFinalizers(volume);
  if (finalizers !== undefined) return { kind: 'set-finalizers', finalizers }; // BND66
  const ref = volume.spec?.claimRef;
  const scrubber = recycling?.scrubber;
  // A pod that scrubbed after another claim says nothing about what is there now.
  if (scrubber !== undefined && scrubber.claimUid !== ref?.uid) return drop(scrubber); // BND64
  if (ref === undefined) return toPhase(volume, 'Available'); // BND50
  if (!hasUid(ref)) return toPhase(volume, 'Available'); // BND51
  // OBSERVED: the volume belongs to one claim.
  if (claim === undefined || claim.metadata.uid !== ref.uid) return decideUnclaimed(volume, recycling); // BND52
  const named = claim.spec?.volumeName ?? '';
  if (named === '') return decideReserved(volume, claim);
  if (named === volume.metadata.name) return rest('the pair is left to its claim'); // BND53
  return decideBeaten(volume); // BND55 to BND57
}

/** OBSERVED: reserved, while the claim does not point back yet. */
function decideReserved(volume: Volume, claim: Claim): VolumeStep {
  if (volumeModeOf(volume) === volumeModeOf(claim)) return rest('the pair is left to its claim'); // BND53
  const message =
    `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to ` +
    'incompatible volumeMode.';
  return {
    kind: 'rest',
    because: message,
    news: { type: 'Warning', reason: 'VolumeMismatch', message },
  }; // BND54
}

/** OBSERVED: its claim points at another volume, so this one lost the race. */
function decideBeaten(volume: Volume): VolumeStep {
  const annotations = volume.metadata.annotations ?? {};
  const isMade = annotations[PROVISIONED_BY] !== undefined;
  if (isMade && volume.spec?.persistentVolumeReclaimPolicy === 'Delete')
    return decideUnclaimed(volume, undefined); // BND55
  const byController = annotations[BOUND_BY_CONTROLLER] !== undefined;
  return { kind: 'roll-back', clears: byController ? 'pointer' : 'uid' }; // BND56, BND57
}

/** OBSERVED: the claim that it was bound to is gone, or a new one has its name. */
function decideUnclaimed(volume: Volume, recycling: Recycling | undefined): VolumeStep {
  const phase = volume.status?.phase;
  if (phase !== 'Released' && phase !== 'Failed') return { kind: 'release' }; // BND52
  const reclaim = decideReclaim(volume);
  switch (reclaim.kind) {
    case 'retain':
      return rest('released and retained'); // BND60
    case 'external':
      return rest(`released: its provisioner ${reclaim.provisioner} deletes it`); // BND61
    case 'recycle':
      return decideRecycling(volume, recycling);
    case 'impossible': {
      const { reason, message } = reclaim;
      return toPhase(volume, 'Failed', { type: 'Warning', reason, message }); // BND62
    }
  }
}

function drop({ name }: Scrubber): VolumeStep {
  return { kind: 'drop-scrubber', pod: name };
}

/** OBSERVED: released, to be emptied and offered again. */
function decideRecycling(
  volume: Volume,
  recycling: Recycling = { scrubber: undefined, users: [] },
): VolumeStep {
  const { scrubber, users } = recycling;
  if (users.length > 0) {
    const message = `Volume is used by pods: ${users.join(',')}`;
    return {
      kind: 'rest',
      because: message,
      news: { type: 'Normal', reason: 'VolumeFailedRecycle', message },
    };
  } // BND65
  if (scrubber === undefined)
    return volume.status?.phase === 'Failed' ? rest('scrubbing failed') : { kind: 'scrub' };
  switch (scrubber.phase) {
    case 'Succeeded': {
      const byController = volume.metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined;
      const news = { type: 'Normal', reason: 'VolumeRecycled', message: 'Volume recycled' } as const;
      return { kind: 'roll-back', clears: byController ? 'pointer' : 'uid', news };
    }
    case 'Failed': {
      const message = `Recycle failed: pod "${scrubber.name}" failed: read its logs, then delete volume or pod`;
      return toPhase(volume, 'Failed', { type: 'Warning', reason: 'VolumeFailedRecycle', message });
    }
    default:
      return rest(`pod "${scrubber.name}" is scrubbing it`);
  }
}

function toPhase(volume: Volume, phase: VolumePhase, news?: News): VolumeStep {
  if (volume.status?.phase === phase) return rest(`${phase} for ${claimKeyOf(volume) ?? 'any claim'}`);
  return { kind: 'set-phase', phase, ...(news === undefined ? {} : { news }) };
}

/** Our finalizer is for in-tree volumes that were made on demand and are to be deleted; undefined: nothing to change. */
function wantedFinalizers(volume: Volume): readonly string[] | undefined {
  const has = volume.metadata.finalizers ?? [];
  const made = volume.metadata.annotations?.[PROVISIONED_BY] ?? '';
  const isOurs = made.startsWith(IN_TREE_PREFIX) && migratedDriver(made) === undefined;
  const wants =
    isOurs && volume.spec?.csi === undefined && volume.spec?.persistentVolumeReclaimPolicy === 'Delete';
  // Nobody is left to take the external provisioner's finalizer off a volume that came back from migration.
  const goes = [
    ...(isOurs && volume.spec?.csi === undefined ? [EXTERNAL_PROVISIONER_FINALIZER] : []),
    ...(wants ? [] : [PV_CONTROLLER_FINALIZER]),
  ];
  const left = has.filter((finalizer) => !goes.includes(finalizer));
  // Finalizers only shrink once an object is being deleted (I-27).
  const isMissing = wants && !has.includes(PV_CONTROLLER_FINALIZER);
  const comes = isMissing && volume.metadata.deletionTimestamp === undefined ? [PV_CONTROLLER_FINALIZER] : [];
  return left.length === has.length && comes.length === 0 ? undefined : [...left, ...comes];
}

function rest(because: string): VolumeStep {
  return { kind: 'rest', because };
}
