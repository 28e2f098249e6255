// What a claim says of its VolumeAttributesClass, the one class that the driver may be asked for now, and how each step
// reads in the status. Pure. Rules RUL340 to RUL346.
//
//   class named ──▶ Pending (missing) ──▶ InProgress (the target is the intent) ──▶ (none), current is the target
//                                            │           unknown: the same target is asked for again
//                                            ▼
//                                         Infeasible ──▶ another class, or back to the current one
import { formatTime } from '#base/clock.ts';
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimCondition,
  PersistentVolumeClaimStatus,
} from '#api/generated/core-v1.ts';

export interface ModifyFacts {
  /** spec.volumeAttributesClassName; empty: none is wanted. */
  readonly wanted: string;
  /** status.currentVolumeAttributesClassName; empty: none was ever applied. */
  readonly current: string;
  /** status.modifyVolumeStatus; `''`: nothing is under way. */
  readonly status: '' | 'Pending' | 'InProgress' | 'Infeasible';
  readonly target: string;
}

export function modifyFacts({ spec, status }: Pick<PersistentVolumeClaim, 'spec' | 'status'>): ModifyFacts {
  return {
    wanted: spec?.volumeAttributesClassName ?? '',
    current: status?.currentVolumeAttributesClassName ?? '',
    status: status?.modifyVolumeStatus?.status ?? '',
    target: status?.modifyVolumeStatus?.targetVolumeAttributesClassName ?? '',
  };
}

export type ModifyTarget =
  | { readonly kind: 'none'; readonly because: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'apply'; readonly target: string };

/** The class that is to be applied now. `wasRefused`: the newest answer for the target was a final refusal. */
export function modifyTarget(
  { wanted, current, status, target }: ModifyFacts,
  { wasRefused }: { readonly wasRefused: boolean },
): ModifyTarget {
  const isQuiet = wanted === '' || wanted === current;
  switch (status) {
    case '':
      return isQuiet ? { kind: 'none', because: 'it has the class it names' } : apply(wanted); // RUL340
    case 'Pending':
    case 'Infeasible':
      return isQuiet ? { kind: 'clear' } : apply(wanted); // RUL341
    case 'InProgress': {
      if (!wasRefused && target !== '') return apply(target); // RUL342
      if (wanted !== '') return apply(wanted); // RUL343
      return current === '' ? { kind: 'clear' } : apply(current);
    }
  }
}

function apply(target: string): ModifyTarget {
  return { kind: 'apply', target };
}

type Status = PersistentVolumeClaimStatus | undefined;

const MODIFYING = 'ModifyingVolume';
const MODIFY_ERROR = 'ModifyVolumeError';

/** RUL344: a missing class changes no condition. */
export function withModifyPending(status: Status, target: string): PersistentVolumeClaimStatus {
  return { ...status, modifyVolumeStatus: { status: 'Pending', targetVolumeAttributesClassName: target } };
}

/** RUL344: the intent. */
export function withModifyIntent(status: Status, target: string, now: number): PersistentVolumeClaimStatus {
  return {
    ...status,
    modifyVolumeStatus: { status: 'InProgress', targetVolumeAttributesClassName: target },
    conditions: replaceConditions(status, [
      condition(MODIFYING, 'ModifyVolume operation in progress.', now),
      ...(status?.conditions ?? []).filter(({ type }) => type === MODIFY_ERROR),
    ]),
  };
}

/** RUL345 */
export function withModifyError(
  status: Status,
  error: { readonly target: string; readonly message: string; readonly isInfeasible: boolean },
  now: number,
): PersistentVolumeClaimStatus {
  const text = `ModifyVolume failed with error: ${error.message}. Waiting for retry.`;
  const old = status?.conditions?.find(({ type }) => type === MODIFY_ERROR);
  const failed = condition(MODIFY_ERROR, text, now);
  return {
    ...status,
    modifyVolumeStatus: {
      status: error.isInfeasible ? 'Infeasible' : 'InProgress',
      targetVolumeAttributesClassName: error.target,
    },
    conditions: replaceConditions(status, [
      ...(status?.conditions ?? []).filter(({ type }) => type === MODIFYING),
      // What is retried with back-off says the same only once: a new probe time would be a write, whose event ends the
      // back-off. What is infeasible waits from this time on.
      !error.isInfeasible && old?.message === text
        ? old
        : { ...failed, lastTransitionTime: old?.lastTransitionTime ?? failed.lastTransitionTime },
    ]),
  };
}

/** RUL346: the class is applied; without one, a modification that changed nothing is forgotten. */
export function withModifyFinished(status: Status, current: string | undefined): PersistentVolumeClaimStatus {
  return {
    ...status,
    ...(current === undefined ? {} : { currentVolumeAttributesClassName: current }),
    modifyVolumeStatus: undefined,
    conditions: replaceConditions(status, []),
  };
}

/** The moment the last failure was stored. */
export function modifyErrorTime(status: Status): number | undefined {
  const found = status?.conditions?.find(({ type }) => type === MODIFY_ERROR);
  const text = found?.lastProbeTime ?? found?.lastTransitionTime;
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function condition(
  type: string,
  message: string,
  now: number,
): PersistentVolumeClaimCondition & { readonly lastTransitionTime: string } {
  const time = formatTime(now);
  return { type, status: 'True', message, lastProbeTime: time, lastTransitionTime: time };
}

function replaceConditions(
  status: Status,
  own: readonly PersistentVolumeClaimCondition[],
): readonly PersistentVolumeClaimCondition[] | undefined {
  const others = (status?.conditions ?? []).filter(({ type }) => type !== MODIFYING && type !== MODIFY_ERROR);
  const all = [...others, ...own];
  return all.length === 0 ? undefined : all;
}
