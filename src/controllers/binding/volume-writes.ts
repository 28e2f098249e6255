// The objects that a volume's steps write: pure, each from the object that was read, whose resourceVersion it keeps.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { formatTime } from '#base/clock.ts';
import { BOUND_BY_CONTROLLER } from '#rules/well-known.ts';
import type { News } from './steps.ts';

type Volume = Stored<PersistentVolume>;
type Phase = NonNullable<NonNullable<PersistentVolume['status']>['phase']>;

/** The volume in another phase, with the time of the change (BND63); a reason only while it explains the phase. */
export function volumeInPhase(volume: Volume, phase: Phase, now: number, news?: News): Volume {
  const why = news === undefined ? {} : { reason: news.reason, message: news.message };
  return { ...volume, status: { phase, lastPhaseTransitionTime: formatTime(now), ...why } };
}

/** BND56, BND57: our own choice goes as a whole; a user's choice loses only the UID, so that it can be tried again. */
export function rolledBackVolume(volume: Volume, clears: 'pointer' | 'uid'): Volume {
  const { claimRef, ...spec } = volume.spec ?? {};
  const { [BOUND_BY_CONTROLLER]: mark, ...annotations } = volume.metadata.annotations ?? {};
  const metadata = { ...volume.metadata, annotations };
  if (clears === 'pointer' || claimRef === undefined) return { ...volume, metadata, spec };
  const { uid, resourceVersion, ...pointer } = claimRef;
  return { ...volume, metadata, spec: { ...spec, claimRef: pointer } };
}

/** BND66. */
export function volumeWithFinalizers(volume: Volume, finalizers: readonly string[]): Volume {
  return { ...volume, metadata: { ...volume.metadata, finalizers } };
}
