// Decides whether a namespace needs its default ServiceAccount. Pure.
import type { NamespaceView } from './view.ts';

export type AccountStep = { readonly kind: 'settled' } | { readonly kind: 'create' };

export function decideAccount({ isActive, hasDefaultAccount }: NamespaceView): AccountStep {
  if (!isActive) return { kind: 'settled' }; // SAC2
  return hasDefaultAccount ? { kind: 'settled' } : { kind: 'create' }; // SAC1
}
