// Decides about the protection of one claim or volume. Pure; the same decision is made again from live reads before
// anything is released.
import type { ProtectionView } from './view.ts';

export type ProtectionStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'protect' }
  /** Waits for an event of what needs it. */
  | { readonly kind: 'keep'; readonly neededBy: string }
  /** Nothing known needs it: look live, and if that agrees remove the finalizer. */
  | { readonly kind: 'release' };

export function decideProtection({ isDeleting, isProtected, neededBy }: ProtectionView): ProtectionStep {
  if (!isDeleting) {
    // OBSERVED: alive. The server adds the finalizer at creation; a foreign server may not have.
    return isProtected ? { kind: 'settled' } : { kind: 'protect' }; // PRT1
  }
  // OBSERVED: being deleted. Finalizers can no longer be added.
  if (!isProtected) return { kind: 'settled' };
  if (neededBy !== undefined) return { kind: 'keep', neededBy }; // PRT2, PRT4
  return { kind: 'release' }; // PRT3, PRT5
}
