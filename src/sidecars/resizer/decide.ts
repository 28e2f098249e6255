// Decides the next step for one claim: its size first, then its class. Pure. Rules of SPEC.md.
// Rule RSZ11 is carried out here too.
import { compareQuantities } from '#api/quantity.ts';
import { expansionTarget } from '#rules/expansion.ts';
import { modifyTarget } from '#rules/modify.ts';
import type { ExpansionView, ModifyView } from './view.ts';

/** Upstream's longest interval between retries: an infeasible answer rarely changes by itself. */
export const INFEASIBLE_RETRY_MS = 5 * 60_000;

export type ExpansionStep =
  | { readonly kind: 'none'; readonly because: string }
  | { readonly kind: 'wait'; readonly because: string; readonly retryAfterMs: number }
  /** The driver must not be called while the volume is in use. */
  | { readonly kind: 'in-use' }
  /** Store the intent. */
  | { readonly kind: 'record'; readonly to: string }
  /** Call the driver with the recorded size. */
  | { readonly kind: 'expand'; readonly to: string }
  /** The claim has its size: the volume's note of the old one goes. */
  | { readonly kind: 'forget-old-capacity' };

export function decideExpansion(view: ExpansionView): ExpansionStep {
  const { facts } = view;
  if (!view.isOurs) return none('not bound to a volume of this driver'); // RSZ1
  if (facts === undefined) return none('the claim or its volume has no size yet');
  const target = expansionTarget(facts, view.knows);
  if (target.kind === 'none') {
    const isComplete = compareQuantities(facts.capacity, facts.volumeCapacity) >= 0;
    return view.hasPreResizeCapacity && isComplete ? { kind: 'forget-old-capacity' } : none(target.because);
  }
  if (target.kind === 'node') return none('the node is next');
  if (!view.canExpand) return none('the driver does not expand volumes'); // RSZ9
  if (view.isInTheWay) return { kind: 'in-use' }; // RSZ8
  const isSame = facts.allocated !== undefined && compareQuantities(facts.allocated, target.to) === 0;
  const restMs = remainingMs(view);
  if (isSame && isInfeasible(facts.status) && restMs > 0) {
    return { kind: 'wait', because: 'the driver called this size infeasible', retryAfterMs: restMs }; // RSZ7
  }
  // RSZ2. Also before a retry of an infeasible size: until its answer is there the outcome is unknown again.
  const isRecorded = isSame && facts.status === 'ControllerResizeInProgress';
  return { kind: isRecorded ? 'expand' : 'record', to: target.to };
}

function none(because: string): ExpansionStep {
  return { kind: 'none', because };
}

const isInfeasible = (status: string): boolean =>
  status === 'ControllerResizeInfeasible' || status === 'NodeResizeInfeasible';

function remainingMs({
  refusedAt,
  now,
}: {
  readonly refusedAt: number | undefined;
  readonly now: number;
}): number {
  return refusedAt === undefined ? 0 : refusedAt + INFEASIBLE_RETRY_MS - now;
}

export type ModifyStep =
  | { readonly kind: 'none'; readonly because: string }
  | { readonly kind: 'wait'; readonly because: string; readonly retryAfterMs: number }
  /** Store that the class is missing. */
  | { readonly kind: 'pend'; readonly target: string }
  /** Store the intent. */
  | { readonly kind: 'record'; readonly target: string }
  /** Call the driver for the recorded target. */
  | { readonly kind: 'modify'; readonly target: string }
  /** Store a refusal that needs no call. */
  | { readonly kind: 'refuse'; readonly target: string; readonly because: string }
  /** Nothing was changed and nothing is wanted any more. */
  | { readonly kind: 'clear' };

export function decideModify(view: ModifyView): ModifyStep {
  const { facts } = view;
  if (!view.isOurs) return { kind: 'none', because: 'not bound to a volume of this driver' }; // RSZ20
  const next = nextTarget(view);
  if (next.kind !== 'apply') return next; // RSZ27, RSZ29
  const { target } = next;
  const isSame = facts.target === target;
  const refusal = whyNot(view, target);
  if (refusal !== undefined) {
    return isSame && facts.status === 'Infeasible'
      ? { kind: 'none', because: refusal }
      : { kind: 'refuse', target, because: refusal }; // RSZ28
  }
  if (view.driverOfClass(target) === undefined) {
    // RSZ21; the appearance of the class is an event.
    return isSame && (facts.status === 'Pending' || facts.status === 'InProgress')
      ? { kind: 'none', because: `class "${target}" does not exist` }
      : { kind: 'pend', target };
  }
  if (isSame && facts.status === 'InProgress') return { kind: 'modify', target }; // RSZ22, RSZ26
  if (isSame && facts.status === 'Infeasible') {
    const restMs = remainingMs(view);
    if (restMs > 0)
      return { kind: 'wait', because: 'the driver called this class infeasible', retryAfterMs: restMs }; // RSZ25
  }
  return { kind: 'record', target };
}

/** RSZ26: an unknown target is repeated; one whose class has gone cannot be, so the claim's choice counts. */
function nextTarget({ facts, wasRefused, driverOfClass }: ModifyView): ReturnType<typeof modifyTarget> {
  const isRepeatable = driverOfClass(facts.target) !== undefined;
  return modifyTarget(facts, { wasRefused: wasRefused || !isRepeatable });
}

/** RSZ28 */
function whyNot(view: ModifyView, target: string): string | undefined {
  const of = view.driverOfClass(target);
  if (of !== undefined && of !== view.driver) {
    return `VolumeAttributesClass "${target}" is for driver "${of}": this volume needs one for "${view.driver}"`;
  }
  return view.canModify
    ? undefined
    : `driver "${view.driver}" does not modify volumes: it lacks the capability MODIFY_VOLUME`;
}
