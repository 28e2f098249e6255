// Growing a volume on this node: the claim and its volume are read live, the step is written before NodeExpandVolume,
// and the claim gets its capacity only after the driver said that the size is there (I-29).
//
//   NodeResizePending ──▶ NodeResizeInProgress ──▶ NodeExpandVolume ──▶ capacity, nothing pending
//                                                     └─ infeasible ──▶ NodeResizeInfeasible, the controller is next
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimStatus } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { compareQuantities, quantityToBytes } from '#api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { EventRecorder } from '#client/events.ts';
import { CsiError, callErrorText } from '#csi/csi-error.ts';
import { isFinalCode, isInfeasibleCode, nodeExpansion } from '#rules/expansion.ts';
import {
  expansionFacts,
  withExpansionFinished,
  withNodeError,
  withNodeInProgress,
} from '#rules/expansion-status.ts';
import { type CsiNodeDriver, type CsiVolume, expandVolume } from '#volumes/csi/csi-volume.ts';

export interface GrowDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
}

export interface GrowRequest {
  readonly claim: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly persistentVolume: string;
  readonly volume: CsiVolume;
  /** Where the volume is: its publish target, or its stage path before it is published. */
  readonly volumePath: string;
  /** Empty when the driver does not stage. */
  readonly stagePath: string;
  readonly secrets: Readonly<Record<string, string>>;
  /** What the mount here is known to be as large as. */
  readonly grownTo: string | undefined;
}

export type Grown =
  /** Nothing is to be done, or it has been done: the size here. */
  | { readonly kind: 'settled'; readonly size: string | undefined }
  /** Infeasible: the controller side decides what comes next. */
  | { readonly kind: 'infeasible' }
  /** Not while it is mounted as it is. */
  | { readonly kind: 'refused' };

type Claim = Stored<PersistentVolumeClaim>;

/** Rejects when the outcome is unknown or a retry may help. */
export async function growOnNode(
  deps: GrowDeps,
  driver: CsiNodeDriver,
  request: GrowRequest,
): Promise<Grown> {
  const { namespace, name, uid } = request.claim;
  const claim = await deps.api.find(persistentVolumeClaims, { namespace, name });
  const volume = await deps.api.find(persistentVolumes, { name: request.persistentVolume });
  const isOurs = claim?.metadata.uid === uid && volume?.spec?.claimRef?.uid === uid;
  const facts =
    isOurs && claim !== undefined ? expansionFacts(claim, volume?.spec?.capacity?.storage) : undefined;
  if (claim === undefined || facts === undefined) return { kind: 'settled', size: undefined };
  const step = nodeExpansion({ ...facts, grownTo: request.grownTo });
  if (step.kind === 'none') return { kind: 'settled', size: request.grownTo };
  const isBegun = !step.isRecorded || facts.status === 'NodeResizeInProgress';
  const begun = isBegun ? claim : await store(deps, claim, withNodeInProgress(claim.status));
  try {
    await call(driver, request, step.to);
  } catch (error) {
    if (!(error instanceof CsiError) || !isFinalCode(error.code)) throw error;
    return failed(deps, begun, { error, to: step.to, isRecorded: step.isRecorded });
  }
  if (step.isRecorded) {
    await store(deps, begun, withExpansionFinished(begun.status, step.to));
    const message = `MountVolume.NodeExpandVolume succeeded for volume "${request.persistentVolume}"`;
    deps.events.record(begun, { type: 'Normal', reason: 'FileSystemResizeSuccessful', message });
  }
  return { kind: 'settled', size: step.to };
}

async function call(driver: CsiNodeDriver, request: GrowRequest, to: string): Promise<void> {
  const { volume, volumePath, stagePath, secrets } = request;
  const requiredBytes = quantityToBytes(to);
  const capacity = await expandVolume(driver, { volume, volumePath, stagePath, requiredBytes, secrets });
  // CSI: 0 is "not said". A smaller size would make the claim promise what is not there (I-29).
  if (capacity !== 0n && capacity < requiredBytes) {
    throw new CsiError(
      'UNKNOWN',
      `NodeExpandVolume answered with ${capacity} bytes, ${requiredBytes} were asked for`,
    );
  }
}

async function failed(
  deps: GrowDeps,
  claim: Claim,
  { error, to, isRecorded }: { readonly error: CsiError; readonly to: string; readonly isRecorded: boolean },
): Promise<Grown> {
  const isInfeasible = isInfeasibleCode(error.code) || isGivenUp(claim, to);
  const message = callErrorText(error);
  if (isRecorded)
    await store(deps, claim, withNodeError(claim.status, { message, isInfeasible }, deps.clock.now()));
  deps.events.record(claim, { type: 'Warning', reason: 'VolumeResizeFailed', message });
  if (isInfeasible) return { kind: 'infeasible' };
  if (error.code === 'FAILED_PRECONDITION') return { kind: 'refused' };
  throw error;
}

/** It failed before, and the user asks for another size by now: the controller side may then decide anew (AGT63). */
function isGivenUp({ spec, status }: Claim, to: string): boolean {
  const requested = spec?.resources?.requests?.storage ?? to;
  const hasFailed = status?.conditions?.some(({ type }) => type === 'NodeResizeError') === true;
  return hasFailed && compareQuantities(requested, to) !== 0;
}

/** Carries the version that was read, so that another writer's news is not overwritten. */
function store({ api }: GrowDeps, claim: Claim, status: PersistentVolumeClaimStatus): Promise<Claim> {
  return api.updateStatus(persistentVolumeClaims, { ...claim, status });
}
