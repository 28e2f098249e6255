// Decides what the author of a claim is told about its growth. Pure. Rules of SPEC.md.
import { compareQuantities } from '#api/quantity.ts';
import type { ClaimView } from './view.ts';

export type TellStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'tell'; readonly type: 'Normal' | 'Warning'; readonly message: string };

export function decideTelling({ isBound, facts, volumeName, driver, type }: ClaimView): TellStep {
  if (!isBound || facts === undefined || facts.status !== '') return { kind: 'none' }; // EXP1
  if (compareQuantities(facts.requested, facts.capacity) <= 0) return { kind: 'none' };
  if (driver !== undefined) {
    const message =
      `waiting for an external controller to expand this PVC: the resizer of CSI driver "${driver}" ` +
      `grows volume "${volumeName}" from ${facts.capacity} to ${facts.requested}`;
    return { kind: 'tell', type: 'Normal', message }; // EXP2
  }
  const message =
    `Cannot expand volume "${volumeName}" from ${facts.capacity} to ${facts.requested}: it is of type "${type}", ` +
    'which nothing here can grow: a volume of a CSI driver with EXPAND_VOLUME is needed';
  return { kind: 'tell', type: 'Warning', message }; // EXP3
}
