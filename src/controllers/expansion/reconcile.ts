// Tells a claim's author what decide.ts found, once for each request.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import type { Outcome } from '#client/outcome.ts';
import { decideTelling } from './decide.ts';
import { claimView } from './view.ts';

export interface ExpansionDeps {
  readonly events: EventRecorder;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  /** Claim UID to the request that was told. */
  readonly told: Map<string, string>;
}

const SETTLED: Outcome = { kind: 'settled' };

export async function reconcileClaim(deps: ExpansionDeps, key: string): Promise<Outcome> {
  const claim = deps.claims.get(key);
  if (claim === undefined) return SETTLED;
  const { uid } = claim.metadata;
  const step = decideTelling(claimView(claim, deps.volumes.get(claim.spec?.volumeName ?? '')));
  if (step.kind === 'none') {
    deps.told.delete(uid);
    return SETTLED;
  }
  const requested = claim.spec?.resources?.requests?.storage ?? '';
  if (deps.told.get(uid) === requested) return SETTLED; // EXP4
  deps.told.set(uid, requested);
  deps.events.record(claim, { type: step.type, reason: 'ExternalExpanding', message: step.message });
  return SETTLED;
}
