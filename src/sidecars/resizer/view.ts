// What the resizer sees of one claim, read from the caches once: plain data, no live object escapes.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import type { ExpansionFacts, ExpansionKnowledge } from '#rules/expansion.ts';
import { conditionTime, expansionFacts } from '#rules/expansion-status.ts';
import { type ModifyFacts, modifyFacts, modifyErrorTime } from '#rules/modify.ts';
import { PRE_RESIZE_CAPACITY } from '#rules/well-known.ts';

export interface ExpansionView {
  /** Bound both ways to a volume of this driver. */
  readonly isOurs: boolean;
  /** Undefined: the claim or its volume has no size. */
  readonly facts: ExpansionFacts | undefined;
  readonly knows: ExpansionKnowledge;
  /** The driver grows volumes somehow: on its controller, on its nodes, or both. */
  readonly canExpand: boolean;
  /** The driver must not be called while the volume is in use, and it is. */
  readonly isInTheWay: boolean;
  readonly hasPreResizeCapacity: boolean;
  /** When the last infeasible answer was stored (ms); undefined: never. */
  readonly refusedAt: number | undefined;
  readonly now: number;
}

export interface DriverFacts {
  readonly name: string;
  readonly canExpandOnController: boolean;
  readonly canExpand: boolean;
  readonly canModify: boolean;
}

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

/** True when claim and volume point at each other and the volume is the driver's (RSZ1, RSZ20). */
export function isBoundHere(driver: string, claim: Claim, volume: Volume | undefined): boolean {
  if (claim.status?.phase !== 'Bound' || volume?.spec?.csi?.driver !== driver) return false;
  const { claimRef } = volume.spec;
  return claimRef?.uid === claim.metadata.uid && claimRef.namespace === claim.metadata.namespace;
}

export function expansionView(
  driver: DriverFacts,
  objects: { readonly claim: Claim; readonly volume: Volume | undefined },
  knows: { readonly wasRefused: boolean; readonly isInTheWay: boolean; readonly now: number },
): ExpansionView {
  const { claim, volume } = objects;
  const { status } = claim;
  const isOnNode = status?.allocatedResourceStatuses?.storage === 'NodeResizeInfeasible';
  return {
    isOurs: isBoundHere(driver.name, claim, volume),
    facts: expansionFacts(claim, volume?.spec?.capacity?.storage),
    knows: { canExpandOnController: driver.canExpandOnController, wasRefused: knows.wasRefused },
    canExpand: driver.canExpand,
    isInTheWay: knows.isInTheWay,
    hasPreResizeCapacity: volume?.metadata.annotations?.[PRE_RESIZE_CAPACITY] !== undefined,
    refusedAt: conditionTime(status, isOnNode ? 'NodeResizeError' : 'ControllerResizeError'),
    now: knows.now,
  };
}

export interface ModifyView {
  readonly isOurs: boolean;
  readonly facts: ModifyFacts;
  readonly canModify: boolean;
  readonly driver: string;
  /** The driver that a class is for; undefined: there is no such class. */
  readonly driverOfClass: (name: string) => string | undefined;
  /** The newest answer for the recorded target, in this process, was a final refusal. */
  readonly wasRefused: boolean;
  readonly refusedAt: number | undefined;
  readonly now: number;
}

export function modifyView(
  driver: DriverFacts,
  objects: { readonly claim: Claim; readonly volume: Volume | undefined },
  knows: {
    readonly wasRefused: boolean;
    readonly classOf: (name: string) => VolumeAttributesClass | undefined;
    readonly now: number;
  },
): ModifyView {
  const { claim, volume } = objects;
  return {
    isOurs: isBoundHere(driver.name, claim, volume),
    facts: modifyFacts(claim),
    canModify: driver.canModify,
    driver: driver.name,
    driverOfClass: (name) => knows.classOf(name)?.driverName,
    wasRefused: knows.wasRefused,
    refusedAt: modifyErrorTime(claim.status),
    now: knows.now,
  };
}
