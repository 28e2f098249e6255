// Decides the next step for one volume name and for one PersistentVolume. Pure. Rules of SPEC.md.
//
//   (no intent) --record-intent--> creating --create--> (volume exists) --finish--> (no intent)
//                                     |  claim gone
//                                     +--abandon--> deleting --abandon--> (no intent)
import type { ClaimFacts, ProvisionView, ReclaimView } from './view.ts';

export type ProvisionStep =
  | { readonly kind: 'none'; readonly because: string }
  /** Write the intent (PRV3). */
  | { readonly kind: 'record-intent' }
  /** Read the claim live, call CreateVolume with the intent's arguments, create the volume (PRV4 to PRV9). */
  | { readonly kind: 'create' }
  /** The volume exists: delete the intent (PRV10). */
  | { readonly kind: 'finish' }
  /** The claim has gone: replay, delete on the driver, delete the intent (PRV11). */
  | { readonly kind: 'abandon' }
  /** The claim has gone and the driver was never called: only the intent goes. */
  | { readonly kind: 'withdraw' }
  /** Nobody selected a node: try to be the one that makes it (PRV72). */
  | { readonly kind: 'race' }
  /** Nothing to do for us; the claim's user is told once. */
  | { readonly kind: 'tell'; readonly message: string }
  | { readonly kind: 'refuse'; readonly message: string };

/** The next step for the volume `pvc-<claim uid>`. */
export function decideProvision(view: ProvisionView): ProvisionStep {
  const { claim, intent, volume } = view;
  if (intent !== undefined) return decideWithIntent(view, intent);
  if (claim === undefined) return { kind: 'none', because: 'no such claim' };
  // PRV1
  if (claim.provisioner !== view.driver) return { kind: 'none', because: 'another provisioner is named' };
  if (claim.isDeleting) return { kind: 'none', because: 'claim is being deleted' };
  if (claim.volumeName !== '') return { kind: 'none', because: 'claim has a volume' };
  if (volume !== undefined) {
    // OBSERVED: the volume is there and waits for the binding loop, or it is a stranger's of the same name.
    if (volume.claimUid === claim.uid) return { kind: 'none', because: 'volume waits to be bound' };
    return { kind: 'refuse', message: 'a PersistentVolume of this name belongs to another claim' };
  }
  if (view.storageClass === undefined) {
    return {
      kind: 'refuse',
      message: `StorageClass "${claim.className}" does not exist: create it, or name another`,
    };
  }
  if (view.storageClass.provisioner !== view.driver)
    return { kind: 'none', because: 'class has another provisioner' };
  // PRV2
  if (view.storageClass.isDelayed && claim.selectedNode === '')
    return { kind: 'none', because: 'no node selected' };
  // PRV65
  if (claim.dataSource.kind === 'populator') {
    return { kind: 'tell', message: populatorText(claim.dataSource.what) };
  }
  return decideWhere(view, claim);
}

/** PRV70 to PRV72. */
function decideWhere({ distributed }: ProvisionView, claim: ClaimFacts): ProvisionStep {
  if (distributed === undefined || claim.selectedNode === distributed.nodeName)
    return { kind: 'record-intent' };
  if (claim.selectedNode !== '') return { kind: 'none', because: 'another node is selected' };
  return distributed.races ? { kind: 'race' } : { kind: 'none', because: 'no node selected' };
}

function populatorText(what: string): string {
  return (
    `Assuming an external populator will provision the volume: data source ${what} is neither a VolumeSnapshot ` +
    'nor a PersistentVolumeClaim'
  );
}

function decideWithIntent(view: ProvisionView, intent: NonNullable<ProvisionView['intent']>): ProvisionStep {
  const { claim, volume } = view;
  // A delete has begun: this name is never created again (I-15).
  if (intent.phase === 'deleting') return { kind: 'abandon' };
  if (volume !== undefined && volume.claimUid === intent.claimUid) return { kind: 'finish' };
  const isWanted =
    claim !== undefined && claim.uid === intent.claimUid && !claim.isDeleting && claim.volumeName === '';
  if (isWanted) return { kind: 'create' };
  return intent.isFresh ? { kind: 'withdraw' } : { kind: 'abandon' };
}

export type ReclaimStep =
  | { readonly kind: 'none'; readonly because: string }
  /** Prove it live, then DeleteVolume, then the object (PRV20 to PRV22). */
  | { readonly kind: 'delete' }
  /** The policy says Delete and the finalizer is missing, or the reverse (I-10). */
  | { readonly kind: 'set-finalizer'; readonly present: boolean };

/** The next step for a PersistentVolume. */
export function decideReclaim({ driver, volume, isElsewhere }: ReclaimView): ReclaimStep {
  if (volume === undefined) return { kind: 'none', because: 'no such volume' };
  // Without a provisioner's name it was made by hand: its policy is the administrator's word all the same.
  const madeBy = volume.provisionedBy === '' ? volume.driver : volume.provisionedBy;
  if (volume.driver !== driver || madeBy !== driver) {
    return { kind: 'none', because: 'provisioned by somebody else' };
  }
  if (isElsewhere === true) return { kind: 'none', because: 'this node does not reach it' };
  if (volume.policy !== 'Delete') {
    if (volume.hasFinalizer) return { kind: 'set-finalizer', present: false };
    return { kind: 'none', because: `reclaim policy is ${volume.policy}` };
  }
  if (volume.phase === 'Released' || volume.phase === 'Failed') return { kind: 'delete' };
  // Not before it is Bound: what was never bound is never Released, and the finalizer would keep it for ever.
  if (volume.phase === 'Bound' && !volume.hasFinalizer && !volume.isDeleting)
    return { kind: 'set-finalizer', present: true };
  return { kind: 'none', because: `phase is ${volume.phase}` };
}
