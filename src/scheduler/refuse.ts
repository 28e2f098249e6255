// What follows when every node refused a pod: its condition and an event say why, and where pods of lower priority are
// in the way, they are pushed off. One write a pass: first the word, with the node where room is made, then the victims.
import type { Pod, PodCondition } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import { formatTime } from '#base/clock.ts';
import { hasReason } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import type { Eviction } from '#rules/preemption.ts';
import type { Placed } from './place.ts';
import type { Pass } from './reconcile.ts';
import type { Why } from './refusal.ts';
import { tell } from './tell.ts';

/** A pod that waits is looked at now and then even if nothing was seen that could help (upstream's flush). */
export const LOOK_AGAIN_MS = 300_000;

type Refused = Extract<Placed, { kind: 'refused' }>;

export async function refusePod(
  pass: Pass,
  key: string,
  { why, preemption }: Refused,
  signal: AbortSignal,
): Promise<Outcome> {
  const pod = pass.caches.pods.get(key);
  if (pod === undefined) return { kind: 'settled' };
  const now = pass.deps.clock.elapsed();
  pass.waiting.refused(pod, why, now);
  if (preemption.kind !== 'none') pass.waiting.hurry(key); // room is being made: it is taken when it is there
  const nominated = preemption.kind === 'evict' ? preemption.eviction.nodeName : undefined;
  const said = await say(pass, pod, { why, nominated, now }, signal);
  if (said !== undefined) return said;
  if (preemption.kind === 'evict') await pushOff(pass, pod, preemption.eviction, signal);
  return { kind: 'blocked', because: why.reasons, retryAfterMs: LOOK_AGAIN_MS };
}

interface News {
  readonly why: Why;
  /** The node where room is to be made. */
  readonly nominated: string | undefined;
  readonly now: number;
}

/** Writes the condition and the nomination if they differ; undefined: all is said (SCH51, SCH52). */
async function say(
  pass: Pass,
  pod: Stored<Pod>,
  { why, nominated, now }: News,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const isSaid =
    before?.status === 'False' && before.reason === 'Unschedulable' && before.message === why.message;
  const isNominated = nominated === undefined || pod.status?.nominatedNodeName === nominated;
  if (isSaid && isNominated) return undefined;
  const delay = isSaid ? 0 : pass.waiting.newsDelay(pod, why, now);
  if (isNominated && delay !== 0) {
    if (delay === undefined) return undefined;
    return { kind: 'blocked', because: why.reasons, retryAfterMs: delay };
  }
  const status = {
    ...pod.status,
    conditions: withCondition(pod.status?.conditions ?? [], why, formatTime(pass.deps.clock.now())),
    ...(nominated !== undefined && { nominatedNodeName: nominated }),
  };
  const written = await pass.deps.api.updateStatus(pods, { ...pod, status }, signal);
  if (!isSaid) {
    pass.waiting.told(pod, why, now);
    tell(pass.deps, pod, { type: 'Warning', reason: 'FailedScheduling', message: why.message });
  }
  const { resourceVersion } = written.metadata;
  return { kind: 'progressed', wrote: { informer: pass.caches.pods, resourceVersion } };
}

function withCondition(conditions: readonly PodCondition[], why: Why, now: string): readonly PodCondition[] {
  const before = conditions.find(({ type }) => type === 'PodScheduled');
  const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: why.message,
    lastTransitionTime,
  };
  return [...conditions.filter(({ type }) => type !== 'PodScheduled'), condition];
}

/** Deletes the victims that are not leaving yet, each only if it is still the pod that was looked at (SCH83). */
async function pushOff(
  pass: Pass,
  pod: Stored<Pod>,
  { victims, nodeName }: Eviction<Stored<Pod>>,
  signal: AbortSignal,
): Promise<void> {
  for (const victim of victims) {
    if (victim.metadata.deletionTimestamp !== undefined) continue;
    const { namespace = '', name, uid } = victim.metadata;
    const message = `Preempted by pod ${pod.metadata.uid} on node ${nodeName}`;
    try {
      await markDisrupted(pass, victim, message, signal);
      await pass.deps.api.delete(pods, { namespace, name }, { preconditions: { uid } }, signal);
    } catch (error) {
      if (hasReason(error, 'NotFound')) continue; // OBSERVED: it has left by itself
      throw error;
    }
    tell(pass.deps, victim, { type: 'Normal', reason: 'Preempted', message });
    pass.deps.log.info('a pod was pushed off its node', {
      pod: keyOf(victim),
      by: keyOf(pod),
      node: nodeName,
    });
  }
}

/** Says on the victim why it goes, so that its owner need not count it as a failure of its own. */
async function markDisrupted(
  pass: Pass,
  victim: Stored<Pod>,
  message: string,
  signal: AbortSignal,
): Promise<void> {
  const type = 'DisruptionTarget';
  const conditions = victim.status?.conditions ?? [];
  if (conditions.some((one) => one.type === type && one.status === 'True')) return;
  const lastTransitionTime = formatTime(pass.deps.clock.now());
  const condition = { type, status: 'True', reason: 'PreemptionByScheduler', message, lastTransitionTime };
  const others = conditions.filter((one) => one.type !== type);
  const status = { ...victim.status, conditions: [...others, condition] };
  await pass.deps.api.updateStatus(pods, { ...victim, status }, signal);
}
