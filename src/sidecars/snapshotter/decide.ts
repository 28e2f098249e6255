// Decides the next step for one content. Pure. Rules of SPEC.md.
//
//   (new) --record--> being created --create--> handle stored --settle--> (until ready: create) --> ready
//   (handle given) --check--> ready
//   being deleted --create (settles what is unknown)--> --delete--> --release--> gone
import type { ContentView } from './view.ts';

export type ContentStep =
  | { readonly kind: 'none'; readonly because: string }
  /** Somebody else's word is missing; its event will bring the content back. */
  | { readonly kind: 'wait'; readonly because: string }
  /** Annotate it, with the parameters of the call (SNS2). */
  | { readonly kind: 'record' }
  /** CreateSnapshot with what is recorded, once more or for the first time (SNS4, SNS6). */
  | { readonly kind: 'create' }
  /** The handle is stored: the annotation goes (SNS5). */
  | { readonly kind: 'settle' }
  /** Ask the driver about the handle that was given (SNS20). */
  | { readonly kind: 'check' }
  | { readonly kind: 'delete' }
  /** The finalizer goes (SNS34). */
  | { readonly kind: 'release' };

export function decideContent(view: ContentView): ContentStep {
  return view.isDeleting ? decideEnd(view) : decideLife(view);
}

function decideLife({ source, hasHandle, isBeingCreated, isReady }: ContentView): ContentStep {
  if (source === 'handle') return isReady ? { kind: 'none', because: 'it is ready' } : { kind: 'check' };
  // OBSERVED: no handle. Perhaps the driver has the snapshot already, if the annotation says so.
  if (!hasHandle) return isBeingCreated ? { kind: 'create' } : { kind: 'record' };
  // OBSERVED: the handle is stored, so the annotation has done its work.
  if (isBeingCreated) return { kind: 'settle' };
  return isReady ? { kind: 'none', because: 'it is ready' } : { kind: 'create' };
}

function decideEnd(view: ContentView): ContentStep {
  const { hasFinalizer, isBeingCreated, isBeingDeleted, isBound, hasHandle, policy, isMember } = view;
  if (!hasFinalizer) return { kind: 'none', because: 'its finalizer is gone' };
  // SNS31: what is unknown is made known first; only then is there something to delete or to keep.
  if (isBeingCreated) return hasHandle ? { kind: 'settle' } : { kind: 'create' };
  if (isBound && !isBeingDeleted) return { kind: 'wait', because: 'its snapshot is not being deleted' }; // SNS30
  if (policy === 'Retain' || !hasHandle || isMember) return { kind: 'release' }; // SNS33, SNS36
  return { kind: 'delete' };
}
