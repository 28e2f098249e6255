// Who leads, decided from a Lease and how long it has not changed. Pure. The times in the Lease are not compared with
// the own clock: clocks of two machines differ, but how long one of them has watched does not lie.
import type { LeaseSpec } from '#api/generated/coordination-v1.ts';

export interface LeaseView {
  /** Undefined: there is no Lease. */
  readonly spec: LeaseSpec | undefined;
  readonly self: string;
  /** For how long this process has seen the Lease in its present form. */
  readonly unchangedMs: number;
}

export type LeaseStep =
  /** Nobody holds it. */
  | { readonly kind: 'acquire' }
  /** Its holder has not renewed it for its whole duration. */
  | { readonly kind: 'take-over'; readonly from: string }
  | { readonly kind: 'renew' }
  | { readonly kind: 'wait'; readonly holder: string };

export function decideLease({ spec, self, unchangedMs }: LeaseView): LeaseStep {
  const holder = spec?.holderIdentity ?? '';
  if (holder === '') return { kind: 'acquire' };
  if (holder === self) return { kind: 'renew' };
  const durationMs = (spec?.leaseDurationSeconds ?? 0) * 1000;
  return unchangedMs >= durationMs ? { kind: 'take-over', from: holder } : { kind: 'wait', holder };
}

export interface LeaseTerms {
  readonly self: string;
  readonly durationSeconds: number;
  /** MicroTime. */
  readonly now: string;
}

/** The Lease after `step`; only a change of the holder counts as a transition. */
export function leaseAfter(step: LeaseStep, old: LeaseSpec | undefined, terms: LeaseTerms): LeaseSpec {
  const isNewHolder = step.kind !== 'renew';
  const transitions = old?.leaseTransitions ?? 0;
  return {
    ...old,
    holderIdentity: terms.self,
    leaseDurationSeconds: terms.durationSeconds,
    acquireTime: isNewHolder ? terms.now : old?.acquireTime,
    renewTime: terms.now,
    leaseTransitions: isNewHolder && old !== undefined ? transitions + 1 : transitions,
  };
}
