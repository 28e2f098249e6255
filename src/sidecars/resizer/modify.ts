// Carries out one ModifyStep. No policy here: decide.ts chose the step.
// Rule RSZ23 is carried out here too.
import type { PersistentVolumeClaimStatus } from '#api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { CsiError } from '#csi/csi-error.ts';
import { isFinalCode } from '#rules/expansion.ts';
import { withModifyError, withModifyFinished, withModifyIntent, withModifyPending } from '#rules/modify.ts';
import { describeCallError, isInfeasibleClass } from './call-error.ts';
import { decideModify } from './decide.ts';
import { type BoundClaim, driverFacts, type ResizerDeps, SETTLED } from './deps.ts';
import { modifyRequest } from './requests.ts';
import { modifyView } from './view.ts';

/** One pass over the class of a claim, by `namespace/name`. */
export async function reconcileModify(deps: ResizerDeps, key: string, signal: AbortSignal): Promise<Outcome> {
  const { caches, driver, clock, events } = deps;
  const claim = caches.claims.get(key);
  const volume = claim && caches.volumes.get(claim.spec?.volumeName ?? '');
  if (claim === undefined || volume === undefined) return SETTLED;
  const bound = { claim, volume };
  const recorded = claim.status?.modifyVolumeStatus?.targetVolumeAttributesClassName;
  const refused = deps.refusedClasses.get(claim.metadata.uid);
  const step = decideModify(
    modifyView(driverFacts(driver), bound, {
      wasRefused: recorded !== undefined && refused === recorded,
      classOf: (name) => caches.classes.get(name),
      now: clock.now(),
    }),
  );
  const warn = (message: string): void =>
    events.record(claim, { type: 'Warning', reason: 'VolumeModifyFailed', message });
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'wait':
      return { kind: 'blocked', because: step.because, retryAfterMs: step.retryAfterMs };
    case 'pend':
      warn(`VAC ${step.target} does not exist.`);
      return storeStatus(deps, bound, withModifyPending(claim.status, step.target), signal);
    case 'refuse': {
      warn(step.because);
      const error = { target: step.target, message: step.because, isInfeasible: true };
      return storeStatus(deps, bound, withModifyError(claim.status, error, clock.now()), signal);
    }
    case 'record':
      deps.refusedClasses.delete(claim.metadata.uid);
      return storeStatus(deps, bound, withModifyIntent(claim.status, step.target, clock.now()), signal);
    case 'modify':
      return modify(deps, bound, step.target, signal);
    case 'clear':
      return storeStatus(deps, bound, withModifyFinished(claim.status, undefined), signal);
  }
}

async function storeStatus(
  deps: ResizerDeps,
  { claim }: BoundClaim,
  status: PersistentVolumeClaimStatus,
  signal: AbortSignal,
): Promise<Outcome> {
  const written = await deps.api.updateStatus(persistentVolumeClaims, { ...claim, status }, signal);
  return {
    kind: 'progressed',
    wrote: { informer: deps.caches.claims, resourceVersion: written.metadata.resourceVersion },
  };
}

/** RSZ22 to RSZ24: the call, then the volume, then the claim. */
async function modify(
  deps: ResizerDeps,
  bound: BoundClaim,
  target: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { claim, volume } = bound;
  const { driver, events } = deps;
  const parameters = deps.caches.classes.get(target)?.parameters ?? {};
  const begun = `external resizer is modifying volume ${claim.metadata.name} with vac ${target}`;
  events.record(claim, { type: 'Normal', reason: 'VolumeModify', message: begun });
  try {
    await driver.connection.controller.controllerModifyVolume(
      // No secrets: neither a class nor a volume names any for this call.
      modifyRequest(bound, parameters, deps.hasExtraMetadata),
      { timeoutMs: deps.callTimeoutMs, signal },
    );
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    return failed(deps, bound, { target, error }, signal);
  }
  deps.refusedClasses.delete(claim.metadata.uid);
  if (volume.spec?.volumeAttributesClassName !== target) {
    const spec = { ...volume.spec, volumeAttributesClassName: target };
    await deps.api.update(persistentVolumes, { ...volume, spec }, signal);
  }
  const outcome = await storeStatus(deps, bound, withModifyFinished(claim.status, target), signal);
  const message = `external resizer modified volume ${claim.metadata.name} with vac ${target} successfully`;
  events.record(claim, { type: 'Normal', reason: 'VolumeModifySuccessful', message });
  return outcome;
}

async function failed(
  deps: ResizerDeps,
  bound: BoundClaim,
  { target, error }: { readonly target: string; readonly error: CsiError },
  signal: AbortSignal,
): Promise<Outcome> {
  const { claim } = bound;
  const message = describeCallError(error);
  if (isFinalCode(error.code)) deps.refusedClasses.set(claim.metadata.uid, target);
  else deps.refusedClasses.delete(claim.metadata.uid);
  deps.events.record(claim, { type: 'Warning', reason: 'VolumeModifyFailed', message });
  const isInfeasible = isInfeasibleClass(error);
  const status = withModifyError(claim.status, { target, message, isInfeasible }, deps.clock.now());
  const outcome = await storeStatus(deps, bound, status, signal);
  return isInfeasible ? outcome : { kind: 'failed', error };
}
