// Carries out one ExpansionStep. No policy here: decide.ts chose the step.
// Rule RSZ5 is carried out here too.
import { readSecret } from '#client/read-secret.ts';
import type { PersistentVolumeClaimStatus } from '#api/generated/core-v1.ts';
import { compareQuantities, formatBytes, quantityToBytes } from '#api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { CsiError } from '#csi/csi-error.ts';
import { isFinalCode, isInfeasibleCode } from '#rules/expansion.ts';
import {
  withControllerError,
  withControllerIntent,
  withExpansionFinished,
  withNodePending,
} from '#rules/expansion-status.ts';
import { PRE_RESIZE_CAPACITY } from '#rules/well-known.ts';
import { describeCallError } from './call-error.ts';
import { decideExpansion } from './decide.ts';
import { type BoundClaim, driverFacts, type ResizerDeps, SETTLED } from './deps.ts';
import { signOfUse } from './in-use.ts';
import { expandRequest } from './requests.ts';
import { expansionView } from './view.ts';

/** How long to look away from a volume that is in use; the end of the use is an event. */
const IN_USE_MS = 60_000;

/** One pass over the size of a claim, by `namespace/name`. */
export async function reconcileExpansion(
  deps: ResizerDeps,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches, driver, clock } = deps;
  const claim = caches.claims.get(key);
  const volume = claim && caches.volumes.get(claim.spec?.volumeName ?? '');
  if (claim === undefined || volume === undefined) return SETTLED;
  const bound = { claim, volume };
  const { uid } = claim.metadata;
  const mustBeFree = driver.volumeExpansion === 'OFFLINE' || deps.inUseAnswers.has(uid);
  const sign = mustBeFree ? signOfUse(deps, bound) : undefined;
  const allocated = claim.status?.allocatedResources?.storage;
  const step = decideExpansion(
    expansionView(driverFacts(driver), bound, {
      wasRefused: allocated !== undefined && deps.refusedSizes.get(uid) === allocated,
      isInTheWay: sign !== undefined,
      now: clock.now(),
    }),
  );
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'wait':
      return { kind: 'blocked', because: step.because, retryAfterMs: step.retryAfterMs };
    case 'in-use':
      return inUse(deps, bound, sign ?? '');
    case 'record':
      return storeStatus(deps, bound, withControllerIntent(claim.status, step.to, clock.now()), signal);
    case 'expand':
      return expand(deps, bound, step.to, signal);
    case 'forget-old-capacity':
      return forgetOldCapacity(deps, bound, signal);
  }
}

function inUse({ events, driver }: ResizerDeps, { claim }: BoundClaim, sign: string): Outcome {
  const message =
    `Unable to expand ${claim.metadata.namespace ?? ''}/${claim.metadata.name} because CSI driver ` +
    `${driver.name} only supports offline expansion and volume is currently in-use by ${sign}`;
  events.record(claim, { type: 'Warning', reason: 'VolumeResizeFailed', message });
  return { kind: 'blocked', because: message, retryAfterMs: IN_USE_MS };
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

interface Answer {
  /** What the volume has now. */
  readonly capacity: string;
  readonly needsNode: boolean;
}

/** RSZ2 to RSZ6: the call, then the volume, then the claim. */
async function expand(
  deps: ResizerDeps,
  bound: BoundClaim,
  to: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { claim, volume } = bound;
  const { events, clock, refusedSizes, inUseAnswers } = deps;
  const { uid } = claim.metadata;
  const message = `External resizer is resizing volume ${volume.metadata.name}`;
  events.record(claim, { type: 'Normal', reason: 'Resizing', message });
  let answer: Answer;
  try {
    answer = await callDriver(deps, bound, to, signal);
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    return failed(deps, bound, { to, error }, signal);
  }
  refusedSizes.delete(uid);
  inUseAnswers.delete(uid);
  await storeCapacity(deps, bound, answer, signal);
  if (answer.needsNode) {
    const outcome = await storeStatus(deps, bound, withNodePending(claim.status, clock.now()), signal);
    const text = 'Require file system resize of volume on node';
    events.record(claim, { type: 'Normal', reason: 'FileSystemResizeRequired', message: text });
    return outcome;
  }
  const outcome = await storeStatus(
    deps,
    bound,
    withExpansionFinished(claim.status, answer.capacity),
    signal,
  );
  const text = 'Resize volume succeeded';
  events.record(claim, { type: 'Normal', reason: 'VolumeResizeSuccessful', message: text });
  return outcome;
}

async function callDriver(
  deps: ResizerDeps,
  { volume }: BoundClaim,
  to: string,
  signal: AbortSignal,
): Promise<Answer> {
  const { driver } = deps;
  if (!driver.controllerCapabilities.has('EXPAND_VOLUME')) return { capacity: to, needsNode: true }; // RSZ9
  const { capacityBytes, nodeExpansionRequired } = await driver.connection.controller.controllerExpandVolume(
    {
      ...expandRequest(volume, to, driver.controllerCapabilities.has('SINGLE_NODE_MULTI_WRITER')),
      secrets: await readSecret(deps, volume.spec?.csi?.controllerExpandSecretRef, signal),
    },
    { timeoutMs: deps.callTimeoutMs, signal },
  );
  const asked = quantityToBytes(to);
  const given = BigInt(capacityBytes);
  // RSZ10
  if (given < asked) {
    throw new CsiError(
      'UNKNOWN',
      `ControllerExpandVolume answered with ${given} bytes, at least ${asked} were asked for`,
    );
  }
  return { capacity: given === asked ? to : formatBytes(given), needsNode: nodeExpansionRequired };
}

/** RSZ6 */
async function failed(
  deps: ResizerDeps,
  bound: BoundClaim,
  { to, error }: { readonly to: string; readonly error: CsiError },
  signal: AbortSignal,
): Promise<Outcome> {
  const { claim, volume } = bound;
  const { uid } = claim.metadata;
  const message = `resize volume "${volume.metadata.name}" by resizer "${deps.driver.name}" failed: ${describeCallError(error)}`;
  if (error.code === 'FAILED_PRECONDITION') deps.inUseAnswers.add(uid);
  if (isFinalCode(error.code)) deps.refusedSizes.set(uid, to);
  else deps.refusedSizes.delete(uid);
  deps.events.record(claim, { type: 'Warning', reason: 'VolumeResizeFailed', message });
  const isInfeasible = isInfeasibleCode(error.code);
  const told = { message: describeCallError(error), isInfeasible };
  const outcome = await storeStatus(
    deps,
    bound,
    withControllerError(claim.status, told, deps.clock.now()),
    signal,
  );
  return isInfeasible ? outcome : { kind: 'failed', error };
}

/** RSZ3, RSZ4: the volume first, so that a claim never says more than its volume. */
async function storeCapacity(
  deps: ResizerDeps,
  { claim, volume }: BoundClaim,
  { capacity, needsNode }: Answer,
  signal: AbortSignal,
): Promise<void> {
  const has = volume.spec?.capacity?.storage;
  const annotations = volume.metadata.annotations ?? {};
  const isLarger = has === undefined || compareQuantities(capacity, has) > 0;
  const isNoted = !needsNode || annotations[PRE_RESIZE_CAPACITY] !== undefined;
  if (!isLarger && isNoted) return;
  const noted = { ...annotations, [PRE_RESIZE_CAPACITY]: claim.status?.capacity?.storage ?? '' };
  await deps.api.update(
    persistentVolumes,
    {
      ...volume,
      metadata: { ...volume.metadata, annotations: isNoted ? annotations : noted },
      spec: {
        ...volume.spec,
        capacity: { ...volume.spec?.capacity, storage: isLarger ? capacity : has },
      },
    },
    signal,
  );
}

async function forgetOldCapacity(
  deps: ResizerDeps,
  { volume }: BoundClaim,
  signal: AbortSignal,
): Promise<Outcome> {
  const { [PRE_RESIZE_CAPACITY]: _old, ...annotations } = volume.metadata.annotations ?? {};
  const written = await deps.api.update(
    persistentVolumes,
    { ...volume, metadata: { ...volume.metadata, annotations } },
    signal,
  );
  return {
    kind: 'progressed',
    wrote: { informer: deps.caches.volumes, resourceVersion: written.metadata.resourceVersion },
  };
}
