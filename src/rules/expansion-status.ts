// How each step of growing a claim reads in its status: pure edits that the resizer and the agents share, so that either
// side finds what the other wrote. Conditions of other kinds are never touched.
import { formatTime } from '#base/clock.ts';
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimCondition,
  PersistentVolumeClaimStatus,
} from '#api/generated/core-v1.ts';
import type { ExpansionFacts, ResizeStatus } from './expansion.ts';

const RESIZE_CONDITIONS = [
  'Resizing',
  'FileSystemResizePending',
  'ControllerResizeError',
  'NodeResizeError',
] as const;
export type ResizeCondition = (typeof RESIZE_CONDITIONS)[number];

type Status = PersistentVolumeClaimStatus | undefined;

/** What a claim says; undefined while it has no size to compare with. */
export function expansionFacts(
  claim: Pick<PersistentVolumeClaim, 'spec' | 'status'>,
  volumeCapacity: string | undefined,
): ExpansionFacts | undefined {
  const requested = claim.spec?.resources?.requests?.storage;
  const capacity = claim.status?.capacity?.storage;
  if (requested === undefined || capacity === undefined || volumeCapacity === undefined) return undefined;
  return {
    requested,
    capacity,
    allocated: claim.status?.allocatedResources?.storage,
    status: claim.status?.allocatedResourceStatuses?.storage ?? '',
    volumeCapacity,
  };
}

/** The moment a condition was last written; undefined when the claim does not have it. */
export function conditionTime(status: Status, type: ResizeCondition): number | undefined {
  const found = status?.conditions?.find((condition) => condition.type === type);
  const text = found?.lastProbeTime ?? found?.lastTransitionTime;
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** RUL126: the intent, written before the driver is called. */
export function withControllerIntent(status: Status, to: string, now: number): PersistentVolumeClaimStatus {
  return {
    ...withResizeStatus(status, 'ControllerResizeInProgress'),
    allocatedResources: { ...status?.allocatedResources, storage: to },
    conditions: mergeConditions(status, [condition('Resizing', now)], 'keep-others'),
  };
}

/** RUL127 */
export function withControllerError(
  status: Status,
  error: { readonly message: string; readonly isInfeasible: boolean },
  now: number,
): PersistentVolumeClaimStatus {
  const told = condition('ControllerResizeError', now, `failed to expand pvc with ${error.message}`);
  const before = status?.conditions?.find(
    ({ type, message }) => type === told.type && message === told.message,
  );
  // What is retried with back-off says the same only once: a new probe time would be a write, whose event ends the
  // back-off. What is infeasible waits from this time on.
  const shown = error.isInfeasible || before === undefined ? told : before;
  return {
    ...(error.isInfeasible ? withResizeStatus(status, 'ControllerResizeInfeasible') : status),
    conditions: mergeConditions(status, [shown], 'keep-others'),
  };
}

const PENDING_MESSAGE =
  'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';

/** RUL128 */
export function withNodePending(status: Status, now: number): PersistentVolumeClaimStatus {
  return {
    ...withResizeStatus(status, 'NodeResizePending'),
    conditions: mergeConditions(
      status,
      [condition('FileSystemResizePending', now, PENDING_MESSAGE)],
      'drop-others',
    ),
  };
}

export function withNodeInProgress(status: Status): PersistentVolumeClaimStatus {
  return withResizeStatus(status, 'NodeResizeInProgress');
}

/** RUL127 */
export function withNodeError(
  status: Status,
  error: { readonly message: string; readonly isInfeasible: boolean },
  now: number,
): PersistentVolumeClaimStatus {
  return {
    ...(error.isInfeasible ? withResizeStatus(status, 'NodeResizeInfeasible') : status),
    conditions: mergeConditions(
      status,
      [condition('NodeResizeError', now, `failed to expand pvc with ${error.message}`)],
      'keep-others',
    ),
  };
}

/** RUL129: everything about the growth is over; allocatedResources stays as upstream leaves it. */
export function withExpansionFinished(status: Status, capacity: string): PersistentVolumeClaimStatus {
  const { storage: _over, ...others } = status?.allocatedResourceStatuses ?? {};
  return {
    ...status,
    capacity: { ...status?.capacity, storage: capacity },
    allocatedResourceStatuses: Object.keys(others).length === 0 ? undefined : others,
    conditions: mergeConditions(status, [], 'drop-others'),
  };
}

function withResizeStatus(status: Status, storage: ResizeStatus): PersistentVolumeClaimStatus {
  return { ...status, allocatedResourceStatuses: { ...status?.allocatedResourceStatuses, storage } };
}

function condition(type: ResizeCondition, now: number, message?: string): PersistentVolumeClaimCondition {
  const time = formatTime(now);
  const made = { type, status: 'True', lastProbeTime: time, lastTransitionTime: time };
  return message === undefined ? made : { ...made, message };
}

/** The fresh ones in place of their namesakes, whose transition time they keep; foreign kinds stay as they are. */
function mergeConditions(
  status: Status,
  fresh: readonly PersistentVolumeClaimCondition[],
  others: 'keep-others' | 'drop-others',
): readonly PersistentVolumeClaimCondition[] | undefined {
  const known: readonly string[] = RESIZE_CONDITIONS;
  const old = status?.conditions ?? [];
  const kept = old.filter(({ type }) => {
    if (fresh.some((one) => one.type === type)) return false;
    return others === 'keep-others' || !known.includes(type);
  });
  const renewed = fresh.map((one) => {
    const before = old.find(({ type, status: was }) => type === one.type && was === one.status);
    return before?.lastTransitionTime === undefined
      ? one
      : { ...one, lastTransitionTime: before.lastTransitionTime };
  });
  const merged = [...kept, ...renewed];
  return merged.length === 0 ? undefined : merged;
}
