// What a claim's request, its status and its volume say together about growing: the one size that the controller side
// may ask a driver for now, and whether the node side has work. Pure and total over every status. Rules RUL120 to RUL131.
//
//   request raised ──▶ ControllerResizeInProgress ──▶ NodeResizePending ──▶ NodeResizeInProgress ──▶ (none), capacity set
//                        │  allocatedResources is the                           │
//                        │  size asked for (the intent)                         │
//                        ▼                                                      ▼
//                      ControllerResizeInfeasible ◀─ may ask for less       NodeResizeInfeasible ─▶ controller, then again
import { compareQuantities } from '#api/quantity.ts';

export const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
] as const;

export type ResizeStatus = (typeof RESIZE_STATUSES)[number];

export interface ExpansionFacts {
  /** spec.resources.requests.storage */
  readonly requested: string;
  /** status.capacity.storage: what the claim really has. */
  readonly capacity: string;
  /** status.allocatedResources.storage: the size that was last asked of a driver. */
  readonly allocated: string | undefined;
  /** status.allocatedResourceStatuses.storage; empty when there is none. */
  readonly status: string;
  /** The PersistentVolume's spec.capacity.storage. */
  readonly volumeCapacity: string;
}

export interface ExpansionKnowledge {
  /** The driver has ControllerExpandVolume. */
  readonly canExpandOnController: boolean;
  /** The newest answer for `allocated`, in this process, was a final refusal. */
  readonly wasRefused: boolean;
}

export type ExpansionTarget =
  | { readonly kind: 'none'; readonly because: string }
  /** The controller side is done; the node grows the file system. */
  | { readonly kind: 'node' }
  | { readonly kind: 'expand'; readonly to: string };

/** The size that the driver's controller is to be asked for now. */
export function expansionTarget(facts: ExpansionFacts, knows: ExpansionKnowledge): ExpansionTarget {
  const { requested, capacity, allocated } = facts;
  // RUL120
  if (compareQuantities(requested, capacity) <= 0)
    return { kind: 'none', because: 'the claim is large enough' };
  if (isNodesTurn(facts)) return { kind: 'node' };
  const to = wantedSize(facts, knows);
  // RUL125: the intent falls only when it is known that nobody will fulfil it.
  const wouldFall = allocated !== undefined && compareQuantities(to, allocated) < 0;
  return { kind: 'expand', to: wouldFall && !isFailureFinal(facts, knows) ? allocated : to };
}

/** RUL121: what the controller side has finished, the node finishes first, whatever is asked for now. */
function isNodesTurn({ requested, allocated, status, volumeCapacity }: ExpansionFacts): boolean {
  if (status !== 'NodeResizePending' && status !== 'NodeResizeInProgress') return false;
  if (compareQuantities(volumeCapacity, requested) >= 0) return true;
  return allocated !== undefined && compareQuantities(volumeCapacity, allocated) >= 0;
}

function wantedSize(
  { requested, allocated, status, volumeCapacity }: ExpansionFacts,
  { canExpandOnController, wasRefused }: ExpansionKnowledge,
): string {
  const recorded = allocated ?? requested;
  const isVolumeSmaller = compareQuantities(volumeCapacity, requested) < 0;
  switch (status) {
    case 'NodeResizePending':
    case 'NodeResizeInProgress':
      return recorded; // RUL122
    case 'NodeResizeInfeasible':
      // RUL124: what the backend already has cannot be taken back; a driver without a controller side never grew it.
      return isVolumeSmaller || canExpandOnController ? recorded : requested;
    case 'ControllerResizeInProgress':
      // RUL122: an unknown outcome is replayed until it is known; RUL123: a refused one makes room.
      return isVolumeSmaller && wasRefused ? requested : recorded;
    default:
      // RUL123: infeasible, or nothing under way. With the volume large enough already, only the record is resumed.
      return isVolumeSmaller ? requested : recorded;
  }
}

function isFailureFinal(
  { status }: ExpansionFacts,
  { wasRefused, canExpandOnController }: ExpansionKnowledge,
): boolean {
  if (status === 'ControllerResizeInfeasible') return true;
  if (status === 'ControllerResizeInProgress') return wasRefused;
  return status === 'NodeResizeInfeasible' && !canExpandOnController;
}

export interface NodeExpansionFacts {
  readonly capacity: string;
  readonly status: string;
  readonly volumeCapacity: string;
  /** What this node's mount was last known to be as large as; undefined: nothing is mounted yet. */
  readonly grownTo: string | undefined;
}

export type NodeExpansion =
  | { readonly kind: 'none' }
  /** `isRecorded`: the claim's status follows; otherwise another node has finished it already (ReadWriteMany). */
  | { readonly kind: 'grow'; readonly to: string; readonly isRecorded: boolean };

/** Whether a node that has the volume is to call NodeExpandVolume (RUL130, RUL131). */
export function nodeExpansion({
  capacity,
  status,
  volumeCapacity,
  grownTo,
}: NodeExpansionFacts): NodeExpansion {
  if (status === 'NodeResizePending' || status === 'NodeResizeInProgress') {
    return { kind: 'grow', to: volumeCapacity, isRecorded: true };
  }
  const isFinishedElsewhere = status === '' && compareQuantities(capacity, volumeCapacity) >= 0;
  if (!isFinishedElsewhere || grownTo === undefined) return { kind: 'none' };
  return compareQuantities(grownTo, volumeCapacity) < 0
    ? { kind: 'grow', to: volumeCapacity, isRecorded: false }
    : { kind: 'none' };
}

/** Answers that repeating the call cannot change (RUL132). */
const INFEASIBLE = ['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND'];
/** Answers after which the operation may still be under way, as the stock sidecars and the kubelet see it (RUL133). */
const STILL_OPEN = ['CANCELLED', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED'];

/** Whether a gRPC code says that this size cannot be had. */
export function isInfeasibleCode(code: string): boolean {
  return INFEASIBLE.includes(code);
}

/**
 * Whether a gRPC code ends the attempt, so that another size or class may be asked for. This is wider than the
 * certainty of CSI errors: INTERNAL counts, since many drivers answer it to what they cannot do and a user must come
 * back from that. It is harmless here: the next answer says what the volume has, and nothing is taken for smaller.
 */
export function isFinalCode(code: string): boolean {
  return !STILL_OPEN.includes(code);
}
