// Carries out one ProvisionStep. No policy here: decide.ts chose the step, create-volume.ts says what an answer means.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, nodes, persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import { CsiError, callErrorText, driverText } from '#csi/csi-error.ts';
import type { Volume } from '#csi/generated/csi.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { createVolume } from './create-volume.ts';
import { decideProvision } from './decide.ts';
import { BY_UID, type ProvisionerDeps } from './deps.ts';
import { deleteOnDriver } from './delete-volume.ts';
import { decodeIntent, encodeIntent, type Intent, INTENT_NAMESPACE } from './intent.ts';
import { persistentVolumeOf } from './persistent-volume.ts';
import { type Deletable, proveAbandoned, whyStillWanted } from './prove-delete.ts';
import { raceForClaim } from './race-for-claim.ts';
import { recordIntent } from './record-intent.ts';
import { claimFacts, type ProvisionView, volumeFacts } from './view.ts';

const SETTLED: Outcome = { kind: 'settled' };

/** One pass over the volume `pvc-<claim uid>`. */
export async function reconcileProvision(
  deps: ProvisionerDeps,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches } = deps;
  const claim = caches.claims.byIndex(BY_UID, name.slice('pvc-'.length))[0];
  const stored = caches.intents.get(`${INTENT_NAMESPACE}/${name}`);
  const intent = stored === undefined ? undefined : decodeIntent(stored);
  if (intent !== undefined && !isOwnIntent(deps, intent)) return SETTLED;
  if (claim === undefined) forget(deps, name);
  const step = decideProvision(observe(deps, name, claim, intent));
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'refuse':
      return refuse(deps, claim, step.message);
    case 'tell':
      return tell(deps, name, claim, step.message);
    case 'record-intent':
    case 'race':
      return prepare(deps, claim, step.kind, signal);
    case 'create':
      return intent === undefined ? SETTLED : create(deps, intent, signal);
    case 'finish':
    case 'withdraw':
      return removeIntent(deps, name, signal);
    case 'abandon':
      return intent === undefined ? SETTLED : abandon(deps, intent, signal);
  }
}

/** In distributed mode each node's provisioner has its own intents (PRV71). */
function isOwnIntent({ driver, behaviour }: ProvisionerDeps, intent: Intent): boolean {
  const own = behaviour.nodeDeployment?.nodeName;
  return intent.driver === driver.name && (own === undefined || intent.plan.node === own);
}

function forget({ said, races }: ProvisionerDeps, name: string): void {
  said.delete(name);
  races.delete(name);
}

function observe(
  deps: ProvisionerDeps,
  name: string,
  claim: Stored<PersistentVolumeClaim> | undefined,
  intent: Intent | undefined,
): ProvisionView {
  const { caches } = deps;
  const { nodeDeployment } = deps.behaviour;
  const storageClass =
    claim === undefined ? undefined : caches.classes.get(claim.spec?.storageClassName ?? '');
  const volume = caches.volumes.get(name);
  return {
    driver: deps.driver.name,
    distributed:
      nodeDeployment === undefined
        ? undefined
        : { nodeName: nodeDeployment.nodeName, races: nodeDeployment.immediateBinding },
    claim: claim === undefined ? undefined : claimFacts(claim),
    storageClass:
      storageClass === undefined
        ? undefined
        : {
            uid: storageClass.metadata.uid,
            isDelayed: storageClass.volumeBindingMode === 'WaitForFirstConsumer',
            provisioner: storageClass.provisioner,
          },
    intent:
      intent === undefined
        ? undefined
        : { phase: intent.phase, claimUid: intent.plan.claimUid, isFresh: deps.freshIntents.has(name) },
    volume: volume === undefined ? undefined : volumeFacts(volume),
  };
}

/** The steps that need the claim and its class; either may have gone from the cache. */
async function prepare(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim> | undefined,
  step: 'record-intent' | 'race',
  signal: AbortSignal,
): Promise<Outcome> {
  const storageClass = deps.caches.classes.get(claim?.spec?.storageClassName ?? '');
  if (claim === undefined || storageClass === undefined) return SETTLED;
  if (step === 'race') return raceForClaim(deps, claim, storageClass, signal);
  const { selectedNode } = claimFacts(claim);
  if (selectedNode !== '' && (await isNodeGone(deps, selectedNode, signal))) {
    return dropSelectedNode(deps, claim, signal); // PRV64
  }
  const result = await recordIntent(deps, claim, storageClass, signal);
  return result.kind === 'recorded' ? result.outcome : refuse(deps, claim, result.because);
}

async function isNodeGone(deps: ProvisionerDeps, name: string, signal: AbortSignal): Promise<boolean> {
  return (
    deps.caches.nodes.get(name) === undefined && (await deps.api.find(nodes, { name }, signal)) === undefined
  );
}

/** Lets the scheduler choose again. */
async function dropSelectedNode(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { [SELECTED_NODE]: dropped, ...annotations } = claim.metadata.annotations ?? {};
  const next = { ...claim, metadata: { ...claim.metadata, annotations } };
  const { metadata } = await deps.api.update(persistentVolumeClaims, next, signal);
  const wrote = { informer: deps.caches.claims, resourceVersion: metadata.resourceVersion };
  return { kind: 'progressed', wrote };
}

/** Says it once per claim and text. */
function tell(
  deps: ProvisionerDeps,
  name: string,
  claim: Stored<PersistentVolumeClaim> | undefined,
  message: string,
): Outcome {
  if (claim !== undefined && deps.said.get(name) !== message) {
    deps.said.set(name, message);
    deps.events.record(claim, { type: 'Normal', reason: 'Provisioning', message });
  }
  return SETTLED;
}

async function create(deps: ProvisionerDeps, intent: Intent, signal: AbortSignal): Promise<Outcome> {
  const { plan } = intent;
  const live = await deps.api.find(
    persistentVolumeClaims,
    { namespace: plan.claimNamespace, name: plan.claimName },
    signal,
  );
  // PRV4: the cache said that the claim waits; only the live object decides.
  const isWanted =
    live !== undefined &&
    live.metadata.uid === plan.claimUid &&
    live.metadata.deletionTimestamp === undefined &&
    (live.spec?.volumeName ?? '') === '';
  if (!isWanted) {
    return deps.freshIntents.has(intent.name)
      ? removeIntent(deps, intent.name, signal)
      : abandon(deps, intent, signal);
  }
  const result = await createVolume(deps, intent, signal);
  switch (result.kind) {
    case 'created':
      return storeVolume(deps, intent, live, persistentVolumeOf(intent, result.volume), signal);
    case 'wrong':
      return deleteWrong(deps, intent, live, result, signal);
    case 'refused':
      warn(deps, live, failureText(intent, result.error));
      await removeIntent(deps, intent.name, signal);
      return { kind: 'failed', error: result.error };
    case 'no-room':
      return reschedule(deps, intent, live, result.error, signal);
    case 'unknown':
      warn(deps, live, failureText(intent, result.error));
      return { kind: 'failed', error: result.error };
  }
}

/** PRV12: what was made is not what was asked. The claim still waits, so the name stays this claim's. */
async function deleteWrong(
  deps: ProvisionerDeps,
  intent: Intent,
  claim: Stored<PersistentVolumeClaim>,
  result: { readonly volume: Volume; readonly because: string },
  signal: AbortSignal,
): Promise<Outcome> {
  warn(deps, claim, `${result.because}; it is deleted again`);
  if (result.volume.volumeId === '') return { kind: 'failed', error: new Error(result.because) };
  const outcome = await giveUp(deps, intent, result.volume.volumeId, signal);
  return outcome.kind === 'settled' ? { kind: 'failed', error: new Error(result.because) } : outcome;
}

async function storeVolume(
  deps: ProvisionerDeps,
  intent: Intent,
  claim: Stored<PersistentVolumeClaim>,
  volume: ReturnType<typeof persistentVolumeOf>,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const created = await deps.api.create(persistentVolumes, volume, signal);
    deps.events.record(claim, {
      type: 'Normal',
      reason: 'ProvisioningSucceeded',
      message: `Successfully provisioned volume ${intent.name}`,
    });
    return {
      kind: 'progressed',
      wrote: { informer: deps.caches.volumes, resourceVersion: created.metadata.resourceVersion },
    };
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
  }
  // PRV9
  const existing = await deps.api.get(persistentVolumes, { name: intent.name }, signal);
  const facts = volumeFacts(existing);
  if (facts.claimUid === intent.plan.claimUid && facts.handle === volume.spec?.csi?.volumeHandle) {
    // The intent goes once the cache shows the volume; before that, the next pass would begin all over again.
    const { resourceVersion } = existing.metadata;
    return { kind: 'progressed', wrote: { informer: deps.caches.volumes, resourceVersion } };
  }
  const because = `PersistentVolume "${intent.name}" exists already with another claim or handle: remove or rename it`;
  warn(deps, claim, because);
  return { kind: 'failed', error: new Error(because) };
}

/** PRV13: no room where the scheduler sent it, and nothing was made: let the scheduler choose again. */
async function reschedule(
  deps: ProvisionerDeps,
  intent: Intent,
  claim: Stored<PersistentVolumeClaim>,
  error: CsiError,
  signal: AbortSignal,
): Promise<Outcome> {
  warn(deps, claim, failureText(intent, error));
  await removeIntent(deps, intent.name, signal);
  if (intent.plan.node !== '') await dropSelectedNode(deps, claim, signal);
  return { kind: 'failed', error };
}

/** PRV11: replay the call until it answers, then delete what it made, then the intent. */
async function abandon(deps: ProvisionerDeps, intent: Intent, signal: AbortSignal): Promise<Outcome> {
  // The cached intent may be one that is already gone: calling for it would create its name again (I-15).
  const wanted = await whyStillWanted(deps, intent, signal);
  if (wanted !== undefined) return endAbandon(deps, intent, wanted, signal);
  if (intent.phase === 'deleting') return giveUp(deps, intent, intent.handle, signal);
  const result = await createVolume(deps, intent, signal);
  switch (result.kind) {
    case 'created':
    case 'wrong':
      return giveUp(deps, intent, result.volume.volumeId, signal);
    case 'refused':
    case 'no-room':
      return removeIntent(deps, intent.name, signal);
    case 'unknown':
      return { kind: 'failed', error: result.error };
  }
}

async function endAbandon(
  deps: ProvisionerDeps,
  intent: Intent,
  result: Exclude<Deletable<undefined>, { readonly kind: 'proven' }>,
  signal: AbortSignal,
): Promise<Outcome> {
  if (result.kind === 'gone') return SETTLED;
  const volume = await deps.api.find(persistentVolumes, { name: intent.name }, signal);
  if (volume?.spec?.claimRef?.uid === intent.plan.claimUid) return removeIntent(deps, intent.name, signal);
  return { kind: 'blocked', because: result.because, retryAfterMs: 5_000 };
}

/** Records that no object will be made for `handle`, proves that none exists, deletes it, then the intent goes. */
async function giveUp(
  deps: ProvisionerDeps,
  intent: Intent,
  handle: string,
  signal: AbortSignal,
): Promise<Outcome> {
  if (intent.phase !== 'deleting') await recordGivenUp(deps, intent, handle, signal);
  const proven = await proveAbandoned(deps, intent, handle, signal);
  if (proven.kind !== 'proven') return endAbandon(deps, intent, proven, signal);
  const { proof } = proven;
  deps.log.info('deleting a volume that was given up', { intent: intent.name, proof: proof.describe() });
  await deleteOnDriver(deps, proof, intent.plan.secrets.provisioner, signal);
  return removeIntent(deps, intent.name, signal);
}

async function recordGivenUp(
  deps: ProvisionerDeps,
  intent: Intent,
  handle: string,
  signal: AbortSignal,
): Promise<void> {
  const name = { namespace: INTENT_NAMESPACE, name: intent.name };
  const current = await deps.api.get(configMaps, name, signal);
  const deleting = encodeIntent({ ...intent, phase: 'deleting', handle });
  await deps.api.update(configMaps, { ...current, data: deleting.data }, signal);
}

async function removeIntent(deps: ProvisionerDeps, name: string, signal: AbortSignal): Promise<Outcome> {
  const stored = deps.caches.intents.get(`${INTENT_NAMESPACE}/${name}`);
  try {
    await deps.api.delete(
      configMaps,
      { namespace: INTENT_NAMESPACE, name },
      stored === undefined ? {} : { preconditions: { uid: stored.metadata.uid } },
      signal,
    );
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
  }
  deps.freshIntents.delete(name);
  deps.answeredIntents.delete(name);
  return SETTLED;
}

function refuse(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim> | undefined,
  because: string,
): Outcome {
  if (claim !== undefined) warn(deps, claim, because);
  // A snapshot gets ready without an event that this loop hears.
  const hasSource = claim !== undefined && claimFacts(claim).dataSource.kind !== 'none';
  return { kind: 'blocked', because, retryAfterMs: hasSource ? 2_000 : 15_000 };
}

function warn(deps: ProvisionerDeps, claim: Stored<PersistentVolumeClaim>, message: string): void {
  deps.events.record(claim, { type: 'Warning', reason: 'ProvisioningFailed', message });
}

function failureText(intent: Intent, error: unknown): string {
  const text = error instanceof CsiError ? callErrorText(error) : driverText(error);
  return `failed to provision volume with StorageClass "${intent.plan.className}": ${text}`;
}
