// Places one pod: decide and assume in one synchronous step, then one write a pass. No policy here: where a pod goes is
// decided in decide.ts, how it gets there in decide-assumed.ts.
import type { Binding, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { type ApiObject, keyOf, type Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import { formatTime } from '#base/clock.ts';
import { ApiError } from '#client/api-error.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { reservedVolume } from '#rules/claim-ref.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { type Assumption, Assumptions } from './assumptions.ts';
import { decidePlacement } from './decide.ts';
import { type AssumedStep, decideAssumed } from './decide-assumed.ts';
import { isPending } from './indexes.ts';
import { observePod, type SchedulerCaches } from './view.ts';

/** How long a pod's claims may take to be bound before the node is given up (upstream's bindTimeoutSeconds). */
export const BIND_TIMEOUT_MS = 600_000;
/** After a node was given up: what refused it may take a moment to show in the caches. */
const RETRY_MS = 1000;

interface Pass {
  readonly deps: LoopDeps;
  readonly caches: SchedulerCaches;
  readonly assumptions: Assumptions;
}

/** Keys are those of pods. */
export function schedulerReconcile(deps: LoopDeps, caches: SchedulerCaches): Reconcile {
  const pass: Pass = { deps, caches, assumptions: new Assumptions() };
  return async (key, signal) => {
    try {
      return await reconcilePod(pass, key, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcilePod(pass: Pass, key: string, signal: AbortSignal): Promise<Outcome> {
  const { assumptions, caches } = pass;
  const pod = caches.pods.get(key);
  const known = assumptions.get(key);
  if (known !== undefined && known.pod.metadata.uid !== pod?.metadata.uid) assumptions.forget(key); // SCH67
  if (pod === undefined || !isPlaceable(pod)) {
    assumptions.forget(key); // SCH67
    return { kind: 'settled' };
  }
  if (assumptions.get(key) === undefined) {
    const placement = decidePlacement(observePod(caches, pod, assumptions));
    if (placement.kind === 'refuse') return refuse(pass, pod, placement.message, signal);
    const deadline = pass.deps.clock.elapsed() + BIND_TIMEOUT_MS;
    const { nodeName, plans } = placement;
    assumptions.assume({ pod, nodeName, plans, deadline, written: new Set(), isBindingSent: false });
  }
  const assumption = assumptions.get(key);
  return assumption === undefined ? { kind: 'settled' } : pursue(pass, assumption, signal);
}

/** SCH1 to SCH3: ours, without a node, not being deleted, not held by a gate. */
function isPlaceable(pod: Stored<Pod>): boolean {
  if (!isPending(pod) || pod.metadata.deletionTimestamp !== undefined) return false;
  return (pod.spec?.schedulingGates ?? []).length === 0;
}

/** Carries out the next step of an assumption. */
async function pursue(pass: Pass, assumption: Assumption, signal: AbortSignal): Promise<Outcome> {
  const { clock } = pass.deps;
  if (assumption.isBindingSent) return { kind: 'settled' }; // the cache will show the node
  const step = decideAssumed(assumption, pass.caches, clock.elapsed());
  switch (step.kind) {
    case 'reserve':
    case 'select':
      return writePlan(pass, assumption, step, signal);
    case 'wait': {
      const retryAfterMs = Math.max(0, assumption.deadline - clock.elapsed());
      return { kind: 'blocked', because: step.because, retryAfterMs };
    }
    case 'give-up':
      return giveUp(pass, assumption, step.because);
    case 'bind':
      return bind(pass, assumption, signal);
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
    remember(pass, { ...assumption, written });
    const { resourceVersion } = volume.metadata;
    return { kind: 'progressed', wrote: { informer: volumes, resourceVersion } };
  }
  const claim = await api.update(
    persistentVolumeClaims,
    claimForNode(step.claim, assumption.nodeName),
    signal,
  );
  remember(pass, { ...assumption, written });
  return {
    kind: 'progressed',
    wrote: { informer: claims, resourceVersion: claim.metadata.resourceVersion },
  };
}

function claimForNode(claim: Stored<PersistentVolumeClaim>, nodeName: string): Stored<PersistentVolumeClaim> {
  const annotations = { ...claim.metadata.annotations, [SELECTED_NODE]: nodeName };
  return { ...claim, metadata: { ...claim.metadata, annotations } };
}

function remember(pass: Pass, assumption: Assumption): void {
  pass.assumptions.assume(assumption);
}

/** SCH66, SCH63: everything assumed is undone at once; what was written stays and leads to the same node. */
function giveUp(pass: Pass, assumption: Assumption, because: string): Outcome {
  pass.assumptions.forget(keyOf(assumption.pod));
  const message = `running PreBind plugin "VolumeBinding": binding volumes: ${because}`;
  tell(pass, assumption.pod, 'Warning', 'FailedScheduling', message);
  return { kind: 'blocked', because, retryAfterMs: RETRY_MS };
}

async function bind(pass: Pass, assumption: Assumption, signal: AbortSignal): Promise<Outcome> {
  const { pod, nodeName } = assumption;
  const { namespace = '', name, uid } = pod.metadata;
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
  const body: Binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name, uid },
    target,
  };
  try {
    await pass.deps.api.createSubresource(pods, { namespace, name }, 'binding', body, signal);
  } catch (error) {
    // Without an answer the pod is perhaps bound, so its place stays taken until the cache or the server says.
    if (!(error instanceof ApiError) || error.status !== 0) pass.assumptions.forget(keyOf(pod)); // SCH68
    throw error;
  }
  remember(pass, { ...assumption, isBindingSent: true });
  tell(pass, pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`);
  return { kind: 'settled' };
}

/** Says why in the pod's PodScheduled condition and in an event, once per message (SCH51). */
async function refuse(pass: Pass, pod: Stored<Pod>, message: string, signal: AbortSignal): Promise<Outcome> {
  const conditions = pod.status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === 'PodScheduled');
  const isSame =
    before?.status === 'False' && before.reason === 'Unschedulable' && before.message === message;
  if (isSame) return { kind: 'settled' };
  const now = formatTime(pass.deps.clock.now());
  const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime,
  };
  const others = conditions.filter(({ type }) => type !== 'PodScheduled');
  const status = { ...pod.status, conditions: [...others, condition] };
  const written = await pass.deps.api.updateStatus(pods, { ...pod, status }, signal);
  tell(pass, pod, 'Warning', 'FailedScheduling', message);
  return {
    kind: 'progressed',
    wrote: { informer: pass.caches.pods, resourceVersion: written.metadata.resourceVersion },
  };
}

function tell(
  pass: Pass,
  pod: Stored<Pod>,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void {
  const about: ApiObject = { ...pod, apiVersion: 'v1', kind: 'Pod' };
  pass.deps.events.record(about, { type, reason, message });
}
