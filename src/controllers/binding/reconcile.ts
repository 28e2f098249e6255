// Carries out one step for one key. No policy here: what to do is decided in decide.ts and decide-volume.ts.
// Up to the first await everything is synchronous, so a choice and its reservation cannot be interleaved.
// Rules BND2, BND6, BND7, BND8 and BND70 are carried out here too.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { reservedVolume } from '#rules/claim-ref.ts';
import { proveRecyclable } from '#rules/proofs-recycle.ts';
import { Announcements } from './announcements.ts';
import * as claims from './claim-writes.ts';
import { decideClaim } from './decide.ts';
import { decideVolume } from './decide-volume.ts';
import { markedAnnotations } from './migration-mark.ts';
import { Reservations } from '#rules/reservations.ts';
import { SCRUBBER_NAMESPACE, scrubberPod } from './scrubber.ts';
import type { ClaimStep, VolumeStep } from './steps.ts';
import * as volumes from './volume-writes.ts';
import {
  type BindingCaches,
  claimKey,
  type ClaimView,
  observeClaim,
  observeVolume,
  type VolumeView,
} from './view.ts';

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1000;
/** Any image with a shell, find, ls and test. */
const DEFAULT_RECYCLER_IMAGE = 'busybox';

interface Pass {
  readonly deps: LoopDeps;
  readonly caches: BindingCaches;
  readonly reservations: Reservations;
  readonly announcements: Announcements;
  readonly recyclerImage: string;
}

/** Keys are `claim/<namespace>/<name>` and `volume/<name>`. */
export function bindingReconcile(
  deps: LoopDeps,
  caches: BindingCaches,
  recyclerImage = DEFAULT_RECYCLER_IMAGE,
): Reconcile {
  const reservations = new Reservations();
  const announcements = new Announcements(deps.events);
  const pass: Pass = { deps, caches, reservations, announcements, recyclerImage };
  return async (key, signal) => {
    try {
      const slash = key.indexOf('/');
      const [kind, name] = [key.slice(0, slash), key.slice(slash + 1)];
      return await (kind === 'claim'
        ? reconcileClaim(pass, name, signal)
        : reconcileVolume(pass, name, signal));
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileClaim(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const view = observeClaim(pass.caches, name, pass.reservations);
  if (view === undefined) {
    pass.announcements.forget(`claim/${name}`);
    return { kind: 'settled' };
  }
  const step = decideClaim(view);
  announce(pass, `claim/${name}`, asClaim(view.claim), step);
  return carryOutClaimStep(pass, view, step, signal);
}

async function carryOutClaimStep(
  pass: Pass,
  view: ClaimView,
  step: ClaimStep,
  signal: AbortSignal,
): Promise<Outcome> {
  const { claim } = view;
  const { api, clock } = pass.deps;
  switch (step.kind) {
    case 'reserve':
      return reserve(pass, claim, step.volume, signal);
    case 'mark-bound': {
      const bound = volumes.volumeInPhase(step.volume, 'Bound', clock.now());
      return wroteVolume(pass, await api.updateStatus(persistentVolumes, bound, signal));
    }
    case 'point':
      return writeClaim(pass, claims.pointedClaim(claim, step.volume), signal);
    case 'publish':
      return writeClaimStatus(pass, claims.publishedClaim(claim, step.volume), signal);
    case 'assign-class':
      return writeClaim(pass, claims.claimWithClass(claim, step.className), signal);
    case 'mark-migrated':
      return writeClaim(pass, withMark(claim, step.driver), signal);
    case 'ask-provisioner':
      return writeClaim(pass, claims.claimForProvisioner(claim, step.provisioner), signal);
    case 'pend':
      return writeClaimStatus(pass, claims.pendingClaim(claim), signal);
    case 'lose':
      return lose(pass, view, signal);
    case 'rest':
      return { kind: 'settled' };
    default:
      return assertNever(step);
  }
}

async function reserve(
  pass: Pass,
  claim: Stored<PersistentVolumeClaim>,
  volume: Stored<PersistentVolume>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name } = volume.metadata;
  pass.reservations.reserve(name, claim.metadata.uid);
  try {
    const written = await pass.deps.api.update(persistentVolumes, reservedVolume(volume, claim), signal);
    pass.reservations.confirm(name, claim.metadata.uid, Number(written.metadata.resourceVersion));
    return wroteVolume(pass, written);
  } catch (error) {
    pass.reservations.release(name);
    throw error;
  }
}

/** Lost means data loss to the user, so the cache's word is not enough (BND45). */
async function lose(pass: Pass, view: ClaimView, signal: AbortSignal): Promise<Outcome> {
  const { claim } = view;
  const name = claim.spec?.volumeName ?? '';
  const { api } = pass.deps;
  const volume = name === '' ? undefined : await api.find(persistentVolumes, { name }, signal);
  const step = decideClaim({ ...view, volume });
  if (step.kind !== 'lose') return behind(`volume "${name}" is there, which the cache does not show yet`);
  const outcome = await writeClaimStatus(pass, claims.lostClaim(claim), signal);
  pass.announcements.tell(claimKey(claim), asClaim(claim), step.news);
  return outcome;
}

async function reconcileVolume(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const view = observeVolume(pass.caches, name);
  if (view === undefined) {
    pass.announcements.forget(`volume/${name}`);
    return { kind: 'settled' };
  }
  const step = decideVolume(view);
  announce(pass, `volume/${name}`, asVolume(view.volume), step);
  return carryOutVolumeStep(pass, view, step, signal);
}

async function carryOutVolumeStep(
  pass: Pass,
  view: VolumeView,
  step: VolumeStep,
  signal: AbortSignal,
): Promise<Outcome> {
  const { volume } = view;
  const { api, clock } = pass.deps;
  switch (step.kind) {
    case 'set-phase': {
      const next = volumes.volumeInPhase(volume, step.phase, clock.now(), step.news);
      return wroteVolume(pass, await api.updateStatus(persistentVolumes, next, signal));
    }
    case 'release':
      return release(pass, view, signal);
    case 'roll-back': {
      const free = volumes.rolledBackVolume(volume, step.clears);
      return wroteVolume(pass, await api.update(persistentVolumes, free, signal));
    }
    case 'mark-migrated':
      return wroteVolume(pass, await api.update(persistentVolumes, withMark(volume, step.driver), signal));
    case 'scrub':
      return scrub(pass, volume.metadata.name, signal);
    case 'drop-scrubber': {
      const pod = { namespace: SCRUBBER_NAMESPACE, name: step.pod };
      await api.delete(pods, pod, { gracePeriodSeconds: 0 }, signal);
      return { kind: 'settled' }; // its event brings the key back
    }
    case 'set-finalizers': {
      const next = volumes.volumeWithFinalizers(volume, step.finalizers);
      return wroteVolume(pass, await api.update(persistentVolumes, next, signal));
    }
    case 'rest':
      return { kind: 'settled' };
    default:
      return assertNever(step);
  }
}

/** A released volume may be deleted, so the claim's absence is read live first (BND58). */
async function release(pass: Pass, { volume }: VolumeView, signal: AbortSignal): Promise<Outcome> {
  const { namespace = '', name = '' } = volume.spec?.claimRef ?? {};
  const { api, clock } = pass.deps;
  const claim = await api.find(persistentVolumeClaims, { namespace, name }, signal);
  if (decideVolume({ volume, claim }).kind !== 'release') {
    return behind(`claim "${namespace}/${name}" is there, which the cache does not show yet`);
  }
  const released = volumes.volumeInPhase(volume, 'Released', clock.now());
  return wroteVolume(pass, await api.updateStatus(persistentVolumes, released, signal));
}

/** What is in the volume is lost after this: only with a proof (BND64). */
async function scrub(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const { api, log } = pass.deps;
  const result = await proveRecyclable(api, name, signal);
  if (result.kind === 'refused') return behind(result.because);
  log.info('scrubbing', { volume: name, proof: result.proof.describe() });
  const { metadata } = await api.create(pods, scrubberPod(result.proof, pass.recyclerImage), signal);
  const wrote = { informer: pass.caches.pods, resourceVersion: metadata.resourceVersion };
  return { kind: 'progressed', wrote };
}

function withMark<T extends Stored<ApiObject>>(object: T, driver: string | undefined): T {
  const annotations = markedAnnotations(object.metadata.annotations, driver);
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function behind(because: string): Outcome {
  return { kind: 'blocked', because, retryAfterMs: BEHIND_MS };
}

async function writeClaim(
  pass: Pass,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Outcome> {
  return wroteClaim(pass, await pass.deps.api.update(persistentVolumeClaims, claim, signal));
}

async function writeClaimStatus(
  pass: Pass,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Outcome> {
  return wroteClaim(pass, await pass.deps.api.updateStatus(persistentVolumeClaims, claim, signal));
}

function wroteClaim(pass: Pass, { metadata }: Stored<PersistentVolumeClaim>): Outcome {
  const { resourceVersion } = metadata;
  return { kind: 'progressed', wrote: { informer: pass.caches.claims, resourceVersion } };
}

function wroteVolume(pass: Pass, { metadata }: Stored<PersistentVolume>): Outcome {
  const { resourceVersion } = metadata;
  return { kind: 'progressed', wrote: { informer: pass.caches.volumes, resourceVersion } };
}

/** What a step says is told at once; a step that says nothing new ends the silence about older news. */
function announce(pass: Pass, key: string, about: ApiObject, step: ClaimStep | VolumeStep): void {
  // Lost is told only after the live read has confirmed it.
  if (step.kind === 'lose') return;
  if ('news' in step && step.news !== undefined) pass.announcements.tell(key, about, step.news);
  else if (step.kind === 'rest') pass.announcements.forget(key);
}

/** Events need the kind, which items of a list do not carry. */
function asClaim(claim: Stored<PersistentVolumeClaim>): ApiObject {
  return { ...claim, apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
}

function asVolume(volume: Stored<PersistentVolume>): ApiObject {
  return { ...volume, apiVersion: 'v1', kind: 'PersistentVolume' };
}
