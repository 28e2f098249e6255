// Places one pod: a node is decided and assumed, then there is one write a pass. No policy here: where a pod goes is
// decided in decide.ts, how it gets there in decide-assumed.ts, who has to make room in decide-preemption.ts.
// Rule SCH71 is carried out here too.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { nodes, persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { reservedVolume } from '#rules/claim-ref.ts';
import type { FeatureGates } from '#rules/feature-gates.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimsOfPod } from '#rules/pod-volumes.ts';
import { bindsOnFirstConsumer, classOfClaim } from '#rules/storage-class.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import type { Assumption } from './assumptions.ts';
import { bindPod } from './bind.ts';
import { type AssumedStep, decideAssumed } from './decide-assumed.ts';
import { isBound } from './filter-claims.ts';
import { isPlaceable } from './indexes.ts';
import { Placement } from './place.ts';
import type { Why } from './refusal.ts';
import { LOOK_AGAIN_MS, refusePod } from './refuse.ts';
import { tell } from './tell.ts';
import type { Sources } from './view.ts';
import type { WaitingPods } from './waiting.ts';

/** After a node was given up: what refused it may take a moment to show in the caches. */
const RETRY_MS = 1000;

export interface Pass extends Sources {
  readonly deps: LoopDeps;
  readonly placement: Placement;
  readonly waiting: WaitingPods;
}

export interface ReconcileOptions {
  readonly sources: Sources;
  readonly waiting: WaitingPods;
  readonly gates: FeatureGates;
}

/** Keys are those of pods. */
export function schedulerReconcile(deps: LoopDeps, { sources, waiting, gates }: ReconcileOptions): Reconcile {
  const placement = new Placement(deps, sources, gates);
  const pass: Pass = { ...sources, deps, waiting, placement };
  return async (key, signal) => {
    try {
      return await reconcilePod(pass, key, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcilePod(pass: Pass, key: string, signal: AbortSignal): Promise<Outcome> {
  const { assumptions, caches, waiting } = pass;
  const pod = caches.pods.get(key);
  const known = assumptions.get(key);
  if (known !== undefined && known.pod.metadata.uid !== pod?.metadata.uid) assumptions.forget(key); // SCH67
  if (pod === undefined || isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) {
    assumptions.forget(key); // SCH67
    assumptions.declined.forget(key);
    waiting.forget(key);
    return { kind: 'settled' };
  }
  if ((pod.spec?.nodeName ?? '') !== '') return await servePlaced(pass, pod, signal);
  if (!isPlaceable(pod)) {
    assumptions.forget(key); // SCH67
    waiting.forget(key);
    return { kind: 'settled' };
  }
  return await placePod(pass, pod, signal);
}

async function placePod(pass: Pass, pod: Stored<Pod>, signal: AbortSignal): Promise<Outcome> {
  const { assumptions, waiting, deps } = pass;
  const known = assumptions.get(keyOf(pod));
  if (known !== undefined) return await pursue(pass, known, signal);
  const now = deps.clock.elapsed();
  const delay = Math.max(waiting.delayOf(pod, now), assumptions.declined.delayOf(pod, now));
  if (delay > 0) return { kind: 'blocked', because: 'it was refused a moment ago', retryAfterMs: delay }; // SCH74
  const released = await releaseFromGoneNode(pass, pod, signal);
  if (released !== undefined) return released;
  const placed = await pass.placement.place(pod);
  switch (placed.kind) {
    case 'again':
      return { kind: 'progressed' };
    case 'refused':
      return await refusePod(pass, keyOf(pod), placed, signal);
    case 'assumed':
      waiting.forget(keyOf(pod));
      return await pursue(pass, placed.assumption, signal);
    default:
      return assertNever(placed);
  }
}

/**
 * A pod that was given its node by somebody else: its delayed claims are planned for that node, or they would wait for
 * ever (SCH75, k/k#93145). Nothing is bound in the end: the pod has its node.
 */
async function servePlaced(pass: Pass, pod: Stored<Pod>, signal: AbortSignal): Promise<Outcome> {
  const key = keyOf(pod);
  const { assumptions, waiting } = pass;
  if (!hasDelayedClaim(pass, pod)) {
    assumptions.forget(key); // SCH67
    assumptions.declined.forget(key);
    waiting.forget(key);
    return { kind: 'settled' };
  }
  const nodeName = pod.spec?.nodeName ?? '';
  const known = assumptions.get(key);
  if (known !== undefined && known.nodeName === nodeName) return await pursue(pass, known, signal);
  assumptions.forget(key);
  const placed = await pass.placement.planOn(pod, nodeName);
  if (placed.kind === 'assumed') {
    waiting.forget(key);
    return await pursue(pass, placed.assumption, signal);
  }
  const why = placed.kind === 'refused' ? placed.why : nodeUnknown(nodeName);
  return tellPlaced(pass, pod, why);
}

function nodeUnknown(nodeName: string): Why {
  const reasons = `node "${nodeName}" is not registered`;
  return { reasons, message: reasons, causes: new Set(['node']) };
}

/** A pod with a node has its own conditions from the agent: only an event says what its claims wait for. */
function tellPlaced({ waiting, deps }: Pass, pod: Stored<Pod>, why: Why): Outcome {
  const now = deps.clock.elapsed();
  waiting.refused(pod, why, now);
  const delay = waiting.newsDelay(pod, why, now);
  if (delay === 0) {
    waiting.told(pod, why, now);
    const message = `claims of a pod with spec.nodeName "${pod.spec?.nodeName ?? ''}": ${why.message}`;
    tell(deps, pod, { type: 'Warning', reason: 'FailedScheduling', message });
  }
  const retryAfterMs = delay === undefined || delay === 0 ? LOOK_AGAIN_MS : delay;
  return { kind: 'blocked', because: why.reasons, retryAfterMs };
}

/** True when a claim of the pod waits for a node to be chosen. */
function hasDelayedClaim({ caches }: Pass, pod: Stored<Pod>): boolean {
  return claimsOfPod(pod).some(({ claimName }) => {
    const claim = caches.claims.get(`${pod.metadata.namespace ?? ''}/${claimName}`);
    return (
      claim !== undefined && !isBound(claim) && bindsOnFirstConsumer(caches.classes.get(classOfClaim(claim)))
    );
  });
}

/** Takes selected-node from a claim whose node is gone: no other node would be tried otherwise (SCH76). */
async function releaseFromGoneNode(
  { caches, state, deps }: Pass,
  pod: Stored<Pod>,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  for (const { claimName } of claimsOfPod(pod)) {
    const claim = caches.claims.get(`${pod.metadata.namespace ?? ''}/${claimName}`);
    const name = claim?.metadata.annotations?.[SELECTED_NODE] ?? '';
    if (claim === undefined || name === '' || isBound(claim) || state.node(name) !== undefined) continue;
    if ((await deps.api.find(nodes, { name }, signal)) !== undefined) continue; // the cache is late
    const annotations = { ...claim.metadata.annotations };
    delete annotations[SELECTED_NODE];
    const released = { ...claim, metadata: { ...claim.metadata, annotations } };
    const { metadata } = await deps.api.update(persistentVolumeClaims, released, signal);
    const message = `node "${name}" of the annotation selected-node is gone: another one is chosen`;
    tell(deps, pod, { type: 'Normal', reason: 'SelectedNodeGone', message });
    return {
      kind: 'progressed',
      wrote: { informer: caches.claims, resourceVersion: metadata.resourceVersion },
    };
  }
  return undefined;
}

/** Carries out the next step of an assumption. */
async function pursue(pass: Pass, assumption: Assumption, signal: AbortSignal): Promise<Outcome> {
  const { clock } = pass.deps;
  if (assumption.isBindingSent) return { kind: 'settled' }; // the cache will show the node
  const step = decideAssumed(assumption, pass.caches, clock.elapsed());
  switch (step.kind) {
    case 'reserve':
    case 'select':
      return await writePlan(pass, assumption, step, signal);
    case 'wait': {
      const retryAfterMs = Math.max(0, assumption.deadline - clock.elapsed());
      return { kind: 'blocked', because: step.because, retryAfterMs };
    }
    case 'give-up':
      return giveUp(pass, assumption, step);
    case 'bind':
      return await bindPod(pass, assumption, signal);
    default:
      return assertNever(step);
  }
}

async function writePlan(
  pass: Pass,
  assumption: Assumption,
  step: Extract<AssumedStep, { kind: 'reserve' | 'select' }>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { api } = pass.deps;
  const { claims, volumes } = pass.caches;
  const written = new Set([...assumption.written, keyOf(step.claim)]);
  if (step.kind === 'reserve') {
    const volume = await api.update(persistentVolumes, reservedVolume(step.volume, step.claim), signal);
    pass.assumptions.assume({ ...assumption, written });
    const { resourceVersion } = volume.metadata;
    return { kind: 'progressed', wrote: { informer: volumes, resourceVersion } };
  }
  const selected = claimForNode(step.claim, assumption.nodeName);
  const { metadata } = await api.update(persistentVolumeClaims, selected, signal);
  pass.assumptions.assume({ ...assumption, written });
  return { kind: 'progressed', wrote: { informer: claims, resourceVersion: metadata.resourceVersion } };
}

function claimForNode(claim: Stored<PersistentVolumeClaim>, nodeName: string): Stored<PersistentVolumeClaim> {
  const annotations = { ...claim.metadata.annotations, [SELECTED_NODE]: nodeName };
  return { ...claim, metadata: { ...claim.metadata, annotations } };
}

/** SCH66, SCH63: everything assumed is undone at once; what was written stays and leads to the same node. */
function giveUp(
  pass: Pass,
  assumption: Assumption,
  { because, isDeclined = false }: Extract<AssumedStep, { kind: 'give-up' }>,
): Outcome {
  const { pod, nodeName } = assumption;
  const { assumptions, deps } = pass;
  assumptions.forget(keyOf(pod));
  const message = `running PreBind plugin "VolumeBinding": binding volumes: ${because}`;
  tell(deps, pod, { type: 'Warning', reason: 'FailedScheduling', message });
  const now = deps.clock.elapsed();
  const retryAfterMs = isDeclined ? assumptions.declined.decline(pod, nodeName, now) : RETRY_MS; // SCH49
  return { kind: 'blocked', because, retryAfterMs };
}
