// Decides the next step for one snapshot or group snapshot, and for one content by itself. Pure. Rules of SPEC.md.
//
//   (new) --choose-class--> --protect--> --create-content--> bound --publish--> (as its content) ready
//   (content named)                      --bind-content----/
//   being deleted: --announce--> --delete-content--> (content gone, or kept) --release--> gone
import type { ContentFacts, SnapshotFacts, SnapshotView } from './view.ts';

/** Event reasons of what is wrong with a content, as upstream spells them. */
export type ContentProblem = 'SnapshotContentMissing' | 'SnapshotContentMisbound' | 'SnapshotContentMismatch';

export type SnapshotStep =
  | { readonly kind: 'none'; readonly because: string }
  /** Find the default class and write it into the snapshot (SNC1). */
  | { readonly kind: 'choose-class' }
  | { readonly kind: 'protect' }
  | { readonly kind: 'create-content' }
  /** Write the snapshot's UID into the content that it names (SNC6). */
  | { readonly kind: 'bind-content' }
  | { readonly kind: 'complain'; readonly problem: ContentProblem; readonly message: string }
  /** Copy the content's status (SNC8). */
  | { readonly kind: 'publish' }
  /** Somebody is being restored from it (SNC20). */
  | { readonly kind: 'pend'; readonly neededBy: string }
  /** Annotate the content being-deleted (SNC21). */
  | { readonly kind: 'announce' }
  | { readonly kind: 'delete-content' }
  /** Look live that nothing needs it, then take the finalizers off. */
  | { readonly kind: 'release' };

export function decideSnapshot(view: SnapshotView): SnapshotStep {
  return view.snapshot.isDeleting ? decideEnd(view) : decideLife(view);
}

function decideLife({ snapshot, content, isStatusBehind }: SnapshotView): SnapshotStep {
  if (!snapshot.isProtected) return { kind: 'protect' }; // SNC2
  if (content === undefined) {
    if (!snapshot.isDynamic || snapshot.boundName !== '') {
      return complaint('SnapshotContentMissing', 'VolumeSnapshotContent is missing'); // SNC7
    }
    return snapshot.className === '' ? { kind: 'choose-class' } : { kind: 'create-content' }; // SNC1, SNC3
  }
  const problem = problemOf(snapshot, content);
  if (problem !== undefined) return problem;
  if (content.refUid === '') return { kind: 'bind-content' }; // SNC6
  return isStatusBehind
    ? { kind: 'publish' }
    : { kind: 'none', because: 'its status is what its content says' };
}

function problemOf(snapshot: SnapshotFacts, content: ContentFacts): SnapshotStep | undefined {
  const isNamed = content.refNamespace === snapshot.namespace && content.refName === snapshot.name;
  if (!isNamed || (content.refUid !== '' && content.refUid !== snapshot.uid)) {
    return complaint(
      'SnapshotContentMisbound',
      `VolumeSnapshotContent [${content.name}] is bound to a different snapshot`,
    );
  }
  if (!snapshot.isDynamic && !content.isPreProvisioned) {
    return complaint(
      'SnapshotContentMismatch',
      'VolumeSnapshotContent is dynamically provisioned while expecting a pre-provisioned one',
    );
  }
  return undefined;
}

function complaint(problem: ContentProblem, message: string): SnapshotStep {
  return { kind: 'complain', problem, message };
}

function decideEnd({ snapshot, content, neededBy }: SnapshotView): SnapshotStep {
  if (!snapshot.hasFinalizer) return { kind: 'none', because: 'its finalizers are gone' };
  if (snapshot.isKeptByGroup) return { kind: 'none', because: 'its group keeps it' }; // SNC25
  if (neededBy !== undefined) return { kind: 'pend', neededBy }; // SNC20
  // SNC24: only what points back at this very snapshot is its own.
  const isOwn =
    content !== undefined &&
    content.refUid === snapshot.uid &&
    content.refName === snapshot.name &&
    content.refNamespace === snapshot.namespace;
  if (!isOwn) return { kind: 'release' };
  if (!content.isBeingDeleted) return { kind: 'announce' }; // SNC21
  if (content.policy === 'Retain') return { kind: 'release' }; // SNC22
  return content.isDeleting
    ? { kind: 'none', because: 'its content is being deleted' }
    : { kind: 'delete-content' };
}

export interface ContentView {
  readonly isDeleting: boolean;
  readonly hasFinalizer: boolean;
  readonly isBound: boolean;
  readonly isBeingDeleted: boolean;
  /** Its snapshot is there, under the UID of the reference, and not being deleted. */
  readonly isWanted: boolean;
}

export type OwnContentStep =
  | { readonly kind: 'none' }
  /** SNC5: a content that was made by hand. */
  | { readonly kind: 'protect-content' }
  /** SNC23: if a live read agrees. */
  | { readonly kind: 'announce' };

export function decideContent(view: ContentView): OwnContentStep {
  if (!view.isDeleting) return view.hasFinalizer ? { kind: 'none' } : { kind: 'protect-content' };
  if (!view.hasFinalizer || !view.isBound || view.isBeingDeleted || view.isWanted) return { kind: 'none' };
  return { kind: 'announce' };
}

/** The one default class of a driver (SNC1). */
export function chooseDefaultClass(
  classes: Iterable<{ readonly name: string; readonly driver: string; readonly isDefault: boolean }>,
  driver: string,
):
  | { readonly kind: 'chosen'; readonly name: string }
  | { readonly kind: 'refused'; readonly because: string } {
  const fitting = [...classes].filter((one) => one.isDefault && one.driver === driver);
  const [first, second] = fitting;
  if (first === undefined)
    return { kind: 'refused', because: `cannot find default snapshot class for driver ${driver}` };
  if (second === undefined) return { kind: 'chosen', name: first.name };
  return {
    kind: 'refused',
    because: `${fitting.length} default snapshot classes were found for driver ${driver}: ${fitting.map((one) => one.name).join(', ')}`,
  };
}
