// The next step for a pod that has a node in memory: write what its delayed claims need, wait until they are bound,
// bind the pod; or give the node up. Pure; rules SCH60 to SCH69 of SPEC.md.
// Volumes are reserved before nodes are selected: a reservation can be taken back, a running CreateVolume cannot.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { hasUid, isReservedFor, pointsAtClaim } from '#rules/claim-ref.ts';
import { volumeReachesNode } from '#rules/node-affinity.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import type { Assumption, Plan } from './assumptions.ts';
import { isBound } from './filter-claims.ts';
import type { SchedulerCaches } from './caches.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

export type AssumedStep =
  | { readonly kind: 'reserve'; readonly claim: Claim; readonly volume: Volume }
  | { readonly kind: 'select'; readonly claim: Claim }
  | { readonly kind: 'wait'; readonly because: string }
  /** `isDeclined`: the volumes were not made, and may be elsewhere. */
  | { readonly kind: 'give-up'; readonly because: string; readonly isDeclined?: boolean }
  | { readonly kind: 'bind' };

/** What the caches say now about the objects of an assumption. */
export type AssumedView = Pick<SchedulerCaches, 'claims' | 'volumes' | 'nodes'>;

/** Decides the next step; `now` is monotonic, as the assumption's deadline is. */
export function decideAssumed(assumption: Assumption, view: AssumedView, now: number): AssumedStep {
  const { nodeName } = assumption;
  if (view.nodes.get(nodeName) === undefined)
    return { kind: 'give-up', because: `node "${nodeName}" was deleted` }; // SCH63
  const steps = assumption.plans.map((plan) => stepOfPlan(assumption, plan, view));
  for (const kind of ['give-up', 'reserve', 'select'] as const) {
    const step = steps.find((one) => one?.kind === kind);
    if (step !== undefined) return step;
  }
  const waiting = steps.find((one) => one !== undefined);
  if (waiting === undefined) return { kind: 'bind' }; // SCH65
  if (now < assumption.deadline) return waiting; // SCH62
  const because = waiting.kind === 'wait' ? waiting.because : '';
  return { kind: 'give-up', because: `timed out waiting for the condition: ${because}`, isDeclined: true }; // SCH66
}

/** What one claim still needs; undefined when it is bound to a volume that reaches the node. */
function stepOfPlan(assumption: Assumption, plan: Plan, view: AssumedView): AssumedStep | undefined {
  const claim = view.claims.get(plan.claimKey);
  if (claim === undefined || claim.metadata.uid !== plan.claimUid) return gone(plan); // SCH63
  if (claim.metadata.deletionTimestamp !== undefined) return gone(plan); // SCH63
  if (isBound(claim)) return stepOfBound(assumption, claim, view);
  const isWritten = assumption.written.has(plan.claimKey);
  return plan.kind === 'match'
    ? stepOfMatch(plan.volume, claim, view, isWritten)
    : stepOfProvision(assumption, claim, isWritten);
}

function gone({ claimKey }: Plan): AssumedStep {
  return { kind: 'give-up', because: `claim "${claimKey}" was deleted` };
}

function stepOfBound({ nodeName }: Assumption, claim: Claim, view: AssumedView): AssumedStep | undefined {
  const name = claim.spec?.volumeName ?? '';
  const volume = view.volumes.get(name);
  if (volume === undefined) return { kind: 'wait', because: `volume "${name}" is not seen yet` };
  const node = view.nodes.get(nodeName);
  if (node === undefined || volumeReachesNode(volume, node)) return undefined;
  return { kind: 'give-up', because: `volume "${name}" refuses node "${nodeName}" in spec.nodeAffinity` }; // SCH64
}

function stepOfMatch(name: string, claim: Claim, view: AssumedView, isWritten: boolean): AssumedStep {
  const volume = view.volumes.get(name);
  if (volume === undefined) return { kind: 'give-up', because: `volume "${name}" was deleted` }; // SCH63
  if (isReservedFor(volume, claim)) return { kind: 'wait', because: `volume "${name}" is being bound` }; // SCH62
  const isOpen = volume.spec?.claimRef === undefined || pointsAtClaim(volume, claim);
  if (isOpen && !hasUid(volume.spec?.claimRef) && !isWritten) return { kind: 'reserve', claim, volume }; // SCH60
  return { kind: 'give-up', because: `volume "${name}" was given to another claim` }; // SCH63
}

function stepOfProvision({ nodeName }: Assumption, claim: Claim, isWritten: boolean): AssumedStep {
  const selected = claim.metadata.annotations?.[SELECTED_NODE] ?? '';
  const key = `${claim.metadata.namespace ?? ''}/${claim.metadata.name}`;
  if (selected === nodeName) return { kind: 'wait', because: `claim "${key}" is being provisioned` }; // SCH62
  if (selected === '' && !isWritten) return { kind: 'select', claim }; // SCH61
  const because =
    selected === ''
      ? `the provisioner of claim "${key}" asks for another node`
      : `claim "${key}" is being provisioned for node "${selected}"`;
  return { kind: 'give-up', because, isDeclined: selected === '' }; // SCH63
}
