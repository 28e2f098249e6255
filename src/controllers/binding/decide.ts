// The next step for a claim. Pure; rules BND1 to BND45 of SPEC.md.
//
// A claim and a volume point at each other: volume.spec.claimRef and claim.spec.volumeName. There are no transactions
// over two objects, so the pair is made in four writes, each of which can be the last before a crash:
//   1 volume.spec.claimRef   2 volume.status Bound   3 claim.spec.volumeName, bind-completed   4 claim.status Bound
// Whatever prefix was written, deciding again on it gives the next write. The volume comes first: what may be taken
// back (BND56) is only ever a volume's pointer, never a claim's.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { claimKeyOf, hasUid, isReservedFor, pointsAtClaim } from '#rules/claim-ref.ts';
import { mismatchWithNamedVolume, mismatchWithPreboundVolume, volumeModeOf } from '#rules/match-volume.ts';
import { findFreeVolume, findPreboundVolume } from '#rules/match-volume.ts';
import { successorOf } from '#rules/migration.ts';
import { bindsOnFirstConsumer, canProvision, classOfClaim, leavesClassOpen } from '#rules/storage-class.ts';
import {
  BETA_STORAGE_PROVISIONER,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  NO_PROVISIONER,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
} from '#rules/well-known.ts';
import { wantedMigration } from './migration-mark.ts';
import type { ClaimStep, News } from './steps.ts';
import type { ClaimView } from './view.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

/** Decides the next step for a claim. */
export function decideClaim(view: ClaimView): ClaimStep {
  const { claim } = view;
  const migration = wantedMigration(
    claim.metadata.annotations,
    STORAGE_PROVISIONER,
    BETA_STORAGE_PROVISIONER,
  );
  if (migration !== undefined) return { kind: 'mark-migrated', ...migration }; // BND67
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return decideBoundClaim(view);
  if (claim.metadata.deletionTimestamp !== undefined) return rest('the claim is being deleted'); // BND10
  const named = claim.spec?.volumeName ?? '';
  return named === '' ? decideOpenClaim(view) : decideNamedClaim(view, named);
}

/** The claim takes any volume that fits. */
function decideOpenClaim(view: ClaimView): ClaimStep {
  const { claim, pointing, free, storageClass } = view;
  const prebound = findPreboundVolume(pointing, claim);
  // OBSERVED: a volume points at the claim, perhaps since a crash between two writes.
  if (prebound !== undefined) return bind(claim, prebound); // BND11
  // A delayed claim gets a free volume only from the scheduler, which has a node in hand.
  const chosen = bindsOnFirstConsumer(storageClass) ? undefined : findFreeVolume(free, claim);
  if (chosen !== undefined) return bind(claim, chosen); // BND12
  // OBSERVED: no volume fits.
  if (leavesClassOpen(claim) && view.defaultClass !== undefined) {
    return { kind: 'assign-class', className: view.defaultClass }; // BND18
  }
  const refusal = refusedPrebound(view);
  if (refusal !== undefined) return pending(claim, refusal); // BND13
  if (bindsOnFirstConsumer(storageClass) && selectedNode(claim) === '') {
    return pending(claim, newsOfDelay(view.waitingPods)); // BND14
  }
  return decideProvisioning(claim, storageClass); // BND15 to BND17
}

/** Why the volume that points at the claim is not taken, for the user to see. */
function refusedPrebound({ pointing, claim }: ClaimView): News | undefined {
  for (const volume of pointing) {
    if (!pointsAtClaim(volume, claim)) continue;
    const mismatch = mismatchWithPreboundVolume(volume, claim);
    if (mismatch === undefined) continue;
    const name = volume.metadata.name;
    const message = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim "${claim.metadata.name}"`;
    return { type: 'Normal', reason: 'FailedBinding', message: `${message}: ${mismatch.text}` };
  }
  return undefined;
}

function selectedNode(claim: Claim): string {
  return claim.metadata.annotations?.[SELECTED_NODE] ?? '';
}

function newsOfDelay(pods: readonly string[]): News {
  if (pods.length === 0) {
    const message = 'waiting for first consumer to be created before binding';
    return { type: 'Normal', reason: 'WaitForFirstConsumer', message };
  }
  const noun = pods.length === 1 ? 'pod' : 'pods';
  const message = `waiting for ${noun} ${pods.join(',')} to be scheduled`;
  return { type: 'Normal', reason: 'WaitForPodScheduled', message };
}

function decideProvisioning(claim: Claim, storageClass: StorageClass | undefined): ClaimStep {
  const className = classOfClaim(claim);
  if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return pending(claim, { type: 'Normal', reason: 'FailedBinding', message }); // BND15
  }
  if (storageClass === undefined) return pending(claim, failed(unknownClass(className)));
  if (!canProvision(storageClass)) return pending(claim, failed(cannotProvision(className, storageClass))); // BND16
  const { provisioner } = storageClass;
  const annotations = claim.metadata.annotations ?? {};
  if (
    annotations[STORAGE_PROVISIONER] !== provisioner ||
    annotations[BETA_STORAGE_PROVISIONER] !== provisioner
  ) {
    return { kind: 'ask-provisioner', provisioner }; // BND17
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the ` +
    'system administrator. If volume creation is delayed, please verify that the provisioner is running and ' +
    'correctly registered.';
  return pending(claim, { type: 'Normal', reason: 'ExternalProvisioning', message });
}

function failed(message: string): News {
  return { type: 'Warning', reason: 'ProvisioningFailed', message };
}

function unknownClass(className: string): string {
  return (
    `storageclass.storage.k8s.io "${className}" not found: create the class, or name an existing one in ` +
    'spec.storageClassName of a new claim (the field cannot be changed)'
  );
}

function cannotProvision(className: string, { provisioner }: StorageClass): string {
  if (provisioner === NO_PROVISIONER) {
    return (
      `no volume of class "${className}" fits this claim and its provisioner is "${NO_PROVISIONER}": an ` +
      'administrator has to create a PersistentVolume of that class'
    );
  }
  const successor = successorOf(provisioner);
  const needed =
    successor === undefined
      ? 'a class whose provisioner is the name of a CSI driver is needed'
      : `install the CSI driver "${successor}" and make a class with it as provisioner`;
  return `no volume plugin matched name: provisioner "${provisioner}" of class "${className}" is an in-tree one; ${needed}`;
}

/** The user wants this volume and no other. */
function decideNamedClaim({ claim, volume }: ClaimView, named: string): ClaimStep {
  if (volume === undefined) return pending(claim); // BND20
  if (volume.spec?.claimRef === undefined) {
    const mismatch = mismatchWithNamedVolume(volume, claim);
    if (mismatch === undefined) return bind(claim, volume); // BND21
    const message = `Cannot bind to requested volume "${named}": ${mismatch.text}`;
    return pending(claim, { type: 'Warning', reason: 'VolumeMismatch', message }); // BND22
  }
  if (pointsAtClaim(volume, claim)) {
    // A difference of mode would hand a block device to a file system or the reverse: refused even here.
    if (volumeModeOf(volume) === volumeModeOf(claim)) return bind(claim, volume); // BND23
    const message = `Cannot bind to requested volume "${named}": incompatible volumeMode`;
    return pending(claim, { type: 'Warning', reason: 'VolumeMismatch', message }); // BND22
  }
  // OBSERVED: the volume belongs to another claim.
  const byController = claim.metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined;
  const text = `volume "${named}" already bound to a different claim "${claimKeyOf(volume) ?? ''}"`;
  const news: News = { type: byController ? 'Warning' : 'Normal', reason: 'FailedBinding', message: text };
  return pending(claim, news); // BND24
}

/** The claim was bound before: what its volume says now counts. */
function decideBoundClaim({ claim, volume }: ClaimView): ClaimStep {
  const named = claim.spec?.volumeName ?? '';
  if (named === '') return lost(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume'); // BND40
  if (volume === undefined) return lost(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume'); // BND41
  const ref = volume.spec?.claimRef;
  if (ref === undefined || (!hasUid(ref) && pointsAtClaim(volume, claim))) return bind(claim, volume); // BND42
  if (isReservedFor(volume, claim)) return bind(claim, volume); // BND43
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return lost(claim, 'ClaimMisbound', message); // BND44
}

function lost(claim: Claim, reason: string, message: string): ClaimStep {
  if (claim.status?.phase === 'Lost') return rest('the claim is lost');
  const text = reason === 'ClaimLost' ? `${message}. Data on the volume is lost!` : message;
  return { kind: 'lose', news: { type: 'Warning', reason, message: text } };
}

/** The first of the four writes that is not there yet. BND1 to BND5. */
function bind(claim: Claim, volume: Volume): ClaimStep {
  if (!isReservedFor(volume, claim)) return { kind: 'reserve', volume };
  if (volume.status?.phase !== 'Bound') return { kind: 'mark-bound', volume };
  const points = claim.spec?.volumeName === volume.metadata.name;
  const completed = claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
  if (!points || !completed) return { kind: 'point', volume };
  if (!isPublished(claim, volume)) return { kind: 'publish', volume };
  return rest('bound');
}

/** Capacity is not compared: once bound, it belongs to expansion (BND5). */
function isPublished(claim: Claim, volume: Volume): boolean {
  const has = claim.status?.accessModes ?? [];
  const wants = volume.spec?.accessModes ?? [];
  const sameModes = has.length === wants.length && has.every((mode, at) => mode === wants[at]);
  return claim.status?.phase === 'Bound' && sameModes;
}

function pending(claim: Claim, news?: News): ClaimStep {
  const told = news === undefined ? {} : { news };
  if (claim.status?.phase === 'Pending') {
    return { kind: 'rest', because: news?.message ?? 'the requested volume does not exist', ...told };
  }
  return { kind: 'pend', ...told }; // BND19
}

function rest(because: string): ClaimStep {
  return { kind: 'rest', because };
}
